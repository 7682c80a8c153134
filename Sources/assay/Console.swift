import Arguments
import Assay
import Synchronization

/// What a run says to people while it lasts, from whichever thread.
final class Console: Sendable {
    private struct State {
        var progress: ProgressLine
    }

    private let state: Mutex<State>
    private let isQuiet: Bool
    private let showsProgress: Bool

    init(isQuiet: Bool, showsProgress: Bool, totalBytes: UInt64?) {
        self.isQuiet = isQuiet
        self.showsProgress = showsProgress
        state = Mutex(State(progress: ProgressLine(total: totalBytes)))
    }

    func report(_ report: ScoreRun.Report) {
        switch report {
        case .rejected(let line): warn(rejected: line)
        case .checkpointFailed(let message): warn(message)
        case .rulesInForce(let count, let sequence):
            if isQuiet { return }
            state.withLock {
                $0.progress.clear()
                Diagnostics.say("reloaded: \(count) rules hold from sequence \(sequence + 1) on")
            }
        case .sequencesEnded(let count):
            warn("\(count) sequences have ended that patterns had begun which are gone or other ones now")
        case .sequencesDropped(let pattern):
            warn(
                "pattern '\(pattern)': a user has more open than its limits allow, so that the oldest sequences are "
                    + "given up; this is said once, and counted")
        case .ruleFailed(let rule, let message):
            warn("rule '\(rule)' failed and counts as not fired: \(message); this is said once, and counted")
        case .progress(let counts, let bytes, let checkpoint):
            show(counts.accepted + counts.rejected, bytes, checkpoint)
        }
    }

    func report(_ report: PipelineRun.Report) {
        switch report {
        case .rejected(let line): warn(rejected: line)
        case .checkpointFailed(let message): warn(message)
        case .expressionFailed(let stream, let message):
            warn("an expression of stream '\(stream)' failed: \(message); this is said once, and counted")
        case .patternsInForce(let changed, let sequence):
            if isQuiet { return }
            let names = changed.isEmpty ? "no pattern is another one" : "changed are \(changed.joined(separator: ", "))"
            state.withLock {
                $0.progress.clear()
                Diagnostics.say("reloaded: the patterns hold from event \(sequence + 1) on; \(names)")
            }
        case .sequencesEnded(let stream, let ended):
            let events = ended.events > 0 ? ", \(ended.events) events that waited for event time with them" : ""
            warn(
                "stream '\(stream)': its pattern is another one, and \(ended.runs) open sequences of it have ended"
                    + events)
        case .runsDropped(let stream, let limits):
            warn(
                "stream '\(stream)': a key has more than \(limits.runs) sequences open, or one of more than "
                    + "\(limits.events) events, so that the oldest are given up; this is said once, and counted")
        case .progress(let counts, let bytes, let checkpoint): show(counts.lines, bytes, checkpoint)
        }
    }

    private func show(_ lines: UInt64, _ bytes: UInt64, _ checkpoint: Int64?) {
        guard showsProgress else { return }
        state.withLock { $0.progress.update(lines, bytes: bytes, checkpoint: checkpoint) }
    }

    private func warn(rejected line: RejectedLine) {
        if isQuiet { return }
        warn("line \(line.line) rejected, \(line.reason.code): \(line.message)")
    }

    private func warn(_ message: String) {
        state.withLock {
            $0.progress.clear()
            Diagnostics.warning(message)
        }
    }

    func end() {
        state.withLock { $0.progress.clear() }
    }
}
