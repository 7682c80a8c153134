import AssayCore
import CBytes
import Glibc

/// What was written into a pipe last: its reader may go away before it has taken that, and then the next run has to
/// write it again.
struct PipeTail: ~Copyable {
    private let descriptor: Int32
    /// What the pipe holds at most.
    private let capacity: Int
    private var bytes: [UInt8] = []
    /// Everything written so far.
    private var length: UInt64 = 0

    private static let drainSeconds = 2.0
    private static let drainStepMicroseconds: UInt32 = 500
    /// Kept before what the pipe can hold, so that its first line is whole.
    private static let longestLine = 1 << 16

    /// Nil for what is no pipe.
    init?(_ descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return nil }
        self.descriptor = descriptor
        capacity = Int(max(assay_pipe_capacity(descriptor), 1 << 16)) + Self.longestLine
    }

    mutating func append(_ written: UnsafeRawBufferPointer) {
        length += UInt64(written.count)
        bytes.append(contentsOf: written.suffix(capacity))
        if bytes.count > 2 * capacity { bytes.removeFirst(bytes.count - capacity) }
    }

    /// The bytes that are in the pipe and were not taken, up to `end` of everything written, from the beginning of the
    /// line that the first of them is in.
    func unread(upTo end: UInt64) -> [UInt8] {
        let taken = length - min(length, UInt64(max(assay_unread_bytes(descriptor), 0)))
        let first = length - UInt64(bytes.count)
        guard taken < end, end > first else { return [] }
        let stop = Int(end - first)
        var start = Int(max(taken, first) - first)
        while start > 0, bytes[start - 1] != UInt8(ascii: "\n") { start -= 1 }
        return Array(bytes[start..<stop])
    }

    /// Waits for a while until the reader has taken everything, or has gone.
    func drain() {
        let end = MonotonicClock.seconds + Self.drainSeconds
        while assay_unread_bytes(descriptor) > 0, MonotonicClock.seconds < end {
            var event = pollfd(fd: descriptor, events: 0, revents: 0)
            if poll(&event, 1, 0) > 0, event.revents & Int16(POLLERR) != 0 { return }
            usleep(Self.drainStepMicroseconds)
        }
    }
}
