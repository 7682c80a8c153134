import Glibc

/// A descriptor that becomes readable, and stays so, once reading has to stop.
package final class Interruption: Sendable {
    package let descriptor: Int32
    private let writeEnd: Int32

    package init() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            preconditionFailure("cannot create a pipe: \(String(cString: strerror(errno)))")
        }
        (descriptor, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(writeEnd)
    }

    /// May be called from any thread, and more than once.
    package func trigger() {
        var byte: UInt8 = 1
        // One byte is enough: a full pipe is readable too.
        _ = write(writeEnd, &byte, 1)
    }

    package var isTriggered: Bool { Self.isTriggered(descriptor) }

    /// The same of its descriptor; false for -1, which nobody triggers.
    package static func isTriggered(_ descriptor: Int32) -> Bool { isTriggered(descriptor, withinMilliseconds: 0) }

    /// Waits for so long at most.
    package static func isTriggered(_ descriptor: Int32, withinMilliseconds time: Int32) -> Bool {
        var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, time) > 0
    }
}
