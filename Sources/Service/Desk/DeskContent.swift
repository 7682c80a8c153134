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
    /// Patterns as drawings.
    package var patterns: [(name: String, drawing: String)] = []

    package init() {}

    /// Of scoring. `rules`: what the configuration's rules and patterns were compiled to.
    package init(_ configuration: Configuration, _ rules: RuleSet?) {
        hasReview = configuration.review != nil
        learns = configuration.scoring.learning.isEnabled
        self.rules = (configuration.rules + configuration.patterns).map(Rule.init)
        patterns = rules?.patternDrawings.map { ($0.name, $0.svg) } ?? []
    }

    package init(_ pipeline: Pipeline) {
        drawing = PipelineDrawing(pipeline).svg
        patterns = pipeline.plan.patternDrawings.map { ($0.name, $0.svg) }
    }
}

/// What is shown now: a reload changes it.
package final class ShownContent: Sendable {
    private let content: Locked<DeskContent>

    package init(_ content: DeskContent) { self.content = Locked(content) }

    package func show(_ content: DeskContent) { self.content.withLock { $0 = content } }

    var present: DeskContent { content.withLock { $0 } }
}
