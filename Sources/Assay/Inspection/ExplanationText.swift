import Arguments
import AssayCore

/// An explanation for people.
package struct ExplanationText {
    private let style: TextStyle
    private let settings: ScoringSettings
    private var written: [String] = []

    package init(_ style: TextStyle, _ settings: ScoringSettings) {
        (self.style, self.settings) = (style, settings)
    }

    package func lines(_ explanation: Explanation) -> [String] {
        var copy = self
        copy.show(explanation)
        return copy.written
    }

    private mutating func line(_ text: String) { written.append(text) }

    private mutating func show(_ explanation: Explanation) {
        let subject = "\(SafeText.shown(explanation.transactionID)) of \(SafeText.shown(explanation.userID))"
        guard explanation.assessment != nil else {
            return line(style.bold(subject) + ": a duplicate, it would be rejected\n")
        }
        let level = explanation.level.label
        let verdict = "\(Figures.decimal(explanation.score, digits: 4)) \(level)"
        line(
            "\(style.bold(subject)): \(level == "low" ? verdict : style.alarming(verdict)), "
                + SafeText.shown(explanation.recommendation))
        if explanation.isFirst { line("  nothing is known of this user yet") }
        for check in explanation.checks {
            let risk = check.risk > 0 ? style.alarming("risk \(Figures.decimal(check.risk, digits: 4))") : "no risk"
            line("  \(check.name)\(String(repeating: " ", count: 10 - check.name.count))\(risk)")
            for words in check.words + (check.silence.map { [$0] } ?? []) {
                line("            \(SafeText.shown(words))")
            }
        }
        for rule in explanation.rules { show(rule) }
        if let model = explanation.model { show(model) }
        line("  score     \(sum(explanation))")
        if let decision = explanation.decision { line("  decision  \(decision.label)") }
        line("")
    }

    private mutating func show(_ model: LearnedModel.Report) {
        let probability = Figures.decimal(model.probability, digits: 4)
        let verdict =
            model.isReady ? "probability \(style.alarming(probability))" : "not ready, \(probability) so far"
        line("  model     \(verdict)")
        for part in model.parts.sorted(by: { abs($0.weight) > abs($1.weight) }) where part.weight != 0 {
            let weight = Figures.decimal(part.weight, digits: 3)
            let shown = "\(part.weight > 0 ? "+" : "")\(weight)"
            line(style.dim("            \(shown)  \(SafeText.shown(part.input)): \(SafeText.shown(part.range))"))
        }
        line(style.dim("            the sum is \(Figures.decimal(model.sum, digits: 3))"))
    }

    private mutating func show(_ rule: RuleReport) {
        var effects = rule.risk.map { ["risk \(Figures.decimal($0, digits: 4))"] } ?? []
        if let decision = rule.decision { effects.append(decision.label) }
        let kind = rule.isPattern ? "pattern" : "rule"
        let effect = effects.joined(separator: ", ") + (rule.isShadow ? " (shadow: shown alone)" : "")
        switch rule.outcome {
        case .fired:
            let reason = rule.reason.map { ": " + SafeText.shown($0) } ?? ""
            line("  \(kind) \(rule.name) \(style.alarming("fired")), \(effect)\(reason)")
        case .notFired: line("  \(kind) \(rule.name) did not fire")
        case .failed(let message): line("  \(kind) \(rule.name) failed: \(SafeText.shown(message))")
        }
        for (name, value) in rule.inputs { line(style.dim("            \(name): \(SafeText.shown(value))")) }
    }

    private func sum(_ explanation: Explanation) -> String {
        // All rules together are one more source, and so are all patterns.
        let sources = [false, true].map { isPattern in
            explanation.rules.compactMap { rule -> Double? in
                if case .fired = rule.outcome, !rule.isShadow, rule.isPattern == isPattern { rule.risk } else { nil }
            }.max()
        }
        let model = explanation.model.flatMap { $0.isReady ? $0.probability : nil }
        let isInPlace = model != nil && explanation.role == .score
        var evidence = isInPlace ? [] : explanation.checks.map(\.risk).filter { $0 > 0 }
        if isInPlace, let model { evidence.append(model) }
        evidence += sources.compactMap(\.self)
        if !isInPlace, explanation.role == .factor, let model, model >= settings.learning.explainFrom {
            evidence.append(model)
        }
        let risks =
            evidence
            .map { Figures.decimal($0, digits: 4) }
        let score = Figures.decimal(explanation.score, digits: 6)
        if risks.isEmpty { return "0: nothing was unusual" }
        return switch settings.combination {
        case .noisyOr: "1 − \(risks.map { "(1 − \($0))" }.joined(separator: " × ")) = \(score)"
        case .max: "the greatest of \(risks.joined(separator: ", ")) = \(score)"
        case .mean: "the mean of \(risks.joined(separator: ", ")) = \(score)"
        }
    }
}
