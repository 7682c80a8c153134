import Assay
import AssayCore

/// Where requests with lines wait for the run.
final class Intake: Sendable {
    private struct State {
        /// The configuration that is to hold from the next line on, until the source has taken it.
        var wanted: String?
        var isLive = false
        var isOver = false
    }

    enum Arrival: Sendable {
        case submission(Submission)
        /// Somebody wants the thread that waits here to look at its other work.
        case call
    }

    private let waiting = Mailbox<Arrival>()
    /// Requests come while it drives.
    private let driver: HTTPDriver
    private let state = Locked(State())

    init(_ driver: HTTPDriver) {
        self.driver = driver
    }

    /// Whether lines are taken: everything of the journal was.
    var isLive: Bool { state.withLock { $0.isLive } }

    func beginLive() { state.withLock { $0.isLive = true } }

    /// Returns false where nobody takes it any more.
    func submit(_ submission: Submission) -> Bool {
        state.withLock { state in
            guard state.isLive, !state.isOver else { return false }
            waiting.send(.submission(submission))
            return true
        }
    }

    /// What is there, or comes by a deadline.
    func next(until deadline: Double) -> Arrival? {
        repeat {
            if let arrival = waiting.receiveNow() { return arrival }
            driver.drive(until: deadline) { !waiting.isEmpty }
        } while MonotonicClock.seconds < deadline
        return waiting.receiveNow()
    }

    func call() {
        waiting.send(.call)
        driver.wake()
    }

    func want(_ configuration: String) { state.withLock { $0.wanted = configuration } }

    var wanted: String? { state.withLock { $0.wanted } }

    func takeWanted() -> String? {
        state.withLock { state in
            defer { state.wanted = nil }
            return state.wanted
        }
    }

    /// Nothing is taken any more. What waits is told so.
    func end() {
        state.withLock { $0.isOver = true }
        waiting.close()
        for case .submission(let submission) in waiting.drain() { submission.abandon() }
    }
}
