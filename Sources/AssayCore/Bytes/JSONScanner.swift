import CBytes
import Glibc

/// Where and why a text is not JSON.
struct JSONFault: Error {
    enum Kind: UInt8 {
        case expectedValue, expectedKey, expectedColon, expectedCommaOrBrace, expectedCommaOrBracket
        case badEscape, loneSurrogate, controlCharacter, unterminatedString, badNumber, tooDeep, trailingText

        var message: StaticString {
            switch self {
            case .expectedValue: "a value was expected"
            case .expectedKey: "a key in quotes was expected"
            case .expectedColon: "':' was expected after the key"
            case .expectedCommaOrBrace: "',' or '}' was expected"
            case .expectedCommaOrBracket: "',' or ']' was expected"
            case .badEscape: "an escape that JSON does not know"
            case .loneSurrogate: "half of a surrogate pair"
            case .controlCharacter: "a control character inside a string"
            case .unterminatedString: "a string without an end"
            case .badNumber: "a number was expected"
            case .tooDeep: "more than 128 levels of nesting"
            case .trailingText: "text after the end of the object"
            }
        }
    }
    let kind: Kind
    /// Relative to where the scanner began.
    let offset: Int
}

/// Walks over one line of JSON. The line ends in a newline, which no token contains, so every loop stops there at the
/// latest and none needs to compare with an end.
struct JSONScanner {
    static let deepestNesting = 128

    private let start: UnsafePointer<UInt8>
    var cursor: UnsafePointer<UInt8>
    /// Not zero after a byte of a multi-byte character inside a string.
    private(set) var highBytes: UInt32 = 0

    init(at start: UnsafePointer<UInt8>) {
        self.start = start
        cursor = start
    }

    /// A string between its quotes, still escaped.
    struct StringToken {
        let start: UnsafePointer<UInt8>
        let count: Int
        let hasEscapes: Bool

        var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }
    }

    @inline(__always)
    var byte: UInt8 { cursor.pointee }

    @inline(__always)
    func fault(_ kind: JSONFault.Kind) -> JSONFault {
        fault(kind, at: cursor)
    }

    private func fault(_ kind: JSONFault.Kind, at position: UnsafePointer<UInt8>) -> JSONFault {
        JSONFault(kind: kind, offset: position - start)
    }

    @inline(__always)
    mutating func skipSpace() {
        // Usually there is none, which one comparison shows.
        if byte > UInt8(ascii: " ") { return }
        while byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r") { cursor += 1 }
    }

    @inline(__always)
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard byte == UInt8(ascii: character) else { return false }
        cursor += 1
        return true
    }

    /// Reads from the opening quote to after the closing one.
    @inline(__always)
    mutating func string() throws(JSONFault) -> StringToken {
        let start = cursor + 1
        var end = start
        var hasEscapes = false
        while true {
            let step = assay_string_scan(end)
            if step.stops == 0 {
                highBytes |= step.high
                end += 16
                continue
            }
            let run = UInt32(step.stops.trailingZeroBitCount)
            highBytes |= step.high & ((1 << run) &- 1)
            end += Int(run)
            if end.pointee == UInt8(ascii: "\"") { break }
            hasEscapes = true
            end = try skipEscape(at: end)
        }
        cursor = end + 1
        return StringToken(start: start, count: end - start, hasEscapes: hasEscapes)
    }

    private func skipEscape(at backslash: UnsafePointer<UInt8>) throws(JSONFault) -> UnsafePointer<UInt8> {
        guard backslash.pointee == UInt8(ascii: "\\") else {
            let isEnd = backslash.pointee == UInt8(ascii: "\n")
            throw fault(isEnd ? .unterminatedString : .controlCharacter, at: backslash)
        }
        switch backslash[1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return backslash + 2
        case UInt8(ascii: "u"):
            guard let unit = JSONEscapes.hexUnit(at: backslash + 2) else {
                throw fault(.badEscape, at: backslash)
            }
            switch unit {
            case 0xD800...0xDBFF:
                guard backslash[6] == UInt8(ascii: "\\"), backslash[7] == UInt8(ascii: "u"),
                    let low = JSONEscapes.hexUnit(at: backslash + 8), (0xDC00...0xDFFF).contains(low)
                else { throw fault(.loneSurrogate, at: backslash) }
                return backslash + 12
            case 0xDC00...0xDFFF: throw fault(.loneSurrogate, at: backslash)
            default: return backslash + 6
            }
        default: throw fault(.badEscape, at: backslash)
        }
    }

    /// Skips any value; `depth` counts the objects and arrays around it.
    mutating func skipValue(depth: Int) throws(JSONFault) {
        switch byte {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"): try skipObject(depth: depth + 1)
        case UInt8(ascii: "["): try skipArray(depth: depth + 1)
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): _ = try number()
        default: throw fault(.expectedValue)
        }
    }

    @inline(__always)
    mutating func number() throws(JSONFault) -> ScannedNumber {
        guard let number = ScannedNumber(at: cursor) else { throw fault(.badNumber) }
        cursor = number.end
        return number
    }

    mutating func literal(_ word: StaticString) throws(JSONFault) {
        guard
            strncmp(
                UnsafeRawPointer(cursor).assumingMemoryBound(to: CChar.self),
                UnsafeRawPointer(word.utf8Start).assumingMemoryBound(to: CChar.self), word.utf8CodeUnitCount) == 0
        else { throw fault(.expectedValue) }
        cursor += word.utf8CodeUnitCount
    }

    mutating func skipObject(depth: Int) throws(JSONFault) {
        guard depth <= Self.deepestNesting else { throw fault(.tooDeep) }
        cursor += 1
        skipSpace()
        if take("}") { return }
        while true {
            guard byte == UInt8(ascii: "\"") else { throw fault(.expectedKey) }
            _ = try string()
            skipSpace()
            guard take(":") else { throw fault(.expectedColon) }
            skipSpace()
            // Most members hold texts; skipping them here saves a call for each.
            if byte == UInt8(ascii: "\"") { _ = try string() } else { try skipValue(depth: depth) }
            guard try nextMember() else { return }
        }
    }

    /// At a member's key: leaves the cursor at its value.
    @inline(__always)
    mutating func key() throws(JSONFault) -> StringToken {
        let key = try string()
        skipSpace()
        guard take(":") else { throw fault(.expectedColon) }
        skipSpace()
        return key
    }

    /// After a member's value: returns true at the next member's key, false after the object's end.
    @inline(__always)
    mutating func nextMember() throws(JSONFault) -> Bool {
        if byte == UInt8(ascii: ","), cursor[1] == UInt8(ascii: "\"") {
            cursor += 1
            return true
        }
        skipSpace()
        if take(",") {
            skipSpace()
            return true
        }
        guard take("}") else { throw fault(.expectedCommaOrBrace) }
        return false
    }

    private mutating func skipArray(depth: Int) throws(JSONFault) {
        guard depth <= Self.deepestNesting else { throw fault(.tooDeep) }
        cursor += 1
        skipSpace()
        if take("]") { return }
        while true {
            try skipValue(depth: depth)
            skipSpace()
            if take("]") { return }
            guard take(",") else { throw fault(.expectedCommaOrBracket) }
            skipSpace()
        }
    }
}

