/// The conversions of the standard library. Nil if there is none between these types.
enum Conversion {
    static func int(_ value: Value) throws(EvaluationError) -> Value? {
        switch value {
        case .int: return value
        case .uint(let uint):
            guard let int = Int64(exactly: uint) else { throw EvaluationError(.range, "\(uint) is no int") }
            return .int(int)
        case .double(let double):
            // The range is open at both ends, which may come from rounding.
            guard double > -0x1p63, double < 0x1p63 else {
                throw EvaluationError(.range, "\(text(double)) is no int")
            }
            return .int(Int64(double))
        case .string(let text):
            guard let int = Int64(text.string) else { throw noNumber(text, "int") }
            return .int(int)
        case .timestamp(let timestamp): return .int(timestamp.seconds)
        default: return nil
        }
    }

    static func uint(_ value: Value) throws(EvaluationError) -> Value? {
        switch value {
        case .uint: return value
        case .int(let int):
            guard let uint = UInt64(exactly: int) else { throw EvaluationError(.range, "\(int) is no uint") }
            return .uint(uint)
        case .double(let double):
            guard double >= 0, double < 0x1p64 else {
                throw EvaluationError(.range, "\(text(double)) is no uint")
            }
            return .uint(UInt64(double))
        case .string(let text):
            guard let uint = UInt64(text.string), text.string.utf8.first != UInt8(ascii: "+") else {
                throw noNumber(text, "uint")
            }
            return .uint(uint)
        default: return nil
        }
    }

    static func double(_ value: Value) throws(EvaluationError) -> Value? {
        switch value {
        case .double: return value
        case .int(let int): return .double(Double(int))
        case .uint(let uint): return .double(Double(uint))
        case .string(let text):
            switch text.string.lowercased() {
            case "nan": return .double(.nan)
            case "infinity", "+infinity", "inf", "+inf": return .double(.infinity)
            case "-infinity", "-inf": return .double(-.infinity)
            default:
                let isPlain = text.string.utf8.allSatisfy {
                    switch $0 {
                    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                    default: "+-.eE".utf8.contains($0)
                    }
                }
                guard isPlain, let double = Double(text.string) else { throw noNumber(text, "double") }
                return .double(double)
            }
        default: return nil
        }
    }

    static func string(_ value: Value) throws(EvaluationError) -> Value? {
        switch value {
        case .string: return value
        case .bool(let bool): return .string(bool ? "true" : "false")
        case .int(let int): return .string(String(int))
        case .uint(let uint): return .string(String(uint))
        case .double(let double): return .string(text(double))
        case .bytes(let bytes):
            guard let string = String(validating: bytes, as: UTF8.self) else {
                throw EvaluationError(.badConversion, "invalid UTF-8")
            }
            return .string(string)
        case .timestamp(let timestamp): return .string(timestamp.text)
        case .duration(let duration): return .string(duration.text)
        default: return nil
        }
    }

    static func bool(_ value: Value) throws(EvaluationError) -> Value? {
        switch value {
        case .bool: return value
        case .string(let text):
            switch text.string {
            case "1", "t", "true", "TRUE", "True": return .bool(true)
            case "0", "f", "false", "FALSE", "False": return .bool(false)
            default: throw EvaluationError(.badConversion, "\(quoted(text)) is no bool")
            }
        default: return nil
        }
    }

    static func bytes(_ value: Value) -> Value? {
        switch value {
        case .bytes: value
        case .string(let text): .bytes(Array(text.string.utf8))
        default: nil
        }
    }

    static func timestamp(_ value: Value) throws(EvaluationError) -> Value? {
        switch value {
        case .timestamp: return value
        case .int(let seconds):
            guard let timestamp = Timestamp(seconds: seconds) else {
                throw EvaluationError(.range, "\(seconds) s is no timestamp")
            }
            return .timestamp(timestamp)
        case .string(let text):
            guard let timestamp = Timestamp(text.string) else {
                throw EvaluationError(
                    .range, "\(quoted(text)) is no timestamp of RFC 3339 between the years 1 and 9999")
            }
            return .timestamp(timestamp)
        default: return nil
        }
    }

