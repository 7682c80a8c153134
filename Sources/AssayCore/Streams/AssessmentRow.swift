import CEL

/// An assessment with its event: its own fields first, then those of the event.
///
/// Its fields come from what was scored, with the values that its line has. The line is only made where a list or the
/// whole is asked for.
final class AssessmentRow: Row {
    /// What is scored of the current batch.
    private(set) var scored: ScoredBatch
    private var assessment = RiskAssessment()
    private var place = FraudDetection.Output.Place()
    private var transaction = Transaction()
    private var transactionIndex = 0
    private var text = BatchText(base: UnsafePointer(bitPattern: 1)!)
    /// Kept alive by the owner of the current event.
    private var event: Unmanaged<Row>?
    private let line: AssessmentLine
    private var isLineMade = false
    /// By level.
    private let levels = RiskLevel.allCases.map { Value.string($0.label) }
    private let recommendations: [Value]
    private let defaultType: String
    /// Of the current batch, if it is of CSV.
    var columns: CSVColumns?

    /// The slots from here on are the assessment's own fields.
    static let firstSlot = RowSlots.firstAssessment

    init(_ settings: ScoringSettings) {
        scored = ScoredBatch(AssessmentEncoder(settings))
        line = AssessmentLine(
            EventSchema(
                columns: AssessmentColumn.columns, timeColumn: AssessmentColumn.timestamp.rawValue, unit: .seconds))
        recommendations = RiskLevel.allCases.map { .string(settings.recommendations.text(of: $0)) }
        defaultType = settings.defaultType
    }

    /// Begins a batch: what is scored of it goes here.
    func begin(_ scored: ScoredBatch?, _ rules: RuleSet?) -> ScoredBatch {
        self.scored = scored ?? ScoredBatch(self.scored.encoder)
        self.scored.begin(rules)
        return self.scored
    }

    /// Takes what stands at a place of a batch of transactions without events.
    func begin(_ transaction: Transaction, _ text: BatchText, at place: FraudDetection.Output.Place) {
        assessment = scored.output.assessments[place.assessment]
        self.place = place
        (self.transaction, self.text) = (transaction, text)
        isLineMade = false
        move(to: transaction.time)
    }

    /// Takes what was scored last. Returns false when the transaction was not accepted.
    func begin(_ transaction: Transaction, at index: Int, _ text: BatchText, _ event: Row) -> Bool {
        guard let assessment = scored.output.assessments.last, assessment.sequence > 0 else { return false }
        self.assessment = assessment
        place = scored.output.last
        (self.transaction, transactionIndex, self.text) = (transaction, index, text)
        self.event = Unmanaged.passUnretained(event)
        isLineMade = false
        move(to: event.time)
        return true
    }

    func end() { event = nil }

    /// The assessment's own fields, in the order of their slots; null for those that it lacks.
    var ownValues: [Value] { AssessmentColumn.columns.indices.map { valueIfAny(Self.firstSlot + $0) } }

    func valueIfAny(_ slot: Int) -> Value {
        do throws(EvaluationError) {
            return try value(slot)
        } catch {
            return .null
        }
    }

    // MARK: Values

    private var present: Row {
        guard let event else { preconditionFailure("an assessment is read only with its event") }
        return event.takeUnretainedValue()
    }

    /// Nil for a slot of the event.
    @inline(__always)
    private func own(_ slot: Int) -> AssessmentColumn? { AssessmentColumn(rawValue: slot - Self.firstSlot) }

    /// That of the transaction; nil for a slot of something else.
    private func transactionValue(_ slot: Int) throws(EvaluationError) -> Value? {
        guard let column = TransactionColumn(slot: slot) else { return nil }
        return try TransactionFieldValues(
            transaction: transaction, text: text, columns: columns, defaultType: defaultType
        ).value(column)
    }

    override func value(_ slot: Int) throws(EvaluationError) -> Value {
        guard let column = own(slot) else {
            if let value = try transactionValue(slot) { return value }
            // Only streams have an event.
            if slot == Row.timeSlot, event == nil { return try Self.timestamp(time) }
            return try present.value(slot)
        }
        switch column {
        case .transactionID: return .string(text.string(transaction.id))
        case .userID: return .string(text.string(transaction.userID))
        case .sequence: return .int(Int64(assessment.sequence))
        case .timestamp, .riskScore: return .double(double(column))
        case .riskLevel: return levels[Int(assessment.level.rawValue)]
        case .recommendation: return recommendations[Int(assessment.level.rawValue)]
        case .riskFactors: return try madeLine.value(column.rawValue)
        case .decision:
            guard scored.output.rules != nil else { throw missing(column) }
            return .string("\(assessment.decision.name)")
        case .decidedBy:
            guard let rules = scored.output.rules else { throw missing(column) }
            return .string(RuleTexts(rules).decidedBy(assessment))
        case .shadow:
            guard assessment.shadowCount > 0 else { throw missing(column) }
            return try madeLine.value(column.rawValue)
        case .modelProbability:
            guard assessment.probability != nil else { throw missing(column) }
            return .double(double(column))
        }
    }

