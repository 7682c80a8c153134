/// Events on their way through a pipeline, and what its streams make of them.
///
/// @unchecked Sendable: like any batch of lines.
package final class StreamBatch: EventBatch, @unchecked Sendable {
    /// The rows made of them, by sink and by output; outputs may share a sink.
    let buffers: [RowBuffer]
    let outputs: [RowBuffer]

    /// `outputs`: by output, the number of its sink.
    init(outputs: [Int] = []) {
        let buffers = (0..<(outputs.max() ?? -1) + 1).map { _ in RowBuffer() }
        self.buffers = buffers
        self.outputs = outputs.map { buffers[$0] }
    }

    package override func reset() {
        super.reset()
        for buffer in buffers { buffer.removeAll() }
    }
}

/// The rows of a batch for one sink, until the writing thread puts them in the sink's form.
final class RowBuffer {
    // Only one stage holds it at a time.
    @exclusivity(unchecked) private var carried = CarriedRows()
    /// What was scored of the batch.
    private(set) var scored: ScoredBatch?

    var rows: UInt64 { UInt64(carried.count) }

    func removeAll() { carried.removeAll() }

    /// Begins the rows of a batch, whose scored part this is.
    func begin(_ scored: ScoredBatch?) { self.scored = scored }

    @inline(__always)
    func append(_ row: Row, to output: Int) { row.carry(to: output, in: &carried) }

    /// Appends the rows in the form that the sink takes. `writings`: by output.
    func format(with batch: StreamBatch, _ writings: [RowWriting], into bytes: inout OutputBuffer) {
        let lines = scored.map { AssessmentLines($0, batch) }
        var writing: (output: Int, RowWriting)?
        carried.forEach { output, content in
            if writing?.output != output { writing = (output, writings[output]) }
            guard let writing = writing?.1 else { preconditionFailure("rows go to outputs that there are") }
            switch content {
            case .event(let index): writing.write(event: index, of: batch, into: &bytes)
            case .values(let values, let shape): writing.write(values, shape, from: .many, into: &bytes)
            case .assessment(let index):
                guard let lines else { preconditionFailure("assessments come from a batch that was scored") }
                writing.write(from: lines.origin(index), into: &bytes, line: { lines.write(index, into: &$0) })
            }
        }
    }
}

/// The lines of a batch's assessments, on the writing thread.
private final class AssessmentLines {
    private let encoder: AssessmentEncoder
    private let transactions: [Transaction]
    private let text: BatchText
    private let output: FraudDetection.Output
    private let rules: RuleTexts?
    private let written: [ScoredBatch.Written]
    private let records: (any RecordOrigin)?

    init(_ scored: ScoredBatch, _ batch: StreamBatch) {
        encoder = scored.encoder
        transactions = batch.transactions.transactions
        text = batch.text.view
        output = scored.output
        rules = scored.output.rules.map(RuleTexts.init)
        written = scored.written
        records = batch.text.origin
    }

    func origin(_ index: Int) -> RowOrigin { RowOrigin(transactions[written[index].transaction], text, records) }

    /// Writes the line of a noted assessment.
    func write(_ index: Int, into buffer: inout OutputBuffer) {
        var place = written[index].place
        encoder.encode(
            transactions[written[index].transaction], text, output, at: &place, rules, into: &buffer)
    }
}

/// What was scored of a batch, and which of it is written out.
///
/// It travels with the batch from the scoring thread to the writing thread.
final class ScoredBatch {
    // Only one stage holds it at a time.
    @exclusivity(unchecked) var output = FraudDetection.Output()
    @exclusivity(unchecked) fileprivate private(set) var written: [Written] = []
    let encoder: AssessmentEncoder

    struct Written {
        let transaction: Int
        let place: FraudDetection.Output.Place
    }

    init(_ encoder: AssessmentEncoder) {
        self.encoder = encoder
    }

    func begin(_ rules: RuleSet?) {
        output.removeAll()
        output.rules = rules
        written.removeAll(keepingCapacity: true)
    }

    /// Returns the number of an assessment to be written; it may be the same as before.
    func note(_ place: FraudDetection.Output.Place, of transaction: Int) -> Int {
        if written.last?.place.assessment != place.assessment {
            written.append(Written(transaction: transaction, place: place))
        }
        return written.count - 1
    }
}
