import CEL

/// The rows of a batch that go to one sink: as they are carried there, and then as bytes.
final class RowBuffer {
    /// What the sink takes, once `format` was called.
    private(set) var bytes = OutputBuffer(capacity: 1 << 12)
    // In one stage's hands at a time.
    @exclusivity(unchecked) private var carried = CarriedRows()
    /// By output, how its rows are written.
    private var writings: [RowWriting] = []
    /// What was scored of the batch.
    private(set) var scored: ScoredBatch?

    var rows: UInt64 { UInt64(carried.count) }

    func removeAll() {
        bytes.removeAll()
        carried.removeAll()
    }

    /// Rows come that are written so.
    func begin(_ writings: [RowWriting], _ scored: ScoredBatch?) {
        self.writings = writings
        self.scored = scored
    }

    @inline(__always)
    func append(_ row: Row, to output: Int) { row.carry(to: output, in: &carried) }

    /// Puts the rows in the form that the sink takes, on the thread that writes.
    func format(with batch: EventBatch) {
        let lines = scored.map { AssessmentLines($0, batch) }
        var writing: (output: Int, RowWriting)?
        carried.forEach { output, content in
            if writing?.output != output { writing = (output, writings[output]) }
            guard let writing = writing?.1 else { preconditionFailure("rows go to outputs that there are") }
            switch content {
            case .event(let index): writing.write(event: index, of: batch, into: &bytes)
            case .values(let values, let shape): writing.write(values, shape, into: &bytes)
            case .assessment(let index):
                writing.write(into: &bytes) { lines?.write(index, into: &$0) }
            }
        }
    }
}

/// The lines of assessments of a batch, on the thread that writes.
private final class AssessmentLines {
    private let encoder: AssessmentEncoder
    private let transactions: [Transaction]
    private let text: BatchText
    private let output: FraudDetection.Output
    private let rules: RuleTexts?
    private let written: [ScoredBatch.Written]

    init(_ scored: ScoredBatch, _ batch: EventBatch) {
        encoder = scored.encoder
        transactions = batch.transactions.transactions
        text = batch.text.view
        output = scored.output
        rules = scored.output.rules.map(RuleTexts.init)
        written = scored.written
    }

    /// The line of one that was noted.
    func write(_ index: Int, into buffer: inout OutputBuffer) {
        var place = written[index].place
        encoder.encode(
            transactions[written[index].transaction], text, output, at: &place, rules, into: &buffer)
    }
}

/// What was scored of a batch, and which of it is written out.
///
/// It goes with the batch from the thread that scores to the one that writes.
final class ScoredBatch {
    // In one stage's hands at a time.
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

    /// Answers the number of an assessment that is written out. The one before may be the same.
    func note(_ place: FraudDetection.Output.Place, of transaction: Int) -> Int {
        if written.last?.place.assessment != place.assessment {
            written.append(Written(transaction: transaction, place: place))
        }
        return written.count - 1
    }
}

/// Puts the rows of a stream in the form that one of its outputs takes. It belongs to the thread that writes.
final class RowWriting {
    private enum Form {
        case json
        /// With the stream's name in front.
        case tagged([UInt8])
        case csv
        case values
    }

    private let form: Form
    private let columnCount: Int
    private let encoder: RowEncoder
    private let event: EventRow

    init(_ output: StreamOutput, _ values: ValueEncoder, _ schema: EventSchema) {
        encoder = RowEncoder(values)
        event = EventRow(schema, derived: .none)
        columnCount = output.columns?.count ?? 0
        switch output.target {
        case .standardOutput:
            var tag = OutputBuffer(capacity: 64)
            tag.write("{\"stream\":")
            values.write(text: output.stream, into: &tag)
            form = .tagged(Array(tag.bytes))
        case .file(_, let format): form = format == .csv ? .csv : .json
        case .parts(let parts): form = parts.format == .csv ? .csv : .json
        case .table: form = .values
        }
    }

    /// The first line of a file.
    static func header(_ output: StreamOutput) -> [UInt8] {
        let isCSV: Bool =
            switch output.target {
            case .file(_, .csv): true
            case .parts(let parts): parts.format == .csv
            default: false
            }
        guard isCSV, let columns = output.columns else { return [] }
        var buffer = OutputBuffer(capacity: 256)
        for (index, column) in columns.enumerated() {
            if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
            writeCell(column.name, into: &buffer)
        }
        buffer.append(byte: UInt8(ascii: "\n"))
        return Array(buffer.bytes)
    }

    /// An event of a batch as it came.
    func write(event index: Int, of batch: EventBatch, into buffer: inout OutputBuffer) {
        event.begin(batch.events[index], at: index, of: batch)
        write(into: &buffer, members: { event.writeJSON(into: &$0, encoder) }, value: { event.valueIfAny($0) ?? .null })
    }

    /// A row that a stream has made.
    func write(_ row: ArraySlice<Value>, _ shape: RowShape, into buffer: inout OutputBuffer) {
        write(
            into: &buffer, members: { encoder.write(row, keys: shape.keys, into: &$0) },
            value: { row[row.startIndex + $0] })
    }

    /// A row that has no columns and is known as a whole line.
    func write(into buffer: inout OutputBuffer, line: (inout OutputBuffer) -> Void) {
        guard case .tagged(let tag) = form else { return line(&buffer) }
        append(tag, to: &buffer)
        // The line's own brace gives way.
        let place = buffer.count
        line(&buffer)
        buffer.replace(at: place, by: UInt8(ascii: ","))
    }

    @inline(__always)
    private func write(
        into buffer: inout OutputBuffer, members: (inout OutputBuffer) -> Void, value: (Int) -> Value
    ) {
        switch form {
        case .json:
            buffer.append(byte: UInt8(ascii: "{"))
            members(&buffer)
            buffer.reserve(2)
            buffer.write("}\n")
        case .tagged(let tag):
            append(tag, to: &buffer)
            let before = buffer.count
            buffer.append(byte: UInt8(ascii: ","))
            members(&buffer)
            if buffer.count == before + 1 { buffer.removeLast() }
            buffer.reserve(2)
            buffer.write("}\n")
        case .csv:
            for column in 0..<columnCount {
                if column > 0 { buffer.append(byte: UInt8(ascii: ",")) }
                let value = value(column)
                if case .null = value { continue }
                Self.writeCell(encoder.values.text(value), into: &buffer)
            }
            buffer.append(byte: UInt8(ascii: "\n"))
        case .values:
            for column in 0..<columnCount { ValueCoding.encode(value(column), into: &buffer) }
        }
    }

    private func append(_ tag: [UInt8], to buffer: inout OutputBuffer) {
        buffer.reserve(tag.count)
        tag.withUnsafeBufferPointer { buffer.write($0) }
    }

    /// Quoted where commas, quotes or line ends would be taken for something else.
    private static func writeCell(_ text: String, into buffer: inout OutputBuffer) {
        let needsQuotes = text.utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
        buffer.reserve(2 * text.utf8.count + 2)
        guard needsQuotes || text.isEmpty else { return buffer.write(text.utf8) }
        buffer.write(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == 0x22 { buffer.write(byte) }
            buffer.write(byte)
        }
        buffer.write(UInt8(ascii: "\""))
    }
}
