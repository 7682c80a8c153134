import Glibc

/// A queue of messages from several threads to one.
///
/// @unchecked Sendable: `messages` and `hasEnded` are only used while `lock` is held.
package final class Mailbox<Message: Sendable>: @unchecked Sendable {
    // Locks must not move in memory once they are in use.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrival = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var messages: [Message] = []
    private var taken = 0
    private var hasEnded = false
    /// Who waits without receiving is to look up.
    private var isCalled = false

    package init() {
        // The lock is held only briefly, so waiting spins before it sleeps.
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

    package func send(_ message: Message) {
        pthread_mutex_lock(lock)
        messages.append(message)
        pthread_mutex_unlock(lock)
        // After unlocking, since the woken thread needs the lock first.
        pthread_cond_signal(arrival)
    }

    /// Sends a message that whoever waits is not woken for.
    func sendQuietly(_ message: Message) {
        pthread_mutex_lock(lock)
        messages.append(message)
        pthread_mutex_unlock(lock)
    }

    /// Ends the waiting of who is in `wait`, or else the next one.
    func wake() {
        pthread_mutex_lock(lock)
        isCalled = true
        pthread_mutex_unlock(lock)
        pthread_cond_signal(arrival)
    }

    /// Waits until there is a message, somebody calls, or the deadline comes, and receives nothing.
    func wait(until deadline: Double) {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while taken == messages.count, !isCalled, !hasEnded {
            guard sleep(until: deadline) else { return }
        }
        isCalled = false
    }

    /// Returns false when the deadline has come. The lock is held.
    private func sleep(until deadline: Double) -> Bool {
        if deadline == .infinity { return pthread_cond_wait(arrival, lock) == 0 }
        if deadline <= 0 { return false }
        var time = timespec(tv_sec: Int(deadline), tv_nsec: Int((deadline - deadline.rounded(.down)) * 1e9))
        return pthread_cond_timedwait(arrival, lock, &time) != ETIMEDOUT
    }

    /// Closes the box: receivers get nothing more.
    package func close() {
        pthread_mutex_lock(lock)
        hasEnded = true
        pthread_cond_broadcast(arrival)
        pthread_mutex_unlock(lock)
    }

    package var isClosed: Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return hasEnded
    }

    package var isEmpty: Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return taken == messages.count
    }

    /// Returns what nobody has received, after it was closed.
    package func drain() -> [Message] {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        defer { messages = [] }
        return Array(messages[taken...])
    }

    /// Returns the next message; nil when the box is closed, or none came by the deadline (of the monotonic clock).
    package func receive(until deadline: Double = .infinity) -> Message? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while !hasEnded {
            if taken < messages.count {
                let message = messages[taken]
                taken += 1
                // The box is usually empty or holds a few, so taken messages are cleared when none is left.
                if taken == messages.count {
                    messages.removeAll(keepingCapacity: true)
                    taken = 0
                }
                return message
            }
            if !sleep(until: deadline), taken == messages.count { return nil }
        }
        return nil
    }

    /// Returns the next message if there is one.
    package func receiveNow() -> Message? { receive(until: 0) }
}
