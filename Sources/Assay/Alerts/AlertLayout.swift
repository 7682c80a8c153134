import AssayCore
import CEL
import StateStore

/// What the rows of an alert consist of: which column has what.
package struct AlertLayout: Sendable {
    enum Piece: Sendable {
        case text(String)
        case column(Int)
    }

    enum Severity: Sendable {
        case fixed(AlertSeverity)
        case column(Int)
    }

    /// The expressions of the columns.
    package private(set) var expressions: [NamedExpression] = []
    private(set) var time = 0
    /// Nil where results have no numbers of their own.
    private(set) var sequence: Int?
    private(set) var user: Int?
    private(set) var severity = Severity.fixed(.warning)
    private(set) var keys: [(name: String, column: Int)] = []
    private(set) var message: [Piece] = []
    private(set) var details: [(name: String, column: Int)] = []

    static let mostDetails = 64

    /// Of a rule over assessments, whose fields are `fields`.
    package static func assessments(_ rule: AlertRule, fields: [String]) throws(SourceError) -> AlertLayout {
        var layout = AlertLayout(rule)
        layout.sequence = layout.add("sequence", rule)
        layout.user = layout.add("user_id", rule)
        try layout.finish(
            rule, fields, "%{user_id}: %{risk_level} (%{risk_score}), transaction %{transaction_id}")
        return layout
    }

    /// Of a rule over a stream, whose columns are `columns`; those of the whole event where it may have any.
    package static func stream(_ rule: AlertRule, columns: [String]?) throws(SourceError) -> AlertLayout {
        var layout = AlertLayout(rule)
        if columns?.contains("user_id") == true { layout.user = layout.add("user_id", rule) }
        let shown = (columns ?? []).prefix(mostInMessage).map { "\($0) %{\($0)}" }.joined(separator: ", ")
        try layout.finish(rule, columns ?? ["event"], rule.name + (shown.isEmpty ? "" : ": \(shown)"))
        return layout
    }

    private static let mostInMessage = 8

    private init(_ rule: AlertRule) {
        time = add("event_time", rule)
    }

    private mutating func finish(
        _ rule: AlertRule, _ fields: [String], _ message: String
    ) throws(SourceError) {
        switch rule.severity {
        case .fixed(let severity): self.severity = .fixed(severity)
        case .expression(let text): severity = .column(add("severity", text))
        }
        for key in rule.keys { keys.append((key.name, add(key.name, key.expression))) }
        for part in try TextTemplate.parts(rule.message?.text ?? message) {
            switch part {
            case .text(let text): self.message.append(.text(text))
            case .expression(let text, let offset):
                self.message.append(.column(add("message", Self.source(text, offset, of: rule))))
            }
        }
        for field in fields.prefix(Self.mostDetails) { details.append((field, add(field, rule))) }
    }

    private static func source(_ text: String, _ offset: Int, of rule: AlertRule) -> SourceText {
        let whole = rule.message
        let start = whole?.textPosition.map { TextPosition(line: $0.line, column: $0.column + offset) }
        return SourceText(text: text, position: whole?.position ?? rule.position, textPosition: start)
    }

    private mutating func add(_ name: String, _ rule: AlertRule) -> Int {
        add(name, SourceText(text: name, position: rule.position, textPosition: nil))
    }

    private mutating func add(_ name: String, _ text: SourceText) -> Int {
        expressions.append(NamedExpression(name: name, position: text.position, expression: text))
        return expressions.count - 1
    }
}
