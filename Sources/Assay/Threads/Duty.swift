import Glibc

/// Held by who works on the messages of a box: the thread that waits for them, or for a moment whoever brings one while
/// that thread has nothing to do. Then nobody has to be woken.
///
/// @unchecked Sendable: `lock` never changes, and `sleepsUntil` is only used by who holds the duty.
final class Duty: @unchecked Sendable {
    // Locks must not move in memory once they are in use.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    /// Up to when the thread that waits for messages sleeps if nobody wakes it.
    var sleepsUntil = 0.0

    init() { pthread_mutex_init(lock, nil) }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    func take() { pthread_mutex_lock(lock) }

    /// Returns false where somebody else has it.
    func takeNow() -> Bool { pthread_mutex_trylock(lock) == 0 }

    func giveBack() { pthread_mutex_unlock(lock) }
}
