import CEL

/// A pattern among the rules, which is shown the transactions of one user after another.
final class SequenceRule {
    /// Its index among all rules.
    let number: Int
    private let plan: PatternPlan
    private let audience: Int?
    private let apart: Program
    private var matcher: PatternMatcher
    private let limits: Limits
    let failures = FailureLog(keepsAll: true)
    private var buffer = OutputBuffer(capacity: 1 << 10)
    /// The current transaction, if it matters to the pattern.
    private(set) var event: PatternState.Waiting?
    private var time: Int64 = 0
    /// Transactions that came after a later one had been shown.
    private(set) var late: UInt64 = 0

    init?(_ rule: RuleSet.Rule, number: Int, limits: Limits) {
        guard let plan = rule.pattern, let apart = rule.apart else { return nil }
        self.number = number
        self.plan = plan
        self.apart = apart
        self.limits = limits
        audience = rule.audience
        matcher = PatternMatcher(
            plan.automaton, conditions: plan.isIterative ? SequenceRow(plan, failures: failures) : nil,
            limits: plan.limits, tellsTimeouts: false, waitsForEarlier: false)
    }

    var fingerprint: UInt64 { plan.fingerprint }
    var droppedRuns: UInt64 { matcher.droppedRuns }

    /// Evaluates the conditions for the inputs' current transaction.
    func look(_ inputs: RuleInputs) {
        event = nil
        time = inputs.moment.transaction.time.milliseconds
        if let audience, !holds(audience, inputs) { return }
        let truth = plan.truth { holds($0, inputs) }
        guard plan.matters(truth) else { return }
        let isKept = truth.open != 0 || plan.mayBeTaken(truth)
        event = PatternState.Waiting(
            time: time, truth: truth,
            content: isKept ? content(inputs) : [])
    }

    private func holds(_ root: Int, _ inputs: RuleInputs) -> Bool {
        do throws(EvaluationError) {
            return try apart.bool(root, host: inputs, limits: limits)
        } catch {
            failures.note(error)
            return false
        }
    }

    /// The id is enough, unless conditions read what was taken before.
    private func content(_ inputs: RuleInputs) -> [UInt8] {
        let moment = inputs.moment
        func text(_ slice: ByteSlice) -> Value { .string(moment.text.string(slice)) }
        var fields: [(name: String, value: Value)] = [(Self.idField, text(moment.transaction.id))]
        guard plan.isIterative else {
            return KeptContent.bytes(values: [], fields: fields, line: nil, into: &buffer)
        }
        for variable in [
            RuleVariable.userID, .amount, .timestamp, .transactionType, .currency, .accountID, .merchantID,
        ] {
            if let value = inputs.anyValue(variable.rawValue) { fields.append((variable.name, value)) }
        }
        let values = plan.keptSlots.map { inputs.anyValue($0) }
        let isCSV = moment.transaction.traits.contains(.isCSV)
        return KeptContent.bytes(
            values: values, fields: fields, line: isCSV ? nil : moment.text.bytes(moment.transaction.line),
            into: &buffer)
    }

    private static let idField = "transaction_id"

    /// Shows the transaction to the user's sequences. Returns the ids of the first sequence that it completes, as JSON.
    func match(_ sequences: inout UserSequences) -> [UInt8]? {
        var (state, lastTime) = sequences.take(plan)
        var found: [UInt8]?
        if time < lastTime {
            if event != nil { late += 1 }
        } else {
            // Sequences that end without a transaction make no factor. Transactions that fit nothing still advance the
            // time.
            matcher.advance(to: time, &state) { _ in }
            if let event { matcher.show(event, &state) { sequence in if found == nil { found = ids(sequence) } } }
            lastTime = time
        }
        sequences.put(state, lastTime: lastTime, for: plan)
        return found
    }

    private func ids(_ sequence: PatternMatcher.Sequence) -> [UInt8] {
        let slots = plan.isIterative ? plan.keptSlots.count : 0
        var text = OutputBuffer(capacity: 256)
        text.append(byte: UInt8(ascii: "["))
        for (place, taken) in sequence.taken.enumerated() {
            if place > 0 { text.append(byte: UInt8(ascii: ",")) }
            let id = KeptContent.field(Self.idField, of: taken.event, slots: slots)
            guard case .string(let id)? = id else { preconditionFailure("a transaction is stored with its id") }
            ValueEncoder(.utc).write(text: id.string, into: &text)
        }
        text.append(byte: UInt8(ascii: "]"))
        return Array(text.bytes)
    }

    /// The result of each condition for the current transaction, for people.
    func answers(_ inputs: RuleInputs) -> [(name: String, value: String)] {
        let truth = plan.truth { holds($0, inputs) }
        return plan.conditions.enumerated().map { number, condition in
            let bit = UInt64(1) << UInt64(number)
            let answer = truth.met & bit != 0 ? "true" : truth.open & bit != 0 ? "depends on the sequence" : "false"
            return (condition.label, answer)
        }
    }

    /// How many sequences a user has begun.
    func openRuns(_ sequences: UserSequences) -> Int {
        var copy = sequences
        return copy.take(plan).state.openRuns
    }
}
