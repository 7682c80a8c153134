/// Parses expressions by recursive descent, with one function per level of precedence.
struct Parser {
    let source: [UInt8]
    let hasMacros: Bool
    private var lexer: Lexer
    private var token: Token
    private var nesting = 0
    private var count = 0

    /// Reserved names; after a dot they are allowed.
    static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    ]
    private static let keywords: Set<String> = ["true", "false", "null", "in"]

    /// Returns the expression, and the number of its parts.
    static func parse(_ source: [UInt8], macros: Bool = true) throws(SourceError) -> (root: Expression, count: Int) {
        guard source.count <= Limits.longestSource else {
            throw SourceError("an expression has at most \(Limits.longestSource) bytes", at: 0, in: source)
        }
        var parser = try Parser(source, macros: macros)
        let root = try parser.expression()
        guard case .end = parser.token.kind else { throw parser.unexpected("an operator or the end") }
        return (root, parser.count)
    }

    private init(_ source: [UInt8], macros: Bool) throws(SourceError) {
        self.source = source
        hasMacros = macros
        lexer = Lexer(source)
        token = try lexer.next()
    }

    // MARK: Tokens

    private mutating func advance() throws(SourceError) {
        token = try lexer.next()
    }

    private func isAt(_ symbol: Token.Symbol) -> Bool { token.kind == .symbol(symbol) }

    private mutating func take(_ symbol: Token.Symbol) throws(SourceError) -> Bool {
        guard isAt(symbol) else { return false }
        try advance()
        return true
    }

    private mutating func expect(_ symbol: Token.Symbol, _ purpose: String = "") throws(SourceError) {
        guard try take(symbol) else { throw unexpected("'\(symbol.rawValue)'\(purpose)") }
    }

    private func unexpected(_ expectation: String) -> SourceError {
        fault("\(expectation) was expected, not \(token.name)", at: token.offset)
    }

    func fault(_ message: String, at offset: Int) -> SourceError {
        SourceError(message, at: offset, in: source)
    }

    // MARK: Creating parts

    mutating func make(
        _ content: Expression.Content, at offset: Int, over children: [Expression] = []
    ) throws(SourceError) -> Expression {
        let depth = (children.map(\.depth).max() ?? 0) + 1
        guard depth <= Limits.deepestTree else {
            throw fault("more than \(Limits.deepestTree) operations inside each other", at: offset)
        }
        defer { count += 1 }
        return Expression(content, offset: offset, number: count, depth: depth)
    }

    private mutating func nested<T>(
        _ body: (inout Parser) throws(SourceError) -> T
    ) throws(SourceError) -> T {
        guard nesting < Limits.deepestNesting else {
            throw fault("nested more than \(Limits.deepestNesting) levels deep", at: token.offset)
        }
        nesting += 1
        defer { nesting -= 1 }
        return try body(&self)
    }

    // MARK: Levels of precedence

    private mutating func expression() throws(SourceError) -> Expression {
        try nested { parser throws(SourceError) in
            let condition = try parser.disjunction()
            let offset = parser.token.offset
            guard try parser.take(.question) else { return condition }
            let yes = try parser.disjunction()
            try parser.expect(.colon, " and what holds otherwise")
            let no = try parser.expression()
            return try parser.make(.conditional(condition, yes, no), at: offset, over: [condition, yes, no])
        }
    }

    private mutating func disjunction() throws(SourceError) -> Expression {
        let first = try conjunction()
        guard isAt(.orElse) else { return first }
        let offset = token.offset
        var terms = [first]
        while try take(.orElse) { terms.append(try conjunction()) }
        return try make(.or(terms), at: offset, over: terms)
    }

    private mutating func conjunction() throws(SourceError) -> Expression {
        let first = try relation()
        guard isAt(.andAlso) else { return first }
        let offset = token.offset
        var terms = [first]
        while try take(.andAlso) { terms.append(try relation()) }
        return try make(.and(terms), at: offset, over: terms)
    }

    private mutating func relation() throws(SourceError) -> Expression {
        var left = try addition()
        while let relation = relationHere {
            let offset = token.offset
            try advance()
            let right = try addition()
            let content: Expression.Content =
                switch relation {
                case .order(let ordering): .order(ordering, left, right)
                case .equal(let negated): .equal(left, right, negated: negated)
                case .contained: .contained(left, right)
                }
            left = try make(content, at: offset, over: [left, right])
        }
        return left
    }

    private enum Relation {
        case order(Ordering)
        case equal(negated: Bool)
        case contained
    }

    private var relationHere: Relation? {
        switch token.kind {
        case .symbol(.less): .order(.less)
        case .symbol(.lessOrEqual): .order(.lessOrEqual)
        case .symbol(.greater): .order(.greater)
        case .symbol(.greaterOrEqual): .order(.greaterOrEqual)
        case .symbol(.equal): .equal(negated: false)
        case .symbol(.notEqual): .equal(negated: true)
        case .name("in"): .contained
        default: nil
        }
    }

    private mutating func addition() throws(SourceError) -> Expression {
        var left = try multiplication()
        while isAt(.plus) || isAt(.minus) {
            let (operation, offset) = (isAt(.plus) ? Arithmetic.add : .subtract, token.offset)
            try advance()
            let right = try multiplication()
            left = try make(.arithmetic(operation, left, right), at: offset, over: [left, right])
        }
        return left
    }

    private mutating func multiplication() throws(SourceError) -> Expression {
        var left = try unary()
        while isAt(.times) || isAt(.slash) || isAt(.percent) {
            let operation: Arithmetic = isAt(.times) ? .multiply : isAt(.slash) ? .divide : .modulo
            let offset = token.offset
            try advance()
            let right = try unary()
            left = try make(.arithmetic(operation, left, right), at: offset, over: [left, right])
        }
        return left
    }

    private mutating func unary() throws(SourceError) -> Expression {
        var operators: [(symbol: Token.Symbol, offset: Int)] = []
        while isAt(.not) || isAt(.minus) {
            operators.append((isAt(.not) ? .not : .minus, token.offset))
            try advance()
        }
        var operand: Expression
        // A minus before a number belongs to it: the least int has no positive counterpart.
        if operators.last?.symbol == .minus, let value = try number(negative: true) {
            let offset = operators.removeLast().offset
            try advance()
            operand = try member(of: try make(.literal(value), at: offset))
        } else {
            operand = try member(of: try primary())
        }
        for (symbol, offset) in operators.reversed() {
            operand = try make(symbol == .not ? .not(operand) : .negate(operand), at: offset, over: [operand])
        }
        return operand
    }

    // MARK: Selections, indices and calls

    private mutating func member(of first: Expression) throws(SourceError) -> Expression {
        var operand = first
        while true {
            let offset = token.offset
            if try take(.dot) {
                operand = try selection(of: operand)
            } else if try take(.leftBracket) {
                let index = try expression()
                try expect(.rightBracket)
                operand = try make(.index(operand, index), at: offset, over: [operand, index])
            } else if isAt(.leftBrace), let name = Self.qualifiedName(operand) {
                operand = try message(name, at: operand.offset)
            } else {
                return operand
            }
        }
    }

    private mutating func selection(of operand: Expression) throws(SourceError) -> Expression {
        let (field, offset, isQuoted) = try fieldName()
        if !isQuoted, try take(.leftParenthesis) {
            let arguments = try arguments(until: .rightParenthesis)
            if hasMacros,
                let expanded = try macro(field, of: operand, arguments, at: offset)
            {
                return expanded
            }
            return try make(.call(field, target: operand, arguments), at: offset, over: [operand] + arguments)
        }
        return try make(.select(operand, field: field, isQuoted: isQuoted), at: offset, over: [operand])
    }

    private mutating func fieldName() throws(SourceError) -> (String, offset: Int, isQuoted: Bool) {
        let offset = token.offset
        switch token.kind {
        case .name(let name) where !Self.keywords.contains(name):
            try advance()
            return (name, offset, false)
        case .quotedName(let name):
            try advance()
            return (name, offset, true)
        default: throw unexpected("a field's or method's name")
        }
    }

    /// Parses the arguments and the closing bracket.
    private mutating func arguments(until end: Token.Symbol) throws(SourceError) -> [Expression] {
        var arguments: [Expression] = []
        if try take(end) { return [] }
        // By the grammar, a list may end in a comma.
        if end == .rightBracket, try take(.comma) {
            try expect(end)
            return []
        }
        repeat {
            if end == .rightBracket, isAt(end) { break }
            arguments.append(try expression())
        } while try take(.comma)
        try expect(end, arguments.isEmpty ? "" : " or ','")
        return arguments
    }

    /// The dotted name of an expression, nil when it is anything else.
    static func qualifiedName(_ expression: Expression) -> String? {
        switch expression.content {
        case .name(let name, let isRoot): return isRoot ? "." + name : name
        case .select(let operand, let field, isQuoted: false): return qualifiedName(operand).map { "\($0).\(field)" }
        default: return nil
        }
    }

    // MARK: Primaries

    private mutating func primary() throws(SourceError) -> Expression {
        let (kind, offset) = (token.kind, token.offset)
        if let value = try literal() {
            try advance()
            return try make(.literal(value), at: offset)
        }
        switch kind {
        case .symbol(.leftParenthesis):
            try advance()
            let inner = try expression()
            try expect(.rightParenthesis)
            return inner
        case .symbol(.leftBracket):
            try advance()
            let elements = try arguments(until: .rightBracket)
            return try make(.list(elements), at: offset, over: elements)
        case .symbol(.leftBrace): return try map()
        case .symbol(.dot):
            try advance()
            return try name(isRoot: true, at: offset)
        case .name: return try name(isRoot: false, at: offset)
        default: throw unexpected("a value")
        }
    }

    private mutating func name(isRoot: Bool, at offset: Int) throws(SourceError) -> Expression {
        guard case .name(let name) = token.kind, !Self.keywords.contains(name) else { throw unexpected("a name") }
        guard !Self.reserved.contains(name) else { throw fault("'\(name)' is a reserved word", at: token.offset) }
        try advance()
        guard try take(.leftParenthesis) else { return try make(.name(name, isRoot: isRoot), at: offset) }
        let arguments = try arguments(until: .rightParenthesis)
        if hasMacros, name == "has", !isRoot, arguments.count == 1 { return try has(arguments[0], at: offset) }
        return try make(
            .call(isRoot ? "." + name : name, target: nil, arguments), at: offset, over: arguments)
    }

    private mutating func map() throws(SourceError) -> Expression {
        let offset = token.offset
        try advance()
        var entries: [(key: Expression, value: Expression)] = []
        if try take(.comma), !isAt(.rightBrace) { throw unexpected("'}'") }
        while !isAt(.rightBrace) {
            let key = try expression()
            try expect(.colon, " and the key's value")
            entries.append((key, try expression()))
            guard try take(.comma) else { break }
        }
        try expect(.rightBrace, entries.isEmpty ? "" : " or ','")
        return try make(.map(entries), at: offset, over: entries.flatMap { [$0.key, $0.value] })
    }

    /// Skips a message's fields: using the message reports that its type is unknown.
    private mutating func message(_ name: String, at offset: Int) throws(SourceError) -> Expression {
        try expect(.leftBrace)
        while !isAt(.rightBrace) {
            _ = try fieldName()
            try expect(.colon, " and the field's value")
            _ = try expression()
            guard try take(.comma) else { break }
        }
        try expect(.rightBrace)
        return try make(.message(name), at: offset)
    }

    // MARK: Literals

    /// The value of the current token if it is a literal.
    private func literal() throws(SourceError) -> Value? {
        switch token.kind {
        case .string(let string): .string(string)
        case .bytes(let bytes): .bytes(bytes)
        case .name("true"): .bool(true)
        case .name("false"): .bool(false)
        case .name("null"): .null
        default: try number(negative: false)
        }
    }

    private func number(negative: Bool) throws(SourceError) -> Value? {
        switch token.kind {
        case .int(let digits, let radix):
            guard let int = Int64((negative ? "-" : "") + digits, radix: radix) else {
                throw fault("\(digits) is more than an int can hold", at: token.offset)
            }
            return .int(int)
        case .uint(let digits, let radix):
            // A minus before a uint is an operator that does not exist; that is reported with the operators.
            if negative { return nil }
            guard let uint = UInt64(digits, radix: radix) else {
                throw fault("\(digits) is more than a uint can hold", at: token.offset)
            }
            return .uint(uint)
        case .double(let digits):
            guard let double = Double(digits) else { throw fault("\(digits) is no number", at: token.offset) }
            return .double(negative ? -double : double)
        default: return nil
        }
    }
}
