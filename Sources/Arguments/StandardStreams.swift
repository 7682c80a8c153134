import Glibc

/// Standard input, output and error where whoever started the command has closed them.
package enum StandardStreams {
    /// Takes their numbers, so that no file or pipe of ours gets one. Opened the wrong way round, each still fails when
    /// it is used.
    package static func reserve() {
        for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
