/// A parsed expression with its macros expanded.
final class Expression: Sendable {
    let content: Content
    /// The byte offset in the source: of the operator, or else of the beginning.
    let offset: Int
    /// The depth of the tree below, itself included.
    let depth: Int
    /// Counted from 0 in order of creation, without gaps.
    let number: Int

    indirect enum Content: Sendable {
        case literal(Value)
        /// `isRoot`: written with a dot before it.
        case name(String, isRoot: Bool)
        case select(Expression, field: String, isQuoted: Bool)
        /// The macro `has`.
        case test(Expression, field: String)
        case call(String, target: Expression?, [Expression])
        case not(Expression)
        case negate(Expression)
        case arithmetic(Arithmetic, Expression, Expression)
        case order(Ordering, Expression, Expression)
        case equal(Expression, Expression, negated: Bool)
        case contained(Expression, Expression)
        case index(Expression, Expression)
        case and([Expression])
        case or([Expression])
        case conditional(Expression, Expression, Expression)
        case list([Expression])
        case map([(key: Expression, value: Expression)])
        /// A message of an unsupported type.
        case message(String)
        case comprehension(Comprehension)
    }

    init(_ content: Content, offset: Int, number: Int, depth: Int) {
        self.content = content
        self.offset = offset
        self.number = number
        self.depth = depth
    }
}

enum Arithmetic: UInt8, Sendable {
    case add, subtract, multiply, divide, modulo

    var symbol: String {
        switch self {
        case .add: "+"
        case .subtract: "-"
        case .multiply: "*"
        case .divide: "/"
        case .modulo: "%"
        }
    }
}

/// What a macro does with the elements of a list or the entries of a map.
struct Comprehension: Sendable {
    enum Form: UInt8, Sendable {
        case all, exists, existsOne, filter, transformList, transformMap, transformMapEntry
    }

    /// The name as called.
    let name: String
    let form: Form
    let range: Expression
    /// One: the element or the key. Two: index and element, or key and value.
    let variables: [String]
    /// Which elements take part; the question itself for all, exists and exists_one.
    let condition: Expression?
    /// The result for each.
    let transform: Expression?
}
