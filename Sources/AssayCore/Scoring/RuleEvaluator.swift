import CEL

/// Evaluates rules for one transaction after another, and counts the results.
package final class RuleEvaluator {
    let ruleSet: RuleSet
    private let program: Program
    private let roots: [Int]
    private let sequences: [SequenceRule]
    let inputs: RuleInputs
    private(set) var fired: [UInt64]
    /// By rule and cause.
    private var failed: [UInt64]
    /// The first failure of each rule and cause that was not reported yet.
    private var untold: [Failure] = []

    package struct Failure: Sendable {
        let rule: String
        let error: EvaluationError
    }

    /// Patterns that had to drop sequences, not reported yet.
    private var overflows: [String] = []

    // What the rules made of the current transaction.
    private var decision: Decision?
    private var decidedBy = 0
    private var found: [Found] = []

    /// By transaction, the rules that held, if a log was asked for.
    private var log: [[UInt16]]?

    /// A rule that holds and has a reason to show.
    private struct Found {
        let rule: Int
        let reason: [UInt8]
    }

    /// No evaluation may hold up the stream.
    private static let limits: Limits = {
        var limits = Limits()
        limits.steps = 100_000
        return limits
    }()

    private static let causes = EvaluationError.Cause.allCases

    init(_ set: RuleSet, inputs: RuleInputs) {
        self.ruleSet = set
        program = set.program
        roots = set.rules.filter { $0.pattern == nil }.map(\.root)
        sequences = set.rules.enumerated().compactMap { number, rule in
            SequenceRule(rule, number: number, limits: Self.limits)
        }
        self.inputs = inputs
        fired = Array(repeating: 0, count: ruleSet.rules.count)
        failed = Array(repeating: 0, count: ruleSet.rules.count * Self.causes.count)
    }

    var hasPatterns: Bool { !sequences.isEmpty }

    /// Whether any rule holds for the current transaction that shows or decides something.
    var hasHeld: Bool { decision != nil || !found.isEmpty }

    /// Evaluates against the state before this transaction.
    func evaluate(
        _ moment: RuleInputs.Moment, state: borrowing UserState, symbols: borrowing SymbolTable
    ) {
        decision = nil
        found.removeAll(keepingCapacity: true)
        log?.append([])
        withInputs(moment, state, symbols) {
            program.select(roots, host: inputs, limits: Self.limits) { index, error in
                if let error { note(error, of: index) } else { apply(index) }
            }
            for sequence in sequences {
                sequence.look(inputs)
                noteFailures(of: sequence)
            }
        }
    }

    private func noteFailures(of sequence: SequenceRule) {
        for error in sequence.failures.takeNoted() { note(error, of: sequence.number) }
    }

    var fingerprints: Set<UInt64> { Set(sequences.map(\.fingerprint)) }

    /// Whether the last transaction has to be shown to any pattern.
    var hasEventForPatterns: Bool { sequences.contains { $0.event != nil } }

    /// Shows the last transaction to the sequences of its user.
    func match(_ user: inout UserSequences) {
        for sequence in sequences {
            let had = sequence.droppedRuns
            if let ids = sequence.match(&user) { apply(sequence.number, completing: ids) }
            if had == 0, sequence.droppedRuns > 0 { overflows.append(ruleSet.rules[sequence.number].name) }
            noteFailures(of: sequence)
        }
    }

    /// The inputs' pointers are valid inside the body only.
    func withInputs<Result>(
        _ moment: RuleInputs.Moment, _ state: borrowing UserState, _ symbols: borrowing SymbolTable,
        _ body: () -> Result
    ) -> Result {
        withUnsafePointer(to: state) { state in
            withUnsafePointer(to: symbols) { symbols in
                inputs.begin(moment, state: state, symbols: symbols)
                defer { inputs.end() }
                return body()
            }
        }
    }

    /// Records that the rule holds.
    private func apply(_ index: Int, completing ids: [UInt8]? = nil) {
        fired[index] += 1
        if log != nil { log![log!.count - 1].append(UInt16(index)) }
        let rule = ruleSet.rules[index]
        if rule.isShadow || rule.risk != nil { found.append(Found(rule: index, reason: ids ?? reason(rule))) }
        if !rule.isShadow, let decision = rule.decision, decision.beats(self.decision) {
            self.decision = decision
            decidedBy = index
        }
    }

    /// Appends the factors of the rules that hold, in their order.
    func takeFactors(into factors: inout FactorList) {
        for found in found {
            let rule = ruleSet.rules[found.rule]
            let reason = factors.addReason(found.reason)
            if rule.isShadow {
                factors.append(FactorList.Shadow(rule: UInt16(found.rule), reason: reason))
            } else if let risk = rule.risk {
                factors.append(
                    rule.pattern == nil
                        ? .rule(UInt16(found.rule), reason: reason, risk: risk)
                        : .sequence(UInt16(found.rule), transactions: reason, risk: risk))
            }
        }
    }

    /// Applies the decision to the last assessment.
    func decide(_ assessments: inout [RiskAssessment]) {
        let last = assessments.count - 1
        assessments[last].decision = decision ?? assessments[last].level.decision
        if decision != nil { assessments[last].decidedBy = UInt16(decidedBy) }
        if !found.isEmpty { assessments[last].shadowCount = UInt16(found.count { ruleSet.rules[$0.rule].isShadow }) }
    }

    /// Returns nil for a rule that is not a pattern. Leaves the sequences unchanged.
    func report(ofPattern number: Int, _ sequences: UserSequences) -> RuleReport? {
        guard let sequence = self.sequences.first(where: { $0.number == number }) else { return nil }
        let rule = ruleSet.rules[number]
        let open = sequence.openRuns(sequences)
        sequence.look(inputs)
        var copy = sequences
        let ids = sequence.match(&copy)
        let inputs = sequence.answers(inputs) + [("sequences begun before", "\(open)")]
        let failure = sequence.failures.takeNoted().first
        return RuleReport(
            name: rule.name, outcome: ids != nil ? .fired : failure.map { .failed($0.message) } ?? .notFired,
            inputs: inputs, risk: rule.risk, decision: rule.decision, isShadow: rule.isShadow,
            isPattern: true, reason: ids.map { "completed by \(String(decoding: $0, as: UTF8.self))" })
    }

    func holds(_ rule: RuleSet.Rule) throws(EvaluationError) -> Bool {
        try program.bool(rule.root, host: inputs, limits: Self.limits)
    }

    /// A rule that fails does not hold.
    private func note(_ error: EvaluationError, of rule: Int) {
        guard let cause = Self.causes.firstIndex(of: error.cause) else { return }
        let place = rule * Self.causes.count + cause
        failed[place] += 1
        if failed[place] == 1 { untold.append(Failure(rule: ruleSet.rules[rule].name, error: error)) }
    }

    func reason(_ rule: RuleSet.Rule) -> [UInt8] {
        var text: [UInt8] = []
        for piece in rule.reason.pieces {
            switch piece {
            case .text(let bytes): text += bytes
            case .expression(let root):
                do throws(EvaluationError) {
                    text += ReasonText.of(try ruleSet.program.value(root, host: inputs, limits: Self.limits)).utf8
                } catch {
                    text.append(UInt8(ascii: "?"))
                }
            }
        }
        if text.count > ReasonTemplate.longestBytes {
            // Don't cut inside a code point.
            var end = ReasonTemplate.longestBytes
            while text[end] & 0xC0 == 0x80 { end -= 1 }
            text.removeSubrange(end...)
        }
        return text
    }

    // MARK: Counts

    /// From now on, records which rules held for each transaction.
    package func beginLog() { log = [] }

    package func takeLog() -> [[UInt16]] {
        defer { log = [] }
        return log ?? []
    }

    /// Returns the failures to be reported, once each.
    func takeUntold() -> [Failure] {
        defer { untold = [] }
        return untold
    }

    /// The same for patterns that had to drop sequences.
    func takeOverflows() -> [String] {
        defer { overflows = [] }
        return overflows
    }

    var hasUntold: Bool { !untold.isEmpty || !overflows.isEmpty }

    /// How often each rule fired, and failed by cause, by the names that checkpoints use.
    var counts: [(name: String, count: UInt64)] {
        var counts: [(name: String, count: UInt64)] = []
        for sequence in sequences {
            let name = ruleSet.rules[sequence.number].name
            if sequence.late > 0 { counts.append((RuleTally.late(name), sequence.late)) }
            if sequence.droppedRuns > 0 { counts.append((RuleTally.dropped(name), sequence.droppedRuns)) }
        }
        for (index, rule) in ruleSet.rules.enumerated() {
            counts.append((RuleTally.fired(rule.name), fired[index]))
            for (cause, name) in Self.causes.enumerated() where failed[index * Self.causes.count + cause] > 0 {
                counts.append((RuleTally.failed(rule.name, name), failed[index * Self.causes.count + cause]))
            }
        }
        return counts
    }
}

/// Values as they appear in reasons.
enum ReasonText {
    static func of(_ value: Value) -> String {
        switch value {
        case .string(let text): return text.string
        case .double(let double):
            // Numbers are written as in assessments.
            guard double.isFinite else { return value.literal }
            var buffer = OutputBuffer(capacity: OutputBuffer.longestNumber)
            buffer.reserve(OutputBuffer.longestNumber)
            buffer.write(real: double)
            return String(decoding: buffer.bytes, as: UTF8.self)
        case .timestamp(let timestamp): return timestamp.text
        case .duration(let duration): return duration.text
        case .uint(let uint): return String(uint)
        default: return value.literal
        }
    }
}
