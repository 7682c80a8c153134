import CEL

/// Values of expressions as bytes that any later version can read.
package enum ValueCoding {
    private enum Tag: UInt8 {
        case null, no, yes, int, uint, double, string, bytes, list, map, timestamp, duration, type
    }

    /// Deeper bytes are never a value of ours: rows are far less deep, and one expression adds little.
    private static let deepest = 1000

    static func encode(_ value: Value, into bytes: inout OutputBuffer) {
        func begin(_ tag: Tag) { bytes.append(byte: tag.rawValue) }
        switch value {
        case .null: begin(.null)
        case .bool(let bool): begin(bool ? .yes : .no)
        case .int(let int):
            begin(.int)
            bytes.append(fixed: UInt64(bitPattern: int))
        case .uint(let uint):
            begin(.uint)
            bytes.append(fixed: uint)
        case .double(let double):
            begin(.double)
            bytes.append(double: double)
        case .string(let text):
            begin(.string)
            append(Array(text.string.utf8), into: &bytes)
        case .bytes(let content):
            begin(.bytes)
            append(content, into: &bytes)
        case .list(let list):
            begin(.list)
            bytes.append(varint: UInt64(list.elements.count))
            for element in list.elements { encode(element, into: &bytes) }
        case .map(let map):
            begin(.map)
            bytes.append(varint: UInt64(map.keys.count))
            for (key, value) in zip(map.keys, map.values) {
                encode(key, into: &bytes)
                encode(value, into: &bytes)
            }
        case .timestamp(let timestamp):
            begin(.timestamp)
            bytes.append(fixed: UInt64(bitPattern: timestamp.seconds))
            bytes.append(varint: UInt64(timestamp.nanoseconds))
        case .duration(let duration):
            begin(.duration)
            bytes.append(fixed: UInt64(bitPattern: duration.nanoseconds))
        case .type(let kind):
            begin(.type)
            bytes.append(byte: kind.rawValue)
        }
    }

    private static func append(_ content: [UInt8], into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(content.count))
        bytes.reserve(content.count)
        content.withUnsafeBufferPointer { bytes.write($0) }
    }

    package static func decode(
        _ reader: inout StateByteReader, depth: Int = 0
    ) throws(StateDecodingError) -> Value {
        guard depth <= deepest, let tag = Tag(rawValue: try reader.byte()) else {
            throw StateDecodingError(.outOfBounds)
        }
        switch tag {
        case .null: return .null
        case .no: return .bool(false)
        case .yes: return .bool(true)
        case .int: return .int(Int64(bitPattern: try reader.fixed()))
        case .uint: return .uint(try reader.fixed())
        case .double: return .double(try reader.double())
        case .string:
            guard let string = String(validating: try reader.content(), as: UTF8.self) else {
                throw StateDecodingError(.outOfBounds)
            }
            return .string(string)
        case .bytes: return .bytes(Array(try reader.content()))
        case .list:
            var elements: [Value] = []
            for _ in 0..<(try reader.count()) { elements.append(try decode(&reader, depth: depth + 1)) }
            return .list(elements)
        case .map:
            var entries: [(key: Value, value: Value)] = []
            for _ in 0..<(try reader.count()) {
                entries.append((try decode(&reader, depth: depth + 1), try decode(&reader, depth: depth + 1)))
            }
            guard let map = MapValue(entries) else { throw StateDecodingError(.outOfBounds) }
            return .map(map)
        case .timestamp:
            let seconds = Int64(bitPattern: try reader.fixed())
            guard let nanoseconds = Int32(exactly: try reader.varint()),
                let timestamp = Timestamp(seconds: seconds, nanoseconds: nanoseconds)
            else { throw StateDecodingError(.outOfBounds) }
            return .timestamp(timestamp)
        case .duration: return .duration(CEL.Duration(nanoseconds: Int64(bitPattern: try reader.fixed())))
        case .type:
            guard let kind = Value.Kind(rawValue: try reader.byte()) else { throw StateDecodingError(.outOfBounds) }
            return .type(kind)
        }
    }

    /// Continues after a value.
    static func skip(_ reader: inout StateByteReader, depth: Int = 0) throws(StateDecodingError) {
        guard depth <= deepest, let tag = Tag(rawValue: try reader.byte()) else {
            throw StateDecodingError(.outOfBounds)
        }
        switch tag {
        case .null, .no, .yes: return
        case .int, .uint, .double, .duration: _ = try reader.fixed()
        case .string, .bytes: _ = try reader.content()
        case .list: for _ in 0..<(try reader.count()) { try skip(&reader, depth: depth + 1) }
        case .map: for _ in 0..<2 * (try reader.count()) { try skip(&reader, depth: depth + 1) }
        case .timestamp:
            _ = try reader.fixed()
            _ = try reader.varint()
        case .type: _ = try reader.byte()
        }
    }
}

extension StateByteReader {
    /// Reads bytes after their count.
    mutating func content() throws(StateDecodingError) -> UnsafeBufferPointer<UInt8> {
        try bytes(try count())
    }

    /// Reads the count of things that take at least one byte each.
    mutating func count() throws(StateDecodingError) -> Int {
        guard let count = Int(exactly: try varint()), count <= remaining else { throw StateDecodingError(.truncated) }
        return count
    }
}
