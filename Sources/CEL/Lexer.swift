/// Splits an expression into tokens.
struct Lexer {
    private let source: [UInt8]
    private var position = 0

    init(_ source: [UInt8]) {
        self.source = source
    }

    /// The byte `ahead` of the next one, zero past the end.
    private func byte(_ ahead: Int = 0) -> UInt8 {
        position + ahead < source.count ? source[position + ahead] : 0
    }

    mutating func next() throws(SourceError) -> Token {
        skipSpace()
        let start = position
        return Token(kind: try kind(), offset: start)
    }

    private mutating func skipSpace() {
        while position < source.count {
            switch source[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"), 0x0C: position += 1
            case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "/"):
                while position < source.count, source[position] != UInt8(ascii: "\n") { position += 1 }
            default: return
            }
        }
    }

    private mutating func kind() throws(SourceError) -> Token.Kind {
        guard position < source.count else { return .end }
        let first = source[position]
        if first.isDigit || first == UInt8(ascii: ".") && byte(1).isDigit { return try number() }
        if let literal = try literalWithPrefix() { return literal }
        if first.isNameStart {
            let start = position
            while position < source.count, source[position].isNamePart { position += 1 }
            return .name(String(decoding: source[start..<position], as: UTF8.self))
        }
        if first == UInt8(ascii: "`") { return .quotedName(try quotedName()) }
        for symbol in Token.Symbol.allCases where source[position...].starts(with: symbol.rawValue.utf8) {
            position += symbol.rawValue.utf8.count
            return .symbol(symbol)
        }
        throw fault(unexpected())
    }

    private func unexpected() -> String {
        let rest = String(decoding: source[position...].prefix(4), as: UTF8.self).unicodeScalars
        guard let scalar = rest.first else { return "unexpected end" }
        switch scalar {
        case "=": return "unexpected '='; equality is '=='"
        case "&": return "unexpected '&'; 'and' is '&&'"
        case "|": return "unexpected '|'; 'or' is '||'"
        case "!"..."~": return "unexpected character '\(scalar)'"
        default: return "unexpected character U+\(String(scalar.value, radix: 16, uppercase: true))"
        }
    }

    private func fault(_ message: String, at offset: Int? = nil) -> SourceError {
        SourceError(message, at: offset ?? position, in: source)
    }

    // MARK: Numbers

    private mutating func number() throws(SourceError) -> Token.Kind {
        let start = position
        if byte() == UInt8(ascii: "0"), byte(1) == UInt8(ascii: "x") {
            position += 2
            let digits = position
            while byte().isHexDigit { position += 1 }
            guard position > digits else { throw fault("a hexadecimal digit was expected") }
            return try integer(source[digits..<position], radix: 16)
        }
        while byte().isDigit { position += 1 }
        var isDouble = false
        if byte() == UInt8(ascii: "."), byte(1).isDigit {
            isDouble = true
            position += 1
            while byte().isDigit { position += 1 }
        }
        if byte() | 0x20 == UInt8(ascii: "e") {
            let hasSign = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-")
            guard byte(hasSign ? 2 : 1).isDigit else { throw fault("the exponent lacks its digits") }
            isDouble = true
            position += hasSign ? 2 : 1
            while byte().isDigit { position += 1 }
        }
        guard isDouble else { return try integer(source[start..<position], radix: 10) }
        try checkEnd()
        return .double(String(decoding: source[start..<position], as: UTF8.self))
    }

    private mutating func integer(_ digits: ArraySlice<UInt8>, radix: Int) throws(SourceError) -> Token.Kind {
        let text = String(decoding: digits, as: UTF8.self)
        if byte() | 0x20 == UInt8(ascii: "u") {
            position += 1
            try checkEnd()
            return .uint(text, radix: radix)
        }
        try checkEnd()
        return .int(text, radix: radix)
    }

    private func checkEnd() throws(SourceError) {
        if byte().isNamePart { throw fault("a number cannot be followed by a name") }
    }

    // MARK: Texts

    /// Reads a string or bytes if one begins here.
    private mutating func literalWithPrefix() throws(SourceError) -> Token.Kind? {
        var ahead = 0
        let isBytes = byte() | 0x20 == UInt8(ascii: "b")
        if isBytes { ahead += 1 }
        let isRaw = byte(ahead) | 0x20 == UInt8(ascii: "r")
        if isRaw { ahead += 1 }
        let quote = byte(ahead)
        guard quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { return nil }
        position += ahead
        let content = try QuotedText(source, at: &position, quote: quote, isRaw: isRaw, isBytes: isBytes)
        return isBytes ? .bytes(content.bytes) : .string(String(decoding: content.bytes, as: UTF8.self))
    }

    private mutating func quotedName() throws(SourceError) -> String {
        let start = position + 1
        guard let end = source[start...].firstIndex(of: UInt8(ascii: "`")) else {
            throw fault("the name's second '`' is missing")
        }
        for index in start..<end {
            let isGood = source[index].isNamePart || ".-/ ".utf8.contains(source[index])
            guard isGood else { throw fault("a quoted name has only letters, digits and _ . - /", at: index) }
        }
        guard end > start else { throw fault("a quoted name cannot be empty") }
        position = end + 1
        return String(decoding: source[start..<end], as: UTF8.self)
    }
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    var isHexDigit: Bool { isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20) }
    var isNameStart: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) || self == UInt8(ascii: "_") }
    var isNamePart: Bool { isNameStart || isDigit }
}
