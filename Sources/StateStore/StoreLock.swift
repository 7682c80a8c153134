import AssayCore
import Glibc

/// The right to change the state in a folder: one process at a time. The system releases it when the process ends,
/// however it ends.
package struct StoreLock: ~Copyable {
    private let descriptor: Int32

    package init(folder: String) throws(StoreError) {
        let path = "\(folder)/lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw StoreError(.cannotOpen, "opening '\(path)'", String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isTaken = errno == EWOULDBLOCK
            let reason = String(cString: strerror(errno))
            let owner = Self.owner(descriptor)
            close(descriptor)
            throw isTaken
                ? StoreError(.inUse(pid: owner), "locking '\(folder)'", "another process has it")
                : StoreError(.inputOutput, "locking '\(path)'", reason)
        }
        // Only for the message of a second process, so it need not be durable.
        let text = "\(getpid())\n"
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.utf8.count, 0) }
    }

    deinit {
        close(descriptor)
    }

    private static func owner(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != 0x0A }, as: UTF8.self))
    }
}
