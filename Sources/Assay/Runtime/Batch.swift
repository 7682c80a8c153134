/// One batch on its way: the text of some lines, what was decoded from it, what was scored, and what is to be written.
/// Stages own it one after another.
final class Batch {
    var text = InputText(capacity: LineReader.batchBytes)
    var decoded = DecodedBatch()
    var scored = FraudDetection.Output()
    var assessments = OutputBuffer()
    var rejects = OutputBuffer(capacity: 1 << 12)
    var counts = ScoreCounts()

    func reset() {
        decoded.reset()
        scored.removeAll()
        assessments.removeAll()
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

    package static func += (left: inout ScoreCounts, right: ScoreCounts) {
        for index in left.levels.indices { left.levels[index] += right.levels[index] }
        for index in left.rejects.indices { left.rejects[index] += right.rejects[index] }
    }
}
