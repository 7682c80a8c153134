import AssayCore
import CivilTime
import StateStore

/// Why a transaction would get its assessment: what each check saw, what it compared that with, and the result.
package struct Explanation: Sendable {
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
    /// What the model saw; nil without one.
    package let model: LearnedModel.Report?
    package let role: ScoringSettings.Learning.Role
}

/// Scores transactions against stored state without changing it, with the code that a run uses.
package struct Explainer: ~Copyable {
    private let settings: ScoringSettings
    private let zone: TimeZoneRules
    /// Of the checkpoint that the states are of.
    private let stage: StageRecord
    private let rules: RuleSet?
    private var decoder: TransactionDecoder
    private let encoder: AssessmentEncoder
    private let model: () throws(StoreError) -> (any ExplainedModel)?

    /// `stage`: of the checkpoint that the states are of. `model`: gives the model of then each time it is asked, since
    /// it learns from what is explained; nil where nothing is learned.
    package init(
        settings: ScoringSettings, zone: TimeZoneRules, fields: TransactionFields, rules: RuleSet? = nil,
        stage: StageRecord,
        model: @escaping () throws(StoreError) -> (any ExplainedModel)? = { () throws(StoreError) in nil }
    ) {
        self.model = model
        self.rules = rules
        self.settings = settings
        self.zone = zone
        self.stage = stage
        decoder = TransactionDecoder(format: .jsonl, fields: fields, zone: zone)
        encoder = AssessmentEncoder(settings)
    }

    package enum Outcome: Sendable {
        case explained(Explanation)
        case rejected(RejectedLine)
        /// Only white space.
        case blank
    }

    /// `line` is one line without its end, `state` gives the stored state of a user.
    package mutating func explain(
        _ line: [UInt8], number: UInt64, state: ([UInt8]) throws(StoreError) -> [UInt8]?
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
        let stored = try state(Array(batch.text.view.bytes(transaction.userID)))
        return .explained(try explain(transaction, batch, stored))
    }

    /// A transaction of a batch, with the stored state of its user.
    func explain(
        _ transaction: Transaction, _ batch: TransactionBatch, _ stored: [UInt8]?
    ) throws(StoreError) -> Explanation {
        let model = try model()
        model?.wantsReport = true
        defer { model?.wantsReport = false }
        var function = FraudDetection(settings: settings, zone: zone, model: model)
        function.resume(sequence: stage.sequence, stage)
        var state = try self.state(stored, &function)
        // What the checks and rules saw is read from another copy: the transaction changes this one.
        var before = try self.state(stored, &function)
        var context = ProcessContext(output: FraudDetection.Output())
        let text = batch.text.view
        let place = TransactionPlace()
        defer { withExtendedLifetime(place) {} }
        let input = place.take(transaction, text: text)
        function.install(rules)
        function.show(batch.decoded.columns)
        context.output.rules = rules
        context.begin(transaction.time, key: 0)
        function.process(input, state: &state, context: &context)
        let assessment = context.output.assessments[0]
        // Rules may name the probability, which comes with the assessment; the clock goes back to before it.
        function.resume(sequence: stage.sequence, stage)
        let report = function.explain(input, before, probability: assessment.probability)
        function.forget(&state)
        function.forget(&before)
        var line = OutputBuffer(capacity: 1 << 10)
        encoder.encode([transaction], text: text, scored: context.output, into: &line)
        return Explanation(
            assessment: assessment.sequence > 0
                ? String(decoding: line.bytes.dropLast(), as: UTF8.self) : nil,
            score: assessment.score, level: assessment.level, recommendation: recommendation(assessment.level),
            transactionID: text.string(transaction.id), userID: text.string(transaction.userID),
            isFirst: report.isFirst, checks: report.checks, rules: report.rules,
            decision: rules == nil ? nil : assessment.decision, model: assessment.sequence > 0 ? model?.report : nil,
            role: settings.learning.role)
    }

    private func state(
        _ stored: [UInt8]?, _ function: inout FraudDetection
    ) throws(StoreError) -> UserState {
        guard let stored else { return function.makeState() }
        var state = function.makeState()
        var fault: StateDecodingError?
        stored.withUnsafeBytes { bytes in
            do throws(StateDecodingError) {
                state = try function.decode(bytes)
            } catch {
                fault = error
            }
        }
        if let fault { throw StoreError(.damaged, "reading a user's state", "it is \(fault.problem)") }
        return state
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
