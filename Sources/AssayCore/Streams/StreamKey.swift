import CEL

/// Keys of streams as bytes: the number of the stream, then each part with its kind. Text keys sort by their UTF-8.
package enum StreamKey {
    private enum Tag: UInt8 {
        case null = 1
        case no, yes, int, uint, double, string, bytes, timestamp, duration
    }

    /// What a key of one part has before it.
    package static let prefixBytes = 2

    static func begin(_ stream: Int, in buffer: inout OutputBuffer) {
        buffer.removeAll()
        buffer.append(byte: UInt8(stream))
    }

    /// `isLast`: the only or last part, which needs no end mark.
    static func append(text: UnsafeBufferPointer<UInt8>, isLast: Bool, to buffer: inout OutputBuffer) {
        buffer.append(byte: Tag.string.rawValue)
        append(text, isLast: isLast, to: &buffer)
    }

    /// A zero followed by a one ends the part; a zero inside the part is followed by another byte.
    private static func append(_ bytes: UnsafeBufferPointer<UInt8>, isLast: Bool, to buffer: inout OutputBuffer) {
        buffer.reserve(2 * bytes.count + 2)
        if isLast { return buffer.write(bytes) }
        for byte in bytes {
            buffer.write(byte)
            if byte == 0 { buffer.write(UInt8(0xFF)) }
        }
        buffer.write(UInt8(0))
        buffer.write(UInt8(1))
    }

    static func append(_ value: Value, isLast: Bool, to buffer: inout OutputBuffer) throws(EvaluationError) {
        func append(_ tag: Tag, _ text: String) {
            buffer.append(byte: tag.rawValue)
            var text = text
            text.withUTF8 { Self.append($0, isLast: isLast, to: &buffer) }
        }
        switch value {
        case .null: append(.null, "")
        case .bool(let bool): append(bool ? .yes : .no, "")
        case .int(let int): append(.int, String(int))
        case .uint(let uint): append(.uint, String(uint))
        // One key per number, also for both zeros.
        case .double(let double): append(.double, double == 0 ? "0.0" : double.description)
        case .string(let text): append(.string, text.string)
        case .bytes(let bytes):
            buffer.append(byte: Tag.bytes.rawValue)
            bytes.withUnsafeBufferPointer { Self.append($0, isLast: isLast, to: &buffer) }
        case .timestamp(let timestamp): append(.timestamp, timestamp.text)
        case .duration(let duration): append(.duration, duration.text)
        case .list, .map, .type: throw EvaluationError(.badKey, value.kind.name)
        }
    }

    /// Returns the parts of a key.
    static func values(_ key: UnsafeBufferPointer<UInt8>, count: Int) -> [Value] {
        var values: [Value] = []
        read(key, count: count, into: &values)
        return values
    }

    /// Reads the parts into `values`, replacing what is there.
    static func read(_ key: UnsafeBufferPointer<UInt8>, count: Int, into values: inout [Value]) {
        values.removeAll(keepingCapacity: true)
        var index = 1
        for part in 0..<count {
            guard index < key.count, let tag = Tag(rawValue: key[index]) else {
                preconditionFailure("a key has its stream's parts")
            }
            index += 1
            if part == count - 1 { return values.append(value(tag, UnsafeBufferPointer(rebasing: key[index...]))) }
            var bytes: [UInt8] = []
            while key[index] != 0 || key[index + 1] != 1 {
                bytes.append(key[index])
                index += key[index] == 0 ? 2 : 1
            }
            index += 2
            values.append(bytes.withUnsafeBufferPointer { value(tag, $0) })
        }
    }

    /// The parts of a key as one readable text.
    package static func text(_ key: UnsafeBufferPointer<UInt8>) -> String { texts(key).joined(separator: ", ") }

    /// The parts of a key as readable texts. Their number is not known, and nothing in the bytes is trusted.
    package static func texts(_ key: UnsafeBufferPointer<UInt8>) -> [String] {
        var parts: [String] = []
        var index = 1
        while index < key.count {
            let tag = Tag(rawValue: key[index])
            index += 1
            var bytes: [UInt8] = []
            var hasEnded = false
            while index < key.count, !hasEnded {
                let next = index + 1 < key.count ? key[index + 1] : 0
                hasEnded = key[index] == 0 && next == 1
                if !hasEnded { bytes.append(key[index]) }
                index += hasEnded || key[index] == 0 && next == 0xFF ? 2 : 1
            }
            parts.append(text(tag, bytes))
        }
        return parts
    }

    private static func text(_ tag: Tag?, _ bytes: [UInt8]) -> String {
        switch tag {
        case .null: "null"
        case .no: "false"
        case .yes: "true"
        default: String(decoding: bytes, as: UTF8.self)
        }
    }

    private static func value(_ tag: Tag, _ bytes: UnsafeBufferPointer<UInt8>) -> Value {
        let text = String(decoding: bytes, as: UTF8.self)
        let value: Value? =
            switch tag {
            case .null: .null
            case .no: .bool(false)
            case .yes: .bool(true)
            case .int: Int64(text).map(Value.int)
            case .uint: UInt64(text).map(Value.uint)
            case .double: Double(text).map(Value.double)
            case .string: .string(text)
            case .bytes: .bytes(Array(bytes))
            case .timestamp: Timestamp(text).map(Value.timestamp)
            case .duration: CEL.Duration(text).map(Value.duration)
            }
        guard let value else { preconditionFailure("a key's own text is valid: \(text)") }
        return value
    }
}
