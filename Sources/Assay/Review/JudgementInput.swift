import AssayCore
import StateStore

extension Judgement {
    /// As the line of a label; nil where it is none.
    package var labelLine: String? {
        guard let isFraud = verdict.isFraud else { return nil }
        let label = JSON.object([
            ("transaction_id", .string(transactionID)), ("fraud", .bool(isFraud)),
            ("timestamp", .real(Double(time) / 1000)),
        ])
        return JSON.object([("label", label)]).text + "\n"
    }
}

/// What people judge at the desk of this state, as an input of labels. It ends with the others.
struct JudgementInput: SourceDefinition {
    var path: String { "judgements" }
    var format: InputFormat { .jsonl }
    var isEndless: Bool { false }
    var isFollower: Bool { true }
    var file: String? { nil }

    func find(_ recorded: CheckpointRecord.Input?, _ opening: SourceOpening) throws(RunFailure) -> any FoundSource {
        guard let folder = opening.stateFolder else {
            throw RunFailure(.usage, "judgements are kept beside the state: leave out --no-checkpoints")
        }
        if let recorded, recorded.path != path {
            throw RunFailure(
                .badData,
                "checkpoints have '\(recorded.path)' as the input '\(recorded.name)', not judgements; give it the "
                    + "same, or start over with --fresh")
        }
        return FoundJudgements(path: "\(folder)/\(ReviewStore.fileName)", recorded)
    }

    func probe(seconds: Double) throws(RunFailure) -> String { "judgements of the desk" }
}

private final class FoundJudgements: FoundSource {
    private let path: String
    let finding: InputFinding
    let position: SourcePosition

    init(path: String, _ recorded: CheckpointRecord.Input?) {
        self.path = path
        finding = recorded == nil ? .first : .same
        position = recorded.map { SourcePosition($0) } ?? SourcePosition()
    }

    var csvHeader: [UInt8] { [] }
    /// More may have been said while nothing ran.
    var isFinished: Bool { false }
    var wasInterrupted: Bool { false }
    var totalBytes: UInt64? { nil }
    var place: String { "judgement \(position.line + 1)" }

    func open(_ reading: SourceReading) -> any Source { JudgementSource(path: path, position, reading) }
}

/// `{judgements: true}`.
struct JudgementSourceKind: SourceKind {
    var form: String { "{judgements: true}" }

    func read(
        _ members: inout YAMLMembers, format: InputFormat
    ) throws(ConfigurationError) -> (any SourceDefinition)? {
        guard let node = members.take("judgements") else { return nil }
        guard try members.truth(node, "judgements") else {
            throw members.fault("'judgements' is true, or the input is left out", node.position)
        }
        return JudgementInput()
    }
}
