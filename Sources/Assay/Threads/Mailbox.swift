import Glibc

/// Messages from threads to one that takes them in order.
///
/// @unchecked Sendable: `messages` and `isClosed` are touched only while `lock` is held.
final class Mailbox<Message: Sendable>: @unchecked Sendable {
    // Locks must not move in memory once they are in use.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrival = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var messages: [Message] = []
    private var taken = 0
    private var isClosed = false

    init() {
        // The lock is held for moments: whoever finds it taken looks again before going to sleep.
        var kind = pthread_mutexattr_t()
        pthread_mutexattr_init(&kind)
        pthread_mutexattr_settype(&kind, Int32(PTHREAD_MUTEX_ADAPTIVE_NP))
        pthread_mutex_init(lock, &kind)
        pthread_mutexattr_destroy(&kind)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(arrival, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(arrival)
        pthread_mutex_destroy(lock)
        lock.deallocate()
        arrival.deallocate()
    }

    func send(_ message: Message) {
        pthread_mutex_lock(lock)
        messages.append(message)
        pthread_mutex_unlock(lock)
        // Behind the lock, which the woken one wants first.
        pthread_cond_signal(arrival)
    }

    /// Whoever waits, or comes later, gets nothing more.
    func close() {
        pthread_mutex_lock(lock)
        isClosed = true
        pthread_cond_broadcast(arrival)
        pthread_mutex_unlock(lock)
    }

    /// The next message; nil when the box was closed, or none came up to the deadline (of the monotonic clock).
    func receive(until deadline: Double = .infinity) -> Message? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while !isClosed {
            if taken < messages.count {
                let message = messages[taken]
                taken += 1
                // The box is mostly empty or holds a few, so what was taken is cleared when nothing is left.
                if taken == messages.count {
                    messages.removeAll(keepingCapacity: true)
                    taken = 0
                }
                return message
            }
            if deadline == .infinity {
                pthread_cond_wait(arrival, lock)
                continue
            }
            if deadline <= 0 { return nil }
            var time = timespec(
                tv_sec: Int(deadline), tv_nsec: Int((deadline - deadline.rounded(.down)) * 1e9))
            if pthread_cond_timedwait(arrival, lock, &time) == ETIMEDOUT, taken == messages.count { return nil }
        }
        return nil
    }

    /// The next message if one is there.
    func receiveNow() -> Message? { receive(until: 0) }
}
