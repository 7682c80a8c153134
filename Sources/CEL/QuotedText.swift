/// The content of a string or bytes literal. Afterwards the position is past the closing quote.
struct QuotedText {
    private(set) var bytes: [UInt8] = []
    private let source: [UInt8]
    private let isBytes: Bool

    init(_ source: [UInt8], at position: inout Int, quote: UInt8, isRaw: Bool, isBytes: Bool) throws(SourceError) {
        self.source = source
        self.isBytes = isBytes
        let start = position
        let isTriple = source[position...].starts(with: [quote, quote, quote])
        let closing = [UInt8](repeating: quote, count: isTriple ? 3 : 1)
        position += closing.count
        while true {
            guard position < source.count else {
                throw SourceError("the text's closing quote is missing", at: start, in: source)
            }
            let byte = source[position]
            if byte == quote, source[position...].starts(with: closing) {
                position += closing.count
                return
            }
            if !isTriple, byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                throw SourceError(
                    "the text's closing quote is missing; only \"\"\" and ''' go over lines", at: start, in: source)
            }
            if byte == UInt8(ascii: "\\"), !isRaw {
                try escape(&position)
            } else {
                bytes.append(byte)
                position += 1
            }
        }
    }

    private mutating func escape(_ position: inout Int) throws(SourceError) {
        let start = position
        guard position + 1 < source.count else {
            throw SourceError("the text's closing quote is missing", at: start, in: source)
        }
        let letter = source[position + 1]
        position += 2
        switch letter {
        case UInt8(ascii: "a"): bytes.append(0x07)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "v"): bytes.append(0x0B)
        case UInt8(ascii: "\\"), UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
            bytes.append(letter)
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            try addCode(number(&position, digits: 2, radix: 16, start), isByte: true, start)
        case UInt8(ascii: "u"): try addCode(number(&position, digits: 4, radix: 16, start), isByte: false, start)
        case UInt8(ascii: "U"): try addCode(number(&position, digits: 8, radix: 16, start), isByte: false, start)
        case UInt8(ascii: "0")...UInt8(ascii: "3"):
            position -= 1
            try addCode(number(&position, digits: 3, radix: 8, start), isByte: true, start)
        default:
            throw SourceError(
                "unknown escape; a backslash itself is written \\\\, or use r\"…\" for patterns", at: start, in: source)
        }
    }

    private func number(
        _ position: inout Int, digits: Int, radix: Int, _ start: Int
    ) throws(SourceError) -> UInt32 {
        let end = position + digits
        guard end <= source.count, source[position..<end].allSatisfy(\.isHexDigit),
            let number = UInt32(String(decoding: source[position..<end], as: UTF8.self), radix: radix)
        else {
            throw SourceError(
                "this escape takes \(digits) \(radix == 8 ? "octal" : "hexadecimal") digits", at: start, in: source)
        }
        position = end
        return number
    }

    /// `isByte`: stands for one byte in bytes, and for a code point in strings.
    private mutating func addCode(_ code: UInt32, isByte: Bool, _ start: Int) throws(SourceError) {
        if isByte, isBytes {
            bytes.append(UInt8(truncatingIfNeeded: code))
            return
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw SourceError("there is no such code point", at: start, in: source)
        }
        bytes += UTF8.encode(scalar)!
    }
}
