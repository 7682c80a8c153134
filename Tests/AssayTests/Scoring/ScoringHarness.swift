import CivilTime

@testable import Assay
@testable import AssayCore

/// Lines in, assessments and rejects out, without files or processes.
struct ScoringHarness: ~Copyable {
    private var decoder: TransactionDecoder
    var stage: ScoringStage
    private let encoder: AssessmentEncoder
    private var offset: UInt64 = 0
    private var line: UInt64 = 1

    init(
        settings: ScoringSettings = ScoringSettings(), format: InputFormat = .jsonl,
        fields: TransactionFields = .standard, zone: TimeZoneRules = .utc, sequence: UInt64 = 0
    ) {
        decoder = TransactionDecoder(format: format, fields: fields, zone: zone)
        stage = ScoringStage(settings: settings, zone: zone, sequence: sequence)
        encoder = AssessmentEncoder(settings)
    }

    struct Result {
        var assessments: [String] = []
        var rejects: [RejectedLine] = []
    }

    /// Takes whole lines; they need no newline at their end.
    mutating func score(_ text: String, isLast: Bool = true) -> Result {
        score(Array(text.utf8), isLast: isLast)
    }

    /// Where reading a state back may fail.
    mutating func tryScore(_ text: String) throws -> [String] {
        try take(Array(text.utf8), isLast: true).assessments
    }

    /// The input goes on where another harness left it.
    mutating func continueFrom(_ other: borrowing ScoringHarness) {
        (offset, line) = (other.offset, other.line)
    }

    mutating func score(_ bytes: [UInt8], isLast: Bool = true) -> Result {
        do {
            return try take(bytes, isLast: isLast)
        } catch {
            preconditionFailure("there is no store that could fail: \(error)")
        }
    }

    private mutating func take(_ bytes: [UInt8], isLast: Bool) throws -> Result {
        let batch = TransactionBatch()
        batch.reset()
        if bytes.count + 1 > batch.text.capacity { batch.text.grow(to: bytes.count + 1, keeping: 0) }
        batch.text.reset(offset: offset, firstLine: line)
        bytes.withUnsafeBufferPointer { batch.text.append($0) }
        batch.text.isLast = isLast
        guard batch.text.filled > 0 else { return Result() }
        batch.text.endLastLine()
        decoder.decode(&batch.text, into: &batch.decoded)
        try stage.score(batch)
        var assessments = OutputBuffer()
        encoder.encode(batch.decoded.transactions, text: batch.text.view, scored: batch.scored, into: &assessments)
        offset += UInt64(batch.text.count)
        line += batch.decoded.lineCount
        let lines = String(decoding: assessments.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        return Result(
            assessments: lines, rejects: batch.decoded.rejects.map { RejectedLine($0, text: batch.text) })
    }
}

extension ScoringStage {
    func encodedStates() -> [(key: [UInt8], bytes: [UInt8])] {
        var states: [(key: [UInt8], bytes: [UInt8])] = []
        forEachState { states.append((Array($0), $1)) }
        return states
    }
}

/// A transaction's line with the fields that a test cares about.
func line(
    id: String, user: String = "u", amount: String = "10", time: String = "1767225600", more: String = ""
) -> String {
    #"{"transaction_id":"\#(id)","user_id":"\#(user)","amount":\#(amount),"timestamp":\#(time)\#(more)}"#
}
