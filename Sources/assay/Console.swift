import Arguments
import Assay
import AssayCore

/// Messages to people during a run, from any thread.
final class Console: Sendable {
    private struct State {
        var progress: ProgressLine
        /// For a pending reload: the streams that it changes, or the new number of rules.
        var changed: [String]?
        var rules: Int?
    }

    private let state: Locked<State>
    private let isQuiet: Bool
    private let showsProgress: Bool

    init(isQuiet: Bool, showsProgress: Bool, totalBytes: UInt64?) {
        self.isQuiet = isQuiet
        self.showsProgress = showsProgress
        state = Locked(State(progress: ProgressLine(total: totalBytes)))
    }

    /// Records what a reload changes, until it takes effect.
    func expect(changed: [String]) { state.withLock { $0.changed = changed } }
    func expect(rules: Int) { state.withLock { $0.rules = rules } }

    func report(_ report: RunReport) {
        switch report {
        case .rejected(let line): warn(rejected: line)
        case .checkpointFailed(let message), .input(let message): warn(message)
        case .stage(let notice): warn(Self.text(notice))
        case .changed(let sequence): sayChanged(sequence)
        case .progress(let counts, let bytes, let lag, let checkpoint): show(counts.lines, bytes, lag, checkpoint)
        }
    }

    private static func text(_ notice: StageNotice) -> String {
        switch notice {
        case .expressionFailed(let stream, let message):
            "an expression of stream '\(stream)' failed: \(message); this is reported once, and counted"
        case .ruleFailed(let rule, let message):
            "rule '\(rule)' failed and counts as not fired: \(message); this is reported once, and counted"
        case .sequencesDropped(let pattern):
            "pattern '\(pattern)': a user has more open than its limits allow, so that the oldest sequences are "
                + "dropped; this is reported once, and counted"
        case .runsDropped(let stream, let limits):
            "stream '\(stream)': a key has more than \(limits.runs) sequences open, or one of more than "
                + "\(limits.events) events, so that the oldest are dropped; this is reported once, and counted"
        case .streamSequencesEnded(let stream, let ended):
            "stream '\(stream)': its pattern has changed, and \(ended.runs) open sequences of it have ended"
                + (ended.events > 0 ? ", \(ended.events) waiting events with them" : "")
        case .sequencesEnded(let count):
            "\(count) sequences have ended because their patterns were removed or changed"
        case .entriesDropped:
            "more transactions wait for their labels than 'learning.max_pending' allows, so that the oldest leave "
                + "before anything is learned from them; raise it. This is reported once, and counted"
        case .learningForgotten(let forgotten): Self.text(forgotten)
        }
    }

    private static func text(_ forgotten: LearnedModel.Forgotten) -> String {
        switch forgotten {
        case .all: "'learning' is off: what was learned is forgotten with the next checkpoint"
        case .everything(let category):
            "'learning.category' was '\(category)': the model begins anew, with its entries and their memories"
        case .model(let riskKeys):
            "'learning.risk_keys' were \(riskKeys.joined(separator: ", ")): the model begins anew, with its entries "
                + "and their memories"
        }
    }

    private func sayChanged(_ sequence: UInt64) {
        if isQuiet { return }
        state.withLock { state in
            state.progress.clear()
            guard let changed = state.changed else {
                let count = state.rules.map { "\($0) rules hold" } ?? "the rules hold"
                return Diagnostics.say("reloaded: \(count) from sequence \(sequence + 1) on")
            }
            let names = changed.isEmpty ? "no pattern has changed" : "changed: \(changed.joined(separator: ", "))"
            Diagnostics.say("reloaded: the patterns hold from event \(sequence + 1) on; \(names)")
        }
    }

    private func show(_ lines: UInt64, _ bytes: UInt64, _ lag: UInt64?, _ checkpoint: Int64?) {
        guard showsProgress else { return }
        state.withLock { $0.progress.update(lines, bytes: bytes, lag: lag, checkpoint: checkpoint) }
    }

    private func warn(rejected line: RejectedLine) {
        if isQuiet { return }
        warn("\(line.place(withByte: false)) rejected, \(line.reason.code): \(line.message)")
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
