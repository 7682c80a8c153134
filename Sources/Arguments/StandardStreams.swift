@preconcurrency import Glibc

/// Standard input, output and error, which the caller may have closed.
package enum StandardStreams {
    /// Reserves their numbers, so that no file or pipe of ours gets one. They are opened the wrong way round, so that
    /// using one still fails.
    package static func reserve() {
        for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// Writes out what was printed. Throws where that is not possible; a reader that has gone ends the process.
    package static func flush() throws(Failure) {
        let isFlushed = fflush(stdout) == 0
        let number = errno
        guard !isFlushed || ferror(stdout) != 0 else { return }
        if number == EPIPE { exit(ExitCode.closed.rawValue) }
        throw Failure(
            code: .inputOutput,
            message: "cannot write standard output: \(Diagnostics.explain(isFlushed ? EIO : number))")
    }
}
