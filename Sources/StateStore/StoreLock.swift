import AssayCore
import Glibc

/// The right to change the state in a folder: one process at a time. The system releases it when the process ends,
/// however it ends.
package struct StoreLock: ~Copyable {
    private let descriptor: Int32
    /// The folder itself: a lock file that was removed would let another process in.
    private let place: Int32

    package init(folder: String) throws(StoreError) {
        let lock = try Self.take("\(folder)/lock", O_RDWR | O_CREAT, of: folder, owner: Self.owner)
        let place: Int32
        do throws(StoreError) {
            place = try Self.take(folder, O_RDONLY | O_DIRECTORY, of: folder) { _ in nil }
        } catch {
            close(lock)
            throw error
        }
        // Only for the message of a second process, so it need not be durable.
        let text = "\(getpid())\n"
        if ftruncate(lock, 0) == 0 { _ = pwrite(lock, text, text.utf8.count, 0) }
        (descriptor, self.place) = (lock, place)
    }

    /// Opens and locks a file, or a folder. `owner` finds out who has it already.
    private static func take(
        _ path: String, _ flags: Int32, of folder: String, owner: (Int32) -> Int32?
    ) throws(StoreError) -> Int32 {
        let opened = open(path, flags | O_CLOEXEC, 0o644)
        guard opened >= 0 else {
            throw StoreError(.cannotOpen, "opening '\(path)'", String(cString: strerror(errno)))
        }
        if flock(opened, LOCK_EX | LOCK_NB) == 0 { return opened }
        let isTaken = errno == EWOULDBLOCK
        let reason = String(cString: strerror(errno))
        let owner = owner(opened)
        close(opened)
        throw isTaken
            ? StoreError(.inUse(pid: owner), "locking '\(folder)'", "another process has it")
            : StoreError(.inputOutput, "locking '\(path)'", reason)
    }

    deinit {
        close(descriptor)
        close(place)
    }

    private static func owner(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != 0x0A }, as: UTF8.self))
    }
}
