import Glibc

/// A file or pipe that lines are written to. It belongs to one stage.
struct OutputSink: ~Copyable {
    private let descriptor: Int32
    /// Of the file, or bytes written by this run.
    private(set) var length: UInt64

    init(descriptor: Int32, length: UInt64 = 0) {
        self.descriptor = descriptor
        self.length = length
    }

    /// Why bytes could not be written.
    enum Fault: Error, Equatable {
        /// Nobody reads any more.
        case closed
        case failed(errorNumber: Int32)

        var errorNumber: Int32 {
            switch self {
            case .closed: EPIPE
            case .failed(let number): number
            }
        }
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                length += UInt64(count)
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: waitUntilWritable()
            case EPIPE: throw .closed
            default: throw .failed(errorNumber: errno)
            }
        }
    }

    /// Somebody may have made the pipe non-blocking for us.
    private func waitUntilWritable() {
        var event = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&event, 1, -1)
    }
}
