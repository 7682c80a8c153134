/// A token of an expression.
struct Token {
    enum Kind: Equatable {
        case name(String)
        /// Between backticks, only after a dot.
        case quotedName(String)
        case int(String, radix: Int)
        case uint(String, radix: Int)
        case double(String)
        case string(String)
        case bytes([UInt8])
        case symbol(Symbol)
        case end
    }

    enum Symbol: String, CaseIterable {
        case orElse = "||"
        case andAlso = "&&"
        case equal = "=="
        case notEqual = "!="
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case less = "<"
        case greater = ">"
        case plus = "+"
        case minus = "-"
        case times = "*"
        case slash = "/"
        case percent = "%"
        case not = "!"
        case question = "?"
        case colon = ":"
        case comma = ","
        case dot = "."
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case leftBracket = "["
        case rightBracket = "]"
        case leftBrace = "{"
        case rightBrace = "}"
    }

    let kind: Kind
    let offset: Int

    /// The token's name in messages.
    var name: String {
        switch kind {
        case .name(let name): "'\(name)'"
        case .quotedName(let name): "`\(name)`"
        case .int(let digits, _), .uint(let digits, _), .double(let digits): "the number \(digits)"
        case .string: "a string"
        case .bytes: "bytes"
        case .symbol(let symbol): "'\(symbol.rawValue)'"
        case .end: "the end of the expression"
        }
    }
}
