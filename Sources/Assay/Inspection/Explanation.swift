import AssayCore
import CivilTime
import StateStore

/// Why a transaction would get its assessment: what each check saw, what it compared that with, and the result.
package struct Explanation: Sendable {
    /// One comparison that a check makes.
    package struct Comparison: Sendable {
        /// The compared quantity, as a noun.
        package let quantity: String
        package let value: Double
        /// `>` or `>=`.
        package let relation: String
        package let bound: Double
        package let isTrue: Bool
        /// What it adds to the evidence when true.
        package let risk: Double
    }

    package struct CheckReport: Sendable {
        package let name: String
        /// The inputs of the check, by name.
        package var inputs: [(name: String, value: String)] = []
        package var comparisons: [Comparison] = []
        /// Why nothing could be compared.
        package var silence: String?

        /// The greatest risk of the comparisons that hold; zero when none does.
        package var risk: Double { comparisons.filter(\.isTrue).map(\.risk).max() ?? 0 }
    }

    /// The line that `assay score` would write next; nil for a duplicate.
    package let assessment: String?
    package let score: Double
    package let level: RiskLevel
    package let recommendation: String
    package let transactionID: String
    package let userID: String
    /// Whether the transaction would be the user's first: nothing is known, or what was known is too old.
    package let isFirst: Bool
    package let checks: [CheckReport]
    package let rules: [RuleReport]
    /// The decision, if there are rules.
    package let decision: Decision?
}

/// Scores transactions against stored state without changing it, with the code that a run uses.
package struct Explainer: ~Copyable {
    private let settings: ScoringSettings
    private let zone: TimeZoneRules
    private let sequence: UInt64
    private let rules: RuleSet?
    private var decoder: TransactionDecoder
    private let encoder: AssessmentEncoder

    /// `sequence`: that of the last accepted transaction.
    package init(
        settings: ScoringSettings, zone: TimeZoneRules, fields: FieldNames, rules: RuleSet? = nil, sequence: UInt64
    ) {
        self.rules = rules
        self.settings = settings
        self.zone = zone
        self.sequence = sequence
        decoder = TransactionDecoder(format: .jsonl, fields: fields, zone: zone)
        encoder = AssessmentEncoder(settings)
    }

    package enum Outcome: Sendable {
        case explained(Explanation)
        case rejected(RejectedLine)
        /// Only white space.
        case blank
    }

    /// `line` is one line without its end, `user` returns what is known of a user.
    package mutating func explain(
        _ line: [UInt8], number: UInt64, user: ([UInt8]) throws(StoreError) -> UserRecord?
    ) throws(StoreError) -> Outcome {
        let batch = TransactionBatch()
        batch.reset()
        if line.count + 1 > batch.text.capacity { batch.text.grow(to: line.count + 1, keeping: 0) }
        batch.text.reset(offset: 0, firstLine: number)
        line.withUnsafeBufferPointer { batch.text.append($0) }
        guard batch.text.filled > 0 else { return .blank }
        batch.text.endLastLine()
        decoder.decode(&batch.text, into: &batch.decoded)
        if let reject = batch.decoded.rejects.first { return .rejected(RejectedLine(reject, text: batch.text)) }
        guard let transaction = batch.decoded.transactions.first else { return .blank }
        let record = try user(Array(batch.text.view.bytes(transaction.userID)))
        return .explained(explain(transaction, batch, record))
    }

    private func explain(_ transaction: Transaction, _ batch: TransactionBatch, _ record: UserRecord?) -> Explanation {
        var function = FraudDetection(settings: settings, zone: zone, sequence: sequence)
        var state = function.makeState()
        if let record {
            record.stateBytes.withUnsafeBytes { bytes in
                do throws(StateDecodingError) {
                    state = try function.decode(bytes)
                } catch {
                    preconditionFailure("a record's own bytes are valid: \(error.problem)")
                }
            }
        }
        var context = ProcessContext(output: FraudDetection.Output())
        let text = batch.text.view
        let input = FraudDetection.Input(transaction: transaction, text: text)
        function.install(rules)
        let reports = function.explainRules(input, state)
        context.output.rules = rules
        context.begin(transaction.time, key: 0)
        function.process(input, state: &state, context: &context)
        function.forget(&state)
        let assessment = context.output.assessments[0]
        var line = OutputBuffer(capacity: 1 << 10)
        encoder.encode([transaction], text: text, scored: context.output, into: &line)
        let type = transaction.type.isEmpty ? settings.defaultType : text.string(transaction.type)
        let known = record.flatMap { isExpired($0, transaction.time) ? nil : $0 }
        return Explanation(
            assessment: assessment.sequence > 0
                ? String(decoding: line.bytes.dropLast(), as: UTF8.self) : nil,
            score: assessment.score, level: assessment.level, recommendation: recommendation(assessment.level),
            transactionID: text.string(transaction.id), userID: text.string(transaction.userID), isFirst: known == nil,
            checks: CheckReports(settings, zone, known ?? UserRecord(id: []), transaction, type: type).all,
            rules: reports, decision: rules == nil ? nil : assessment.decision)
    }

    private func isExpired(_ record: UserRecord, _ time: EventTime) -> Bool {
        record.transactions > 0 && time.milliseconds - record.lastTime > settings.stateTTLMilliseconds
    }

    private func recommendation(_ level: RiskLevel) -> String {
        switch level {
        case .low: settings.recommendations.low
        case .medium: settings.recommendations.medium
        case .high: settings.recommendations.high
        case .critical: settings.recommendations.critical
        }
    }
}
