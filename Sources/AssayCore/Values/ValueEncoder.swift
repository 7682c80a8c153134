import CEL
import CivilTime

/// Writes values as JSON: times in a zone, numbers in the shortest form that reads back the same.
package struct ValueEncoder: Sendable {
    private let times: TimeText

    package init(_ zone: TimeZoneRules) {
        times = TimeText(zone, separator: "T")
    }

    func write(_ value: Value, into buffer: inout OutputBuffer) {
        buffer.reserve(OutputBuffer.longestNumber)
        switch value {
        case .null: buffer.write("null")
        case .bool(let bool): if bool { buffer.write("true") } else { buffer.write("false") }
        case .int(let int): Self.write(int, into: &buffer)
        case .uint(let uint): buffer.write(integer: uint)
        case .double(let double): Self.write(double, into: &buffer)
        case .string(let text): write(text: text.string, into: &buffer)
        case .timestamp, .duration, .bytes, .type: write(text: text(value), into: &buffer)
        case .list(let list):
            buffer.append(byte: UInt8(ascii: "["))
            for (index, element) in list.elements.enumerated() {
                if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
                write(element, into: &buffer)
            }
            buffer.append(byte: UInt8(ascii: "]"))
        case .map(let map):
            buffer.append(byte: UInt8(ascii: "{"))
            for (index, key) in map.keys.enumerated() {
                if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
                write(text: text(key), into: &buffer)
                buffer.append(byte: UInt8(ascii: ":"))
                write(map.values[index], into: &buffer)
            }
            buffer.append(byte: UInt8(ascii: "}"))
        }
    }

    /// The value as plain text: the key of an object, or a cell of a table.
    package func text(_ value: Value) -> String {
        switch value {
        case .string(let text): return text.string
        case .timestamp(let timestamp):
            return times.text(timestamp.seconds * 1000 + Int64(timestamp.nanoseconds) / 1_000_000)
        case .duration(let duration): return duration.text
        case .bytes(let bytes): return Base64.encode(bytes)
        case .double(let double) where !double.isFinite:
            return double.isNaN ? "NaN" : double < 0 ? "-Infinity" : "Infinity"
        case .type(let kind): return kind.name
        default:
            var buffer = OutputBuffer(capacity: 256)
            write(value, into: &buffer)
            return String(decoding: buffer.bytes, as: UTF8.self)
        }
    }

    /// The value as JSON.
    package func json(_ value: Value) -> String {
        var buffer = OutputBuffer(capacity: 256)
        write(value, into: &buffer)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    package func write(text: String, into buffer: inout OutputBuffer) {
        buffer.reserve(OutputBuffer.longestEscaped(text.utf8.count) + 2)
        buffer.write(UInt8(ascii: "\""))
        buffer.write(escaping: text)
        buffer.write(UInt8(ascii: "\""))
    }

    private static func write(_ int: Int64, into buffer: inout OutputBuffer) {
        if int < 0 { buffer.write(UInt8(ascii: "-")) }
        buffer.write(integer: int.magnitude)
    }

    static func write(_ double: Double, into buffer: inout OutputBuffer) {
        guard double.isFinite else { return buffer.write("null") }
        if double == double.rounded(), abs(double) < 1e15 { return write(Int64(double), into: &buffer) }
        buffer.write(double.description.utf8)
    }
}
