import Glibc

/// Limits how many threads compute at once; the others wait for their turn. No thread keeps its turn while it waits for
/// input, for a reader of the output, or for another stage, so turns can't wait for each other.
///
/// @unchecked Sendable: `free` is only used while `lock` is held.
final class Turns: @unchecked Sendable {
    // Locks must not move in memory once they are in use.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let change = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var free: Int

    /// The number of stages: with as many turns nobody ever waits.
    static let most = 3

    init(_ count: Int) {
        precondition(count > 0)
        free = count
        pthread_mutex_init(lock, nil)
        pthread_cond_init(change, nil)
    }

    deinit {
        pthread_cond_destroy(change)
        pthread_mutex_destroy(lock)
        lock.deallocate()
        change.deallocate()
    }

    func take() {
        pthread_mutex_lock(lock)
        while free == 0 { pthread_cond_wait(change, lock) }
        free -= 1
        pthread_mutex_unlock(lock)
    }

    func giveBack() {
        pthread_mutex_lock(lock)
        free += 1
        pthread_cond_signal(change)
        pthread_mutex_unlock(lock)
    }
}
