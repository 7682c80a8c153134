/// A comparison of a function's result with a whole number, as conditions have it: `f("a", "1h") > 200`.
package struct CallComparison: Equatable, Sendable {
    /// Those that are written as texts; nil for all others.
    package let arguments: [String?]
    /// The least result for which it holds; nil where it holds for small ones.
    package let least: Int64?

    /// All of them in an expression, where its truth hangs on them.
    package static func all(of function: String, in text: String) throws(SourceError) -> [CallComparison] {
        var found: [CallComparison] = []
        collect(function, in: try Parser.parse(Array(text.utf8)).0, into: &found)
        return found
    }

    private static func collect(_ function: String, in expression: Expression, into found: inout [CallComparison]) {
        switch expression.content {
        case .and(let parts), .or(let parts): for part in parts { collect(function, in: part, into: &found) }
        case .conditional(let condition, let first, let second):
            for part in [condition, first, second] { collect(function, in: part, into: &found) }
        case .equal(let left, let right, negated: false):
            for (call, bound) in [(left, right), (right, left)] {
                add(call, bound, function, least: { $0 }, into: &found)
            }
        case .order(let ordering, let left, let right):
            switch ordering {
            case .greater:
                add(left, right, function, least: { $0.addingReportingOverflow(1).partialValue }, into: &found)
            case .greaterOrEqual: add(left, right, function, least: { $0 }, into: &found)
            case .less: add(right, left, function, least: { $0.addingReportingOverflow(1).partialValue }, into: &found)
            case .lessOrEqual: add(right, left, function, least: { $0 }, into: &found)
            }
        default: break
        }
    }

    private static func add(
        _ call: Expression, _ bound: Expression, _ function: String, least: (Int64) -> Int64,
        into found: inout [CallComparison]
    ) {
        guard case .call(function, target: nil, let arguments) = call.content,
            case .literal(.int(let number)) = bound.content
        else { return }
        let texts = arguments.map { argument -> String? in
            if case .literal(.string(let text)) = argument.content { text.string } else { nil }
        }
        found.append(CallComparison(arguments: texts, least: number == .max ? nil : least(number)))
    }
}
