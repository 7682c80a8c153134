/// A condition split into terms without some variables, and the rest. It holds if both parts hold.
package struct SplitCondition {
    package let apart: Compiler.Outline?
    package let rest: Compiler.Outline?
    /// The names that are used as lists: iterated, indexed, or asked for their size.
    package let lists: Set<String>
}

extension Compiler {
    /// Adds a condition: the terms of its `&&` that use any of `names` to this program, the others to `inner`.
    package mutating func add(
        condition text: String, naming names: Set<String>, others inner: inout Compiler
    ) throws(SourceError) -> SplitCondition {
        let source = Array(text.utf8)
        let (root, count) = try Parser.parse(source)
        let terms: [Expression] = if case .and(let terms) = root.content { terms } else { [root] }
        let apart = terms.filter { !$0.names(anyOf: names) }
        let rest = terms.filter { $0.names(anyOf: names) }
        var lists: Set<String> = []
        root.visit { if let name = $0.listName { lists.insert(name) } }
        return SplitCondition(
            apart: try inner.add(all: apart, of: root, count: count, source),
            rest: try add(all: rest, of: root, count: count, source), lists: lists)
    }

    private mutating func add(
        all terms: [Expression], of root: Expression, count: Int, _ source: [UInt8]
    ) throws(SourceError) -> Outline? {
        guard let first = terms.first else { return nil }
        let condition =
            terms.count == 1
            ? first : Expression(.and(terms), offset: root.offset, number: root.number, depth: root.depth)
        return try add(condition, count: count, source, expecting: .bool)
    }
}

extension Expression {
    /// Whether it uses any of some variables. A macro's own variable of the same name counts too.
    fileprivate func names(anyOf names: Set<String>) -> Bool {
        var isNamed = false
        visit { if case .name(let name, _) = $0.content, names.contains(name) { isNamed = true } }
        return isNamed
    }

    /// The name that is used as a list here.
    fileprivate var listName: String? {
        let list: Expression? =
            switch content {
            case .comprehension(let comprehension): comprehension.range
            case .index(let operand, _): operand
            case .call("size", let target, let arguments): target ?? arguments.first
            default: nil
            }
        guard case .name(let name, _)? = list?.content else { return nil }
        return name
    }

    fileprivate func visit(_ body: (Expression) -> Void) {
        body(self)
        for part in parts { part.visit(body) }
    }

    private var parts: [Expression] {
        switch content {
        case .literal, .message, .name: []
        case .select(let operand, _, _), .test(let operand, _), .not(let operand), .negate(let operand): [operand]
        case .call(_, let target, let arguments): (target.map { [$0] } ?? []) + arguments
        case .arithmetic(_, let left, let right), .order(_, let left, let right), .equal(let left, let right, _),
            .contained(let left, let right), .index(let left, let right):
            [left, right]
        case .and(let terms), .or(let terms), .list(let terms): terms
        case .conditional(let condition, let yes, let no): [condition, yes, no]
        case .map(let entries): entries.flatMap { [$0.key, $0.value] }
        case .comprehension(let comprehension):
            [comprehension.range, comprehension.condition, comprehension.transform].compactMap(\.self)
        }
    }
}
