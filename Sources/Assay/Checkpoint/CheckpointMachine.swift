import AssayCore
import StateStore

/// The order of the steps of a checkpoint, and nothing else: collect the changed states and drain the output, both
/// during the run; then commit; then release. At most one is under way.
struct CheckpointMachine {
    enum Event: Equatable {
        case requested(CheckpointRecord.Reason)
        /// Every state that changed before the cut is written.
        case statesCollected
        /// Every line that was scored before the cut is written.
        case outputDrained
        case committed
        case failed
    }

    enum Action: Equatable {
        /// Cut between two batches: everything so far belongs to this checkpoint.
        case cut(CheckpointRecord.Reason)
        /// Make the output durable, then commit states and positions in one transaction.
        case commit
        /// Wait a while, then report `requested` again.
        case waitForRetry
        /// Too many failures in a row.
        case giveUp
        /// The last checkpoint is complete.
        case finish
    }

    private enum Phase: Equatable {
        case resting
        case gathering(collected: Bool, drained: Bool)
        case committing
        /// A commit failed and will be retried.
        case failed
        case over
    }

    /// After this many failures in a row the run ends.
    static let mostFailures = 3

    private var phase = Phase.resting
    private var present: CheckpointRecord.Reason?
    private var waiting: CheckpointRecord.Reason?
    private var failures = 0

    var isResting: Bool { phase == .resting }

    var waitsForRetry: Bool { phase == .failed }

    /// The last checkpoint is under way or requested.
    var isEnding: Bool { present?.isLast == true || waiting?.isLast == true }

    mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .requested(let reason): return request(reason)
        case .statesCollected: return gather { collected, _ in collected = true }
        case .outputDrained: return gather { _, drained in drained = true }
        case .committed:
            precondition(phase == .committing)
            failures = 0
            phase = .resting
            if present?.isLast == true {
                phase = .over
                return [.finish]
            }
            guard let next = waiting else { return [] }
            waiting = nil
            return request(next)
        case .failed:
            precondition(phase == .committing)
            failures += 1
            phase = failures < Self.mostFailures ? .failed : .over
            return [phase == .over ? .giveUp : .waitForRetry]
        }
    }

    private mutating func request(_ reason: CheckpointRecord.Reason) -> [Action] {
        switch phase {
        case .resting:
            phase = .gathering(collected: false, drained: false)
            present = reason
            return [.cut(reason)]
        case .failed:
            if reason.isLast { waiting = reason }
            phase = .committing
            return [.commit]
        case .gathering, .committing:
            // One more is enough, however often it was requested; the last one comes last.
            if waiting?.isLast != true { waiting = reason }
            return []
        case .over: return []
        }
    }

    private mutating func gather(_ note: (inout Bool, inout Bool) -> Void) -> [Action] {
        guard case .gathering(var collected, var drained) = phase else {
            preconditionFailure("nothing is being gathered")
        }
        note(&collected, &drained)
        phase = collected && drained ? .committing : .gathering(collected: collected, drained: drained)
        return phase == .committing ? [.commit] : []
    }
}

extension CheckpointRecord.Reason {
    /// Nothing is scored after it.
    var isLast: Bool { self == .end || self == .closed }
}
