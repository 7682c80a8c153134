/// A condition taken apart into what names none of some variables and the rest. It holds where both hold.
package struct SplitCondition {
    package let apart: Compiler.Outline?
    package let rest: Compiler.Outline?
}

extension Compiler {
    /// Adds a condition: the terms of its `&&` that name any of `names` to this program, the others to `inner`.
    package mutating func add(
        condition text: String, naming names: Set<String>, others inner: inout Compiler
    ) throws(SourceError) -> SplitCondition {
        let source = Array(text.utf8)
        let (root, count) = try Parser.parse(source)
        let terms: [Expression] = if case .and(let terms) = root.content { terms } else { [root] }
        let apart = terms.filter { !$0.names(anyOf: names) }
        let rest = terms.filter { $0.names(anyOf: names) }
        return SplitCondition(
            apart: try inner.add(all: apart, of: root, count: count, source),
            rest: try add(all: rest, of: root, count: count, source))
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
    /// Whether any of some variables is named in it. A macro's own variable of the same name counts too.
    fileprivate func names(anyOf names: Set<String>) -> Bool {
        switch content {
        case .literal, .message: false
        case .name(let name, _): names.contains(name)
        case .select(let operand, _, _), .test(let operand, _), .not(let operand), .negate(let operand):
            operand.names(anyOf: names)
        case .call(_, let target, let arguments):
            target?.names(anyOf: names) == true || arguments.contains { $0.names(anyOf: names) }
        case .arithmetic(_, let left, let right), .order(_, let left, let right), .equal(let left, let right, _),
            .contained(let left, let right), .index(let left, let right):
            left.names(anyOf: names) || right.names(anyOf: names)
        case .and(let terms), .or(let terms), .list(let terms): terms.contains { $0.names(anyOf: names) }
        case .conditional(let condition, let yes, let no):
            [condition, yes, no].contains { $0.names(anyOf: names) }
        case .map(let entries):
            entries.contains { $0.key.names(anyOf: names) || $0.value.names(anyOf: names) }
        case .comprehension(let comprehension):
            [comprehension.range, comprehension.condition, comprehension.transform]
                .contains { $0?.names(anyOf: names) == true }
        }
    }
}