    static func duration(_ value: Value) throws(EvaluationError) -> Value? {
        switch value {
        case .duration: return value
        case .string(let text):
            guard let duration = Duration(text.string) else {
                throw EvaluationError(.range, "\(quoted(text)) is no duration such as 1h30m, of up to 292 years")
            }
            return .duration(duration)
        default: return nil
        }
    }

    private static func noNumber(_ text: Text, _ type: String) -> EvaluationError {
        EvaluationError(.badConversion, "\(quoted(text)) is no \(type)")
    }

    private static func quoted(_ text: Text) -> String { Value.string(text).literal }

    /// The shortest digits that read back as the same number: plain up to 21 digits, with an exponent beyond.
    static func text(_ double: Double) -> String {
        if double.isNaN { return "NaN" }
        if double.isInfinite { return double < 0 ? "-Infinity" : "Infinity" }
        // Swift writes the same digits in another layout: take them apart.
        let sign = double.sign == .minus ? "-" : ""
        let parts = double.magnitude.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".")
        let whole = mantissa[0]
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? mantissa[1] : ""
        var exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + whole.utf8.count
        var digits = Substring(String(whole) + fraction)
        while digits.utf8.count > 1, digits.first == "0" {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.utf8.count > 1, digits.last == "0" { digits.removeLast() }
        let count = digits.utf8.count
        if digits == "0" { return sign + "0" }
        if exponent > 21 || exponent < -5 {
            let rest = digits.dropFirst()
            let power = exponent - 1
            return "\(sign)\(digits.first!)\(rest.isEmpty ? "" : ".")\(rest)e\(power < 0 ? "-" : "+")\(abs(power))"
        }
        if exponent <= 0 { return "\(sign)0.\(String(repeating: "0", count: -exponent))\(digits)" }
        if count <= exponent { return "\(sign)\(digits)\(String(repeating: "0", count: exponent - count))" }
        return "\(sign)\(digits.prefix(exponent)).\(digits.dropFirst(exponent))"
    }
}

extension Value {
    /// For messages: only the type of long values.
    var shortLiteral: String { weight <= 16 ? literal : kind.name }

    /// The value as an expression.
    package var literal: String {
        switch self {
        case .null: "null"
        case .bool(let bool): bool ? "true" : "false"
        case .int(let int): String(int)
        case .uint(let uint): "\(uint)u"
        case .double(let double): Self.literal(double)
        case .string(let text): Self.quoted(text.string)
        case .bytes(let bytes): Self.quoted(bytes)
        case .list(let list): "[\(list.elements.map(\.literal).joined(separator: ", "))]"
        case .map(let map):
            "{\(zip(map.keys, map.values).map { "\($0.literal): \($1.literal)" }.joined(separator: ", "))}"
        case .timestamp(let timestamp): "timestamp(\"\(timestamp.text)\")"
        case .duration(let duration): "duration(\"\(duration.text)\")"
        case .type(let kind): kind.name
        }
    }

    private static func literal(_ double: Double) -> String {
        guard double.isFinite else { return "double(\"\(Conversion.text(double))\")" }
        let text = Conversion.text(double)
        return text.utf8.contains { ".e".utf8.contains($0) } ? text : text + ".0"
    }

    private static func quoted(_ string: String) -> String {
        var text = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            // Control characters, and those that change the direction of what follows.
            case "\u{0}"..<"\u{20}", "\u{7F}"..<"\u{A0}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}":
                text += "\\u" + hexadecimal(scalar.value, digits: 4)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    private static func quoted(_ bytes: [UInt8]) -> String {
        var text = "b\""
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += "\\\(Unicode.Scalar(byte))"
            case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "\\x" + hexadecimal(UInt32(byte), digits: 2)
            }
        }
        return text + "\""
    }

    private static func hexadecimal(_ number: UInt32, digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: digits - text.utf8.count) + text
    }
}
