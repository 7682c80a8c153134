import AssayCore
import CEL

/// Compiles what the outputs of assessments select.
package struct AssessmentCompiler {
    private let expressions: PipelineExpressions
    private let names: StreamEnvironment

    package init(path: String) {
        expressions = PipelineExpressions(path: path, fields: FieldCollector(declared: []))
        var names = StreamEnvironment(lists: [])
        for (slot, column) in AssessmentColumn.named.enumerated() {
            names.declare(column.name, column.type.type, slot: RowSlots.firstAssessment + slot)
        }
        names.declare("event_time", .timestamp, slot: RowSlots.time)
        for column in TransactionColumn.allCases { names.declare(column.name, column.type, slot: column.slot) }
        self.names = names
    }

    /// An output that gets the assessments of a level and above.
    package func compile(
        _ definition: any OutputDefinition, from least: RiskLevel
    ) throws(ConfigurationError) -> (NamedOutput, AssessmentOutput) {
        let start = TextPosition(line: 1, column: 1)
        func text(_ text: String) -> SourceText { SourceText(text: text, position: start, textPosition: nil) }
        var entry = OutputEntry(stream: text("assessments"), definition: definition, position: start)
        if least > .low {
            let levels = RiskLevel.allCases.filter { $0 >= least }.map { "\"\($0.label)\"" }
            entry.condition = text("risk_level in [\(levels.joined(separator: ", "))]")
        }
        return try compile(entry)
    }

    /// The outbox of an alert, and what it gets.
    package func compile(
        _ rule: AlertRule, _ office: AlertOffice
    ) throws(ConfigurationError) -> (NamedOutput, AssessmentOutput) {
        let owner = "alert '\(rule.name)'"
        let layout: AlertLayout
        do throws(SourceError) {
            layout = try AlertLayout.assessments(rule, fields: AssessmentColumn.named.map(\.name))
        } catch {
            throw expressions.fault(error, in: rule.message ?? rule.on, "\(owner), message")
        }
        let selection = try select(where: rule.condition, layout.expressions, owner)
        let definition = AlertOutput(rule, layout, office)
        return (
            NamedOutput(stream: rule.on.text, definition, columns: selection.streamColumns),
            AssessmentOutput(form: definition.form, selection: selection)
        )
    }

    /// The queue of what people judge, and what it gets.
    package func compile(
        _ review: ReviewSettings
    ) throws(ConfigurationError) -> (NamedOutput, AssessmentOutput) {
        func text(_ text: String) -> SourceText {
            SourceText(text: text, position: review.position, textPosition: nil)
        }
        let columns = ReviewColumn.expressions.map {
            NamedExpression(name: $0, position: review.position, expression: text($0))
        }
        let selection = try select(
            where: review.condition ?? text(ReviewSettings.usualCondition), columns, "'review'", addsFormer: true)
        let definition = ReviewOutput(review)
        return (
            NamedOutput(stream: "assessments", definition, columns: selection.streamColumns),
            AssessmentOutput(form: definition.form, selection: selection)
        )
    }

    private func select(
        where text: SourceText?, _ columns: [NamedExpression]?, _ owner: String, addsFormer: Bool = false
    ) throws(ConfigurationError) -> AssessmentSelection {
        var compiler = Compiler(names.environment)
        var condition: Int?
        if let text {
            condition = compiler.rootCount
            _ = try expressions.add(text, to: &compiler, names, "\(owner), where", expecting: .bool)
        }
        var parts: [ExpressionPart]?
        if let columns {
            parts = []
            for column in columns {
                parts?.append(try expressions.part(column, &compiler, names, owner, isEvents: false))
            }
        }
        return AssessmentSelection(
            program: compiler.finish(), condition: condition, columns: parts, addsFormer: addsFormer)
    }

    /// An output of a configuration, and what it gets.
    package func compile(_ entry: OutputEntry) throws(ConfigurationError) -> (NamedOutput, AssessmentOutput) {
        let selection = try select(where: entry.condition, entry.columns, "an output of '\(entry.stream.text)'")
        let definition = entry.definition
        try definition.check(selection.streamColumns, of: entry.stream.text) { message, position in
            ConfigurationError(path: expressions.path, position: position ?? entry.position, message: message)
        }
        return (
            NamedOutput(stream: entry.stream.text, definition, columns: selection.streamColumns),
            AssessmentOutput(form: definition.form, selection: selection)
        )
    }
}
