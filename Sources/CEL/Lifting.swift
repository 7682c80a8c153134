/// A call whose arguments are evaluated elsewhere, such as an aggregate's: for each event, while the surrounding
/// expression is evaluated once for all of them and sees the result as a variable.
package struct LiftedCall {
    package let name: String
    /// The numbers of the arguments in the program that evaluates them.
    package let arguments: [Int]
    package let types: [Type]
    /// The values of those that are literals.
    package let literals: [Value?]
}

extension Compiler {
    /// Adds an expression, lifting calls of some names out of it. `declare` gives each call its variable, or the fault.
    /// Also returns what the arguments read.
    @discardableResult
    package mutating func add(
        _ text: String, expecting type: Type? = nil, lifting names: Set<String>, into inner: inout Compiler,
        declare: (LiftedCall) -> Result<Environment.Variable, LiftFault>
    ) throws(SourceError) -> (outline: Outline, inside: Set<String>) {
        let source = Array(text.utf8)
        let (root, count) = try Parser.parse(source)
        var inside: Set<String> = []
        var lifting = Lifting(names: names)
        let rest = lifting.lift(root)
        for (number, call) in lifting.calls.enumerated() {
            guard case .call(let name, _, let arguments) = call.content else { preconditionFailure("calls are lifted") }
            var outlines: [Outline] = []
            var roots: [Int] = []
            for argument in arguments {
                roots.append(inner.rootCount)
                outlines.append(try inner.add(argument, count: count, source))
                inside.formUnion(outlines.last?.reads ?? [])
            }
            let lifted = LiftedCall(
                name: name, arguments: roots, types: outlines.map(\.type),
                literals: arguments.map { if case .literal(let value) = $0.content { value } else { nil } })
            switch declare(lifted) {
            case .success(let variable): self.declare(Lifting.name(number), variable.type, slot: variable.slot)
            case .failure(let fault): throw SourceError(fault.message, at: call.offset, in: source)
            }
        }
        return (try add(rest, count: count, source, expecting: type), inside)
    }
}

package struct LiftFault: Error {
    let message: String

    package init(_ message: String) {
        self.message = message
    }
}

/// Replaces calls in an expression by names.
private struct Lifting {
    let names: Set<String>
    private(set) var calls: [Expression] = []

    init(names: Set<String>) {
        self.names = names
    }

    /// A name that is not valid in source.
    static func name(_ number: Int) -> String { "#\(number)" }

    mutating func lift(_ expression: Expression) -> Expression {
        if case .call(let name, nil, _) = expression.content, names.contains(name) {
            calls.append(expression)
            return replaced(expression, .name(Self.name(calls.count - 1), isRoot: true))
        }
        return replaced(expression, content(expression.content))
    }

    private func replaced(_ expression: Expression, _ content: Expression.Content) -> Expression {
        Expression(content, offset: expression.offset, number: expression.number, depth: expression.depth)
    }

    private mutating func all(_ expressions: [Expression]) -> [Expression] {
        var lifted: [Expression] = []
        for expression in expressions { lifted.append(lift(expression)) }
        return lifted
    }

    private mutating func content(_ content: Expression.Content) -> Expression.Content {
        switch content {
        case .literal, .name, .message: return content
        case .select(let operand, let field, let isQuoted):
            return .select(lift(operand), field: field, isQuoted: isQuoted)
        case .test(let operand, let field): return .test(lift(operand), field: field)
        case .call(let name, let target, let arguments):
            var lifted: Expression?
            if let target { lifted = lift(target) }
            return .call(name, target: lifted, all(arguments))
        case .not(let operand): return .not(lift(operand))
        case .negate(let operand): return .negate(lift(operand))
        case .arithmetic(let operation, let left, let right): return .arithmetic(operation, lift(left), lift(right))
        case .order(let ordering, let left, let right): return .order(ordering, lift(left), lift(right))
        case .equal(let left, let right, let negated): return .equal(lift(left), lift(right), negated: negated)
        case .contained(let element, let range): return .contained(lift(element), lift(range))
        case .index(let operand, let index): return .index(lift(operand), lift(index))
        case .and(let terms): return .and(all(terms))
        case .or(let terms): return .or(all(terms))
        case .conditional(let condition, let yes, let no): return .conditional(lift(condition), lift(yes), lift(no))
        case .list(let elements): return .list(all(elements))
        case .map(let entries):
            var lifted: [(key: Expression, value: Expression)] = []
            for (key, value) in entries { lifted.append((lift(key), lift(value))) }
            return .map(lifted)
        case .comprehension(let comprehension):
            let range = lift(comprehension.range)
            // An argument that uses the macro's own variables is refused where arguments are compiled.
            let condition = comprehension.condition.map { lift($0) }
            let transform = comprehension.transform.map { lift($0) }
            return .comprehension(
                Comprehension(
                    name: comprehension.name, form: comprehension.form, range: range,
                    variables: comprehension.variables, condition: condition,
                    transform: transform))
        }
    }
}
