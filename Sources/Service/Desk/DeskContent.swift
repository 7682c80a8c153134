import Assay
import AssayCore

/// What the page shows of the definition of a run.
package struct DeskContent: Sendable {
    /// A rule or a pattern, for people.
    package struct Rule: Sendable {
        package let name: String
        package let kind: String
        package let isShadow: Bool
        package let condition: String
        package let effect: String

        package init(_ rule: RuleDefinition) {
            (name, isShadow) = (rule.name, rule.isShadow)
            kind = rule.sequence == nil ? "rule" : "pattern"
            condition = rule.when
            var effects: [String] = []
            if let risk = rule.risk { effects.append("risk \(risk)") }
            if let decision = rule.decide { effects.append("\(decision.name)") }
            effect = effects.joined(separator: ", ")
        }
    }

    package var hasReview = false
    package var learns = false
    package var rules: [Rule] = []
    /// A pipeline as a drawing; empty for scoring.
    package var drawing = ""

    package init() {}

    /// Of scoring.
    package init(_ configuration: Configuration) {
        hasReview = configuration.review != nil
        learns = configuration.scoring.learning.isEnabled
        rules = (configuration.rules + configuration.patterns).map(Rule.init)
    }

    package init(_ pipeline: Pipeline) {
        drawing = PipelineDrawing(pipeline).svg
    }
}
