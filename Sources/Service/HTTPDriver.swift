import Assay
import CMicrohttpd
import Glibc
import Synchronization

/// Who does the work of the server: the thread that waits for its requests, while it waits. So a request is received,
/// scored and answered without a thread waking another. When that thread has been elsewhere for a while (in a long
/// request, or held up by a disk or an output), or where no thread waits for requests, a stand-in does it.
///
/// @unchecked Sendable: the daemon is set while nobody drives, and everything else guards itself.
final class HTTPDriver: @unchecked Sendable {
    private var library: UnsafePointer<assay_http>?
    private var daemon: OpaquePointer?
    private var events: Int32 = -1
    /// Makes whoever drives look up from waiting.
    private let signal: Int32
    /// Held by who drives.
    private let turn = Locked(())
    /// The thread that waits for requests wants to drive.
    private let isWanted = Atomic(false)
    private let isStoodIn = Atomic(false)
    private let isOver = Atomic(false)
    /// Some connection was woken since the last turn began, which the library does not tell who waits for it.
    private let hasWoken = Atomic(false)
    /// The present turn waits for what comes: connections without an answer sleep meanwhile. Used by who drives.
    private(set) var isPatient = true
    /// When a turn of the thread that waits for requests has ended, in microseconds of the monotonic clock.
    private let lastTurn = Atomic<UInt64>(0)
    private var thread: WorkerThread?

    private static let microsecondsOfPatience: useconds_t = 20_000
    private static let longestWait = 1.0

    init() {
        signal = assay_http_new_signal()
        precondition(signal >= 0, "a process has descriptors left when it starts")
    }

    deinit { close(signal) }

    /// Begins to drive a daemon.
    func begin(_ library: UnsafePointer<assay_http>, _ daemon: OpaquePointer) {
        wake()
        turn.withLock { _ in
            (self.library, self.daemon) = (library, daemon)
            events = assay_http_events(library, daemon)
        }
        thread = WorkerThread { [self] in standInWhereNeeded() }
    }

    /// Drives until something came or a moment has passed, unless there is a reason not to wait. Called by the thread
    /// that waits for requests.
    func drive(until deadline: Double, unless hasReason: () -> Bool) {
        isWanted.store(true, ordering: .sequentiallyConsistent)
        if isStoodIn.load(ordering: .sequentiallyConsistent) { wake() }
        turn.withLock { _ in
            isWanted.store(false, ordering: .sequentiallyConsistent)
            isPatient = deadline > 0
            defer { isPatient = true }
            work(until: hasReason() ? 0 : deadline)
            lastTurn.store(Self.microseconds, ordering: .relaxed)
        }
    }

    /// A connection was woken.
    func noteWoken() {
        if !hasWoken.exchange(true, ordering: .sequentiallyConsistent) { wake() }
    }

    func wake() { assay_http_signal(signal) }

    /// Nobody drives any more once this returns.
    func stop() {
        isOver.store(true, ordering: .sequentiallyConsistent)
        wake()
        thread.take()?.join()
    }

    private static var microseconds: UInt64 { UInt64(MonotonicClock.seconds * 1e6) }

    private func work(until deadline: Double) {
        let hasWoken = hasWoken.exchange(false, ordering: .sequentiallyConsistent)
        let seconds = hasWoken ? 0 : max(0, min(deadline - MonotonicClock.seconds, Self.longestWait))
        assay_http_work(library, daemon, events, signal, Int(seconds * 1e9))
    }

    private func standInWhereNeeded() {
        while !isOver.load(ordering: .sequentiallyConsistent) {
            let now = Self.microseconds
            if now - min(now, lastTurn.load(ordering: .relaxed)) >= UInt64(Self.microsecondsOfPatience) {
                turn.withLockIfAvailable { _ -> Void in
                    standIn(while: { !isWanted.load(ordering: .sequentiallyConsistent) })
                }
            }
            usleep(Self.microsecondsOfPatience)
        }
    }

    private func standIn(while isNeeded: () -> Bool) {
        isStoodIn.store(true, ordering: .sequentiallyConsistent)
        while isNeeded(), !isOver.load(ordering: .sequentiallyConsistent) { work(until: .infinity) }
        isStoodIn.store(false, ordering: .sequentiallyConsistent)
    }
}
