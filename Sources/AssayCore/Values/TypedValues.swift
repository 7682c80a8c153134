import CEL

/// Values with their types as JSON, without loss: `{"int":"1"}`, `{"list":[{"null":null}]}`.
extension JSON {
    package init(typed value: Value) {
        self =
            switch value {
            case .null: .object([("null", .null)])
            case .bool(let bool): .object([("bool", .bool(bool))])
            case .int(let int): .object([("int", .string(String(int)))])
            case .uint(let uint): .object([("uint", .string(String(uint)))])
            case .double(let double):
                .object([("double", double.isFinite ? .real(double) : .string(Self.name(notFinite: double)))])
            case .string(let text): .object([("string", .string(text.string))])
            case .bytes(let bytes): .object([("bytes", .string(Base64.encode(bytes)))])
            case .list(let list): .object([("list", .array(list.elements.map(JSON.init(typed:))))])
            case .map(let map):
                .object([
                    (
                        "map",
                        .array(
                            zip(map.keys, map.values).map { .array([JSON(typed: $0), JSON(typed: $1)]) })
                    )
                ])
            case .timestamp(let timestamp): .object([("timestamp", .string(timestamp.text))])
            case .duration(let duration): .object([("duration", .string(duration.text))])
            case .type(let kind): .object([("type", .string(kind.name))])
            }
    }

    private static func name(notFinite double: Double) -> String {
        double.isNaN ? "NaN" : double < 0 ? "-Infinity" : "Infinity"
    }
}

/// Why a JSON text is not a value.
package struct ValueError: Error {
    package let message: String

    package init(message: String) {
        self.message = message
    }
}

extension Value {
    /// Reads what `JSON(typed:)` writes.
    package init(typed json: JSON) throws(ValueError) {
        guard let members = json.members, members.count == 1 else {
            throw ValueError(message: "a value is an object of one member that names its type")
        }
        let (name, content) = members[0]
        guard let value = try Self.read(name, content) else {
            throw ValueError(message: "'\(content.text)' is no value of type '\(name)'")
        }
        self = value
    }

    private static func read(_ name: String, _ content: JSON) throws(ValueError) -> Value? {
        switch name {
        case "null": return .null
        case "bool": return content.bool.map(Value.bool)
        case "int": return (content.string.flatMap { Int64($0) } ?? content.integer).map(Value.int)
        case "uint": return (content.string.flatMap { UInt64($0) } ?? content.unsigned).map(Value.uint)
        case "double": return (content.real ?? content.string.flatMap { Double($0) }).map(Value.double)
        case "string": return content.string.map { .string($0) }
        case "bytes": return content.string.flatMap(Base64.decode).map(Value.bytes)
        case "timestamp": return content.string.flatMap { Timestamp($0) }.map(Value.timestamp)
        case "duration": return content.string.flatMap { CEL.Duration($0) }.map(Value.duration)
        case "type": return content.string.flatMap { Value.Kind(name: $0) }.map(Value.type)
        case "list":
            guard let elements = content.elements else { return nil }
            var values: [Value] = []
            for element in elements { values.append(try Value(typed: element)) }
            return .list(values)
        case "map":
            guard let entries = content.elements else { return nil }
            var pairs: [(key: Value, value: Value)] = []
            for entry in entries {
                guard let pair = entry.elements, pair.count == 2 else { return nil }
                pairs.append((try Value(typed: pair[0]), try Value(typed: pair[1])))
            }
            return MapValue(pairs).map(Value.map)
        default: throw ValueError(message: "there is no type '\(name)'")
        }
    }

    /// Reads plain JSON: whole numbers are ints, objects are maps. The last value of a repeated name counts.
    package init(plain json: JSON) {
        switch json {
        case .null: self = .null
        case .bool(let bool): self = .bool(bool)
        case .integer(let int): self = .int(int)
        case .unsigned(let uint): self = .uint(uint)
        case .real(let double): self = .double(double)
        case .string(let string): self = .string(string)
        case .array(let elements): self = .list(elements.map(Value.init(plain:)))
        case .object(let members):
            var positions: [Text: Int] = [:]
            var entries: [(key: Value, value: Value)] = []
            for (name, member) in members {
                let value = Value(plain: member)
                if let position = positions[Text(name)] {
                    entries[position].value = value
                } else {
                    positions[Text(name)] = entries.count
                    entries.append((.string(name), value))
                }
            }
            guard let map = MapValue(entries) else { preconditionFailure("every name is unique") }
            self = .map(map)
        case .raw: preconditionFailure("what was read is not raw")
        }
    }
}

/// RFC 4648, with padding, which may be missing when it is read.
package enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32((3 - group.count) * 8)
            for position in 0..<4 {
                let digit = digits[Int(bits >> UInt32(18 - position * 6) & 63)]
                text.append(position <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func decode(_ text: String) -> [UInt8]? {
        var characters = Array(text.utf8)
        while characters.last == UInt8(ascii: "="), text.utf8.count - characters.count < 2 { characters.removeLast() }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for character in characters {
            guard let digit = digits.firstIndex(of: character) else { return nil }
            bits = bits << 6 | UInt32(digit)
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            bits &= (1 << UInt32(count)) - 1
        }
        return count < 6 && bits == 0 ? bytes : nil
    }
}
