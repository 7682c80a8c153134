import StateStore

/// One batch on its way: the text of some lines, what was decoded from it, what was scored, and what is to be written.
/// Stages own it one after another.
///
/// @unchecked Sendable: it is always in one stage's hands, and passed on through a mailbox.
final class Batch: @unchecked Sendable {
    var text = InputText(capacity: LineReader.batchBytes)
    var decoded = DecodedBatch()
    var scored = FraudDetection.Output()
    var rejects = OutputBuffer(capacity: 1 << 12)
    var counts = ScoreCounts()
    var standing = InputStanding()

    func reset() {
        decoded.reset()
        scored.removeAll()
        rejects.removeAll()
        counts = ScoreCounts()
    }
}

/// What the summary tells.
package struct ScoreCounts: Equatable, Sendable {
    /// By `RiskLevel.rawValue`.
    package var levels = [UInt64](repeating: 0, count: RiskLevel.allCases.count)
    /// By `RejectReason.rawValue`.
    package var rejects = [UInt64](repeating: 0, count: RejectReason.allCases.count)

    package init() {}

    package var accepted: UInt64 { levels.reduce(0, +) }
    package var rejected: UInt64 { rejects.reduce(0, +) }

    /// By name, as checkpoints hold them.
    init(_ tallies: [CheckpointRecord.Tally]) {
        for tally in tallies {
            if let level = RiskLevel.allCases.first(where: { $0.label == tally.name }) {
                levels[Int(level.rawValue)] = tally.count
            } else if let reason = RejectReason.allCases.first(where: { "\($0.code)" == tally.name }) {
                rejects[Int(reason.rawValue)] = tally.count
            }
        }
    }

    /// In order of their names.
    var tallies: [CheckpointRecord.Tally] {
        let all =
            RiskLevel.allCases.map { ($0.label, levels[Int($0.rawValue)]) }
            + RejectReason.allCases.map { ("\($0.code)", rejects[Int($0.rawValue)]) }
        return all.sorted { $0.0 < $1.0 }.map { CheckpointRecord.Tally(name: $0.0, count: $0.1) }
    }

    package static func += (left: inout ScoreCounts, right: ScoreCounts) {
        for index in left.levels.indices { left.levels[index] += right.levels[index] }
        for index in left.rejects.indices { left.rejects[index] += right.rejects[index] }
    }
}
