/// Why a text is not a JSON document.
package struct JSONError: Error, Equatable {
    package let message: String
    /// Counted from the text's first byte.
    package let offset: Int
}

extension JSON {
    /// Reads one document. Numbers without fraction and exponent become integers if they fit.
    package init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
        // The scanner stops at a newline, and reads some bytes ahead: line ends inside are treated as space.
        let padding = [UInt8](repeating: 0, count: InputText.padding)
        let text = bytes.map { $0 == 0x0A ? 0x20 : $0 } + [0x0A] + padding
        let count = text.count - padding.count - 1
        self = try text.withUnsafeBufferPointer { text throws(JSONError) in
            do throws(JSONFault) {
                var scanner = JSONScanner(at: text.baseAddress!)
                scanner.skipSpace()
                let value = try JSON(&scanner, depth: 0)
                scanner.skipSpace()
                guard scanner.cursor == text.baseAddress! + count else { throw scanner.fault(.trailingText) }
                guard UnsafeBufferPointer(rebasing: text[..<count]).isValidUTF8 else {
                    throw JSONFault(kind: .badEscape, offset: 0)
                }
                return value
            } catch {
                throw JSONError(message: "\(error.kind.message)", offset: error.offset)
            }
        }
    }

    /// Reads the value at the scanner, inside `depth` objects and arrays.
    init(_ scanner: inout JSONScanner, depth: Int) throws(JSONFault) {
        switch scanner.byte {
        case UInt8(ascii: "\""): self = .string(try scanner.text())
        case UInt8(ascii: "{"): self = try .object(members: &scanner, depth: depth + 1)
        case UInt8(ascii: "["): self = try .array(elements: &scanner, depth: depth + 1)
        case UInt8(ascii: "t"):
            try scanner.literal("true")
            self = .bool(true)
        case UInt8(ascii: "f"):
            try scanner.literal("false")
            self = .bool(false)
        case UInt8(ascii: "n"):
            try scanner.literal("null")
            self = .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let number = try scanner.number()
            if let integer = number.integer {
                self = .integer(integer)
            } else if let unsigned = number.unsigned {
                self = .unsigned(unsigned)
            } else {
                self = .real(number.value)
            }
        default: throw scanner.fault(.expectedValue)
        }
    }

    private static func object(members scanner: inout JSONScanner, depth: Int) throws(JSONFault) -> JSON {
        guard depth <= JSONScanner.deepestNesting else { throw scanner.fault(.tooDeep) }
        scanner.cursor += 1
        scanner.skipSpace()
        var members: [(String, JSON)] = []
        if scanner.take("}") { return .object(members) }
        repeat {
            guard scanner.byte == UInt8(ascii: "\"") else { throw scanner.fault(.expectedKey) }
            let key = try scanner.text()
            scanner.skipSpace()
            guard scanner.take(":") else { throw scanner.fault(.expectedColon) }
            scanner.skipSpace()
            members.append((key, try JSON(&scanner, depth: depth)))
        } while try scanner.nextMember()
        return .object(members)
    }

    private static func array(elements scanner: inout JSONScanner, depth: Int) throws(JSONFault) -> JSON {
        guard depth <= JSONScanner.deepestNesting else { throw scanner.fault(.tooDeep) }
        scanner.cursor += 1
        scanner.skipSpace()
        var elements: [JSON] = []
        if scanner.take("]") { return .array(elements) }
        while true {
            elements.append(try JSON(&scanner, depth: depth))
            scanner.skipSpace()
            if scanner.take("]") { return .array(elements) }
            guard scanner.take(",") else { throw scanner.fault(.expectedCommaOrBracket) }
            scanner.skipSpace()
        }
    }

    // MARK: Access

    /// The last member with this name.
    package subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.0 == name }?.1
    }

    package var elements: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
    package var members: [(String, JSON)]? { if case .object(let members) = self { members } else { nil } }
    package var string: String? { if case .string(let string) = self { string } else { nil } }
    package var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
    package var integer: Int64? { if case .integer(let integer) = self { integer } else { nil } }

    package var unsigned: UInt64? {
        switch self {
        case .integer(let integer): UInt64(exactly: integer)
        case .unsigned(let unsigned): unsigned
        default: nil
        }
    }

    package var real: Double? {
        switch self {
        case .integer(let integer): Double(integer)
        case .unsigned(let unsigned): Double(unsigned)
        case .real(let real): real
        default: nil
        }
    }
}

extension JSONScanner {
    /// The characters of the string that begins here.
    fileprivate mutating func text() throws(JSONFault) -> String { JSON.text(of: try string()) }
}

extension JSON {
    /// The characters of a scanned string.
    static func text(of token: JSONScanner.StringToken) -> String {
        guard token.hasEscapes else { return String(decoding: token.bytes, as: UTF8.self) }
        return String(unsafeUninitializedCapacity: token.count) {
            JSONEscapes.unescape(token, into: $0.baseAddress!)
        }
    }
}
