import Assay
import AssayCore

/// The run that signals are for. A command that goes on with more inputs performs several, one after the other.
final class PresentRun<Stage: RunStage & ~Copyable>: Sendable {
    private struct State {
        var interruption = Interruption()
        var checkpoint: @Sendable () -> Void = {}
        var change: @Sendable (RunChange<Stage>) -> Void = { _ in }
        var ask: @Sendable (@escaping @Sendable (borrowing Stage) -> Void) -> Void = { _ in }
        var isStopped = false
    }

    private let state = Locked(State())

    /// Takes the place of the run before.
    func begin(_ run: borrowing Run<Stage>, _ interruption: Interruption) {
        let (checkpoint, change, ask) = (run.requestCheckpoint, run.change, run.ask)
        state.withLock { state in
            state.ask = ask
            (state.interruption, state.checkpoint, state.change) = (interruption, checkpoint, change)
            if state.isStopped { interruption.trigger() }
        }
    }

    /// Whether somebody has asked for the end.
    var isStopped: Bool { state.withLock { $0.isStopped } }

    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.interruption.trigger()
        }
    }

    func requestCheckpoint() { state.withLock { $0.checkpoint }() }

    func ask(_ question: @escaping @Sendable (borrowing Stage) -> Void) { state.withLock { $0.ask }(question) }

    func change(_ change: RunChange<Stage>) { state.withLock { $0.change }(change) }
}
