import CEL

/// An assessment with the event that it is of: its own fields first, then those of the event.
final class AssessmentRow: Row {
    private let encoder: AssessmentEncoder
    private let assessed = EventBatch()
    private var decoder: JSONEventDecoder
    private let assessment: EventRow
    private var event: EventRow?

    static let columns: [EventSchema.Column] = [
        EventSchema.Column(name: "transaction_id", type: .string),
        EventSchema.Column(name: "user_id", type: .string),
        EventSchema.Column(name: "sequence", type: .int),
        EventSchema.Column(name: "timestamp", type: .double),
        EventSchema.Column(name: "risk_level", type: .string),
        EventSchema.Column(name: "risk_score", type: .double),
        EventSchema.Column(name: "risk_factors", type: .list),
        EventSchema.Column(name: "recommendation", type: .string),
        EventSchema.Column(name: "decision", type: .string),
        EventSchema.Column(name: "decided_by", type: .string),
        EventSchema.Column(name: "shadow", type: .list),
    ]
    /// The slots from here on are the assessment's own fields.
    static let firstSlot = 500_000

    init(_ settings: ScoringSettings) {
        encoder = AssessmentEncoder(settings)
        let schema = EventSchema(columns: Self.columns, timeColumn: 3, unit: .seconds)
        decoder = JSONEventDecoder(schema)
        assessment = EventRow(
            schema, derived: DerivedFields(names: [], program: Compiler(Environment()).finish()))
    }

    /// Takes what was scored last. False when the transaction was not accepted.
    func begin(
        _ scored: borrowing FraudDetection.Output, _ transaction: Transaction, _ text: BatchText, _ event: EventRow
    ) -> Bool {
        guard scored.assessments.last?.sequence ?? 0 > 0 else { return false }
        assessed.reset()
        assessed.text.reset(offset: 0, firstLine: 1)
        var line = OutputBuffer(capacity: 1 << 12)
        encoder.encode([transaction], text: text, scored: scored, into: &line)
        if line.count > assessed.text.capacity { assessed.text.grow(to: 2 * line.count, keeping: 0) }
        assessed.text.append(line.bytes.bindMemory(to: UInt8.self))
        assessed.text.count = line.count
        decoder.decode(assessed)
        guard let only = assessed.events.first else { preconditionFailure("our own assessments are events") }
        assessment.begin(only, at: 0, of: assessed)
        self.event = event
        move(to: event.time)
        return true
    }

    func end() { event = nil }

    private func row(_ slot: Int) -> (row: EventRow, slot: Int) {
        if (Self.firstSlot..<Self.firstSlot + Self.columns.count).contains(slot) {
            return (assessment, slot - Self.firstSlot)
        }
        guard let event else { preconditionFailure("the assessment is looked at while its event is at hand") }
        return (event, slot)
    }

    override func value(_ slot: Int) throws(EvaluationError) -> Value {
        let (row, slot) = row(slot)
        return try row.value(slot)
    }

    override func int(_ slot: Int) throws(EvaluationError) -> Int64 {
        let (row, slot) = row(slot)
        return try row.int(slot)
    }

    override func double(_ slot: Int) throws(EvaluationError) -> Double {
        let (row, slot) = row(slot)
        return try row.double(slot)
    }

    override func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        let (row, slot) = row(slot)
        return try row.text(slot)
    }

    override func member(_ slot: Int, _ key: Text) throws(EvaluationError) -> Value? {
        let (row, slot) = row(slot)
        return try row.member(slot, key)
    }

    override func cost(_ slot: Int) -> Int {
        let (row, slot) = row(slot)
        return row.cost(slot)
    }

    /// The whole is the assessment; the event's fields are those that expressions name.
    override var keptFields: [(name: String, value: Value)] {
        (event?.namedFields ?? []).filter { field in !Self.columns.contains { $0.name == field.name } }
    }

    override func keepWhole(into buffer: inout OutputBuffer) { assessment.keepWhole(into: &buffer) }

    override func writeJSON(into buffer: inout OutputBuffer, _ encoder: borrowing RowEncoder) {
        assessment.writeJSON(into: &buffer, encoder)
    }
}
