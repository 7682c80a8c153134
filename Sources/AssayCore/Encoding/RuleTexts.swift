/// The texts of rules in assessments.
struct RuleTexts {
    private let rules: RuleSet

    init(_ rules: RuleSet) {
        self.rules = rules
    }

    /// The constant texts of a line's end, without rules' names and reasons.
    private static let longestFrame = 256 + OutputBuffer.longestNumber
    private static let longestName = RuleDefinition.nameLengths.upperBound

    /// Writes the end of an assessment, after its recommendation.
    func encode(
        _ assessment: RiskAssessment, _ factors: borrowing FactorList, firstShadow: Int, into buffer: inout OutputBuffer
    ) {
        buffer.reserve(Self.longestFrame + Self.longestName)
        buffer.write(",\"decision\":\"")
        buffer.write(assessment.decision.name)
        buffer.write("\",\"decided_by\":\"")
        write(decidedBy(assessment), into: &buffer)
        if assessment.shadowCount > 0 {
            buffer.write("\",\"shadow\":[")
            for index in firstShadow..<firstShadow + Int(assessment.shadowCount) {
                encode(factors.shadows[index], factors, into: &buffer)
            }
            buffer.removeLast()
            buffer.reserve(Self.longestFrame)
            buffer.write("],\"configuration\":\"")
        } else {
            buffer.write("\",\"configuration\":\"")
        }
        write(rules.digest, into: &buffer)
        buffer.write("\"}\n")
    }

    /// The rule's name, or the text for the level.
    func decidedBy(_ assessment: RiskAssessment) -> String {
        assessment.decidedBy == RiskAssessment.byLevel ? "level" : rules.rules[Int(assessment.decidedBy)].name
    }

    /// Writes the members of a rule's factor after its type.
    func encode(
        _ rule: UInt16, _ factors: borrowing FactorList, _ reason: FactorList.Reason, _ risk: Double,
        into buffer: inout OutputBuffer
    ) {
        buffer.reserve(Self.longestFrame + Self.longestName)
        buffer.write("\"rule\":\"")
        write(rules.rules[Int(rule)].name, into: &buffer)
        buffer.write("\",\"risk_score\":")
        buffer.write(real: risk)
        write(reason, factors, into: &buffer)
    }

    /// Writes the members of a pattern's factor between its type and its risk.
    func encode(
        pattern: UInt16, _ factors: borrowing FactorList, _ transactions: FactorList.Reason,
        into buffer: inout OutputBuffer
    ) {
        buffer.reserve(Self.longestFrame + Self.longestName)
        buffer.write("\"pattern\":\"")
        write(rules.rules[Int(pattern)].name, into: &buffer)
        buffer.write("\"")
        write(transactions: transactions, factors, into: &buffer)
    }

    private func write(
        transactions: FactorList.Reason, _ factors: borrowing FactorList, into buffer: inout OutputBuffer
    ) {
        factors.withText(transactions) { text in
            buffer.reserve(Self.longestFrame + text.count)
            buffer.write(",\"transactions\":")
            buffer.write(text)
        }
    }

    private func encode(_ shadow: FactorList.Shadow, _ factors: borrowing FactorList, into buffer: inout OutputBuffer) {
        let rule = rules.rules[Int(shadow.rule)]
        buffer.reserve(Self.longestFrame + Self.longestName)
        buffer.write(rule.pattern == nil ? "{\"rule\":\"" : "{\"pattern\":\"")
        write(rule.name, into: &buffer)
        buffer.write("\"")
        if let risk = rule.risk {
            buffer.write(",\"risk_score\":")
            buffer.write(real: risk)
        }
        if let decision = rule.decision {
            buffer.write(",\"decide\":\"")
            buffer.write(decision.name)
            buffer.write("\"")
        }
        if rule.pattern == nil {
            write(shadow.reason, factors, into: &buffer)
        } else {
            write(transactions: shadow.reason, factors, into: &buffer)
        }
        buffer.write("},")
    }

    private func write(
        _ reason: FactorList.Reason, _ factors: borrowing FactorList, into buffer: inout OutputBuffer
    ) {
        factors.withText(reason) { text in
            buffer.reserve(Self.longestFrame + OutputBuffer.longestEscaped(text.count))
            buffer.write(",\"reason\":\"")
            buffer.write(escaping: text)
            buffer.write("\"")
        }
    }

    /// Names and digests have nothing that JSON escapes.
    private func write(_ text: String, into buffer: inout OutputBuffer) {
        var text = text
        text.withUTF8 { buffer.write($0) }
    }
}