/// The backslash forms of JSON strings.
enum JSONEscapes {
    /// The four hexadecimal digits of `\u1234`.
    static func hexUnit(at digits: UnsafePointer<UInt8>) -> UInt32? {
        var unit: UInt32 = 0
        for index in 0..<4 {
            let digit: UInt8
            switch digits[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = digits[index] - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = digits[index] - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = digits[index] - UInt8(ascii: "A") + 10
            default: return nil
            }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }

    /// Writes the characters of a scanned string, which never take more bytes than the string.
    static func unescape(_ token: JSONScanner.StringToken, into output: UnsafeMutablePointer<UInt8>) -> Int {
        var source = token.start
        let end = token.start + token.count
        var target = output
        while source < end {
            guard source.pointee == UInt8(ascii: "\\") else {
                target.pointee = source.pointee
                target += 1
                source += 1
                continue
            }
            switch source[1] {
            case UInt8(ascii: "u"):
                target = appendUnit(&source, to: target)
                continue
            case UInt8(ascii: "b"): target.pointee = 0x08
            case UInt8(ascii: "f"): target.pointee = 0x0C
            case UInt8(ascii: "n"): target.pointee = 0x0A
            case UInt8(ascii: "r"): target.pointee = 0x0D
            case UInt8(ascii: "t"): target.pointee = 0x09
            default: target.pointee = source[1]
            }
            target += 1
            source += 2
        }
        return target - output
    }

    private static func appendUnit(
        _ source: inout UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var value = hexUnit(at: source + 2)!
        source += 6
        if (0xD800...0xDBFF).contains(value) {
            value = 0x10000 + (value - 0xD800) << 10 + (hexUnit(at: source + 2)! - 0xDC00)
            source += 6
        }
        var target = target
        for unit in Unicode.Scalar(value)!.utf8 {
            target.pointee = unit
            target += 1
        }
        return target
    }
}