    private func double(_ column: AssessmentColumn) -> Double {
        // A whole number divided by a power of ten is the number nearest to the line's text.
        switch column {
        case .timestamp: Double(transaction.time.milliseconds) / 1000
        case .modelProbability: Double(OutputBuffer.millionths(assessment.probability ?? 0)) / 1e6
        default: Double(OutputBuffer.millionths(assessment.score)) / 1e6
        }
    }

    private func missing(_ column: AssessmentColumn) -> EvaluationError {
        EvaluationError(.noSuchKey, "the event has no '\(column.column.name)'")
    }

    override func int(_ slot: Int) throws(EvaluationError) -> Int64 {
        own(slot) == nil ? try present.int(slot) : try super.int(slot)
    }

    override func double(_ slot: Int) throws(EvaluationError) -> Double {
        guard let column = own(slot) else {
            if TransactionColumn(slot: slot) == .amount { return transaction.amount }
            return TransactionColumn(slot: slot) == nil ? try present.double(slot) : try super.double(slot)
        }
        if column == .modelProbability, assessment.probability == nil { throw missing(column) }
        return double(column)
    }

    override func bool(_ slot: Int) throws(EvaluationError) -> Bool {
        own(slot) == nil ? try present.bool(slot) : try super.bool(slot)
    }

    override func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        switch own(slot) {
        case nil: return TransactionColumn(slot: slot) == nil ? try present.text(slot) : try super.text(slot)
        case .transactionID: return text.bytes(transaction.id)
        case .userID: return text.bytes(transaction.userID)
        case .riskLevel:
            let name = assessment.level.name
            return UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        default: return try super.text(slot)
        }
    }

    override func member(_ slot: Int, _ key: Text) throws(EvaluationError) -> Value? {
        own(slot) == nil && TransactionColumn(slot: slot) == nil
            ? try present.member(slot, key) : try super.member(slot, key)
    }

    override func cost(_ slot: Int) -> Int {
        switch own(slot) {
        case nil:
            TransactionColumn(slot: slot) == nil
                ? event?.takeUnretainedValue().cost(slot) ?? 0
                : Int(transaction.line.count) / RuleInputs.bytesPerStep
        case .riskFactors?, .shadow?: madeLine.cost(slot - Self.firstSlot)
        default: 0
        }
    }

    // MARK: The whole

    /// The line as an event of its own.
    private var madeLine: EventRow {
        if !isLineMade {
            isLineMade = true
            var place = place
            line.take {
                scored.encoder.encode(
                    transaction, text, scored.output, at: &place, scored.output.rules.map(RuleTexts.init), into: &$0)
            }
        }
        return line.row
    }

    /// The whole is the assessment plus the event's fields that expressions name.
    override var keptFields: [(name: String, value: Value)] {
        present.namedFields.filter { field in !AssessmentColumn.columns.contains { $0.name == field.name } }
    }

    override func keepWhole(into buffer: inout OutputBuffer) { madeLine.keepWhole(into: &buffer) }

    override func carry(to output: Int, in rows: inout CarriedRows) {
        rows.append(assessment: scored.note(place, of: transactionIndex), to: output)
    }
}

/// The line of an assessment, read as an event.
private final class AssessmentLine {
    let row: EventRow
    private let batch = EventBatch()
    private var line = OutputBuffer(capacity: 1 << 12)
    private var decoder: JSONEventDecoder

    init(_ schema: EventSchema) {
        decoder = JSONEventDecoder(schema)
        row = EventRow(schema, derived: .none)
    }

    func take(_ write: (inout OutputBuffer) -> Void) {
        line.removeAll()
        write(&line)
        batch.reset()
        batch.text.reset(offset: 0, firstLine: 1)
        if line.count > batch.text.capacity { batch.text.grow(to: 2 * line.count, keeping: 0) }
        batch.text.append(line.bytes.bindMemory(to: UInt8.self))
        batch.text.count = line.count
        decoder.decode(batch)
        guard let only = batch.events.first else { preconditionFailure("assessments are valid events") }
        row.begin(only, at: 0, of: batch)
    }
}
