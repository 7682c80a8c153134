import CEL
import CivilTime

/// Writes values as JSON: times in a zone, numbers in the shortest form that reads back the same.
struct ValueEncoder: Sendable {
    private let times: TimeText

    init(_ zone: TimeZoneRules) {
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

    /// As a text that stands for itself: the key of an object, a cell of a table.
    func text(_ value: Value) -> String {
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

    func write(text: String, into buffer: inout OutputBuffer) {
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

/// Writes the rows of one stream.
struct RowEncoder: ~Copyable {
    let values: ValueEncoder

    init(_ values: ValueEncoder) {
        self.values = values
    }

    // MARK: The members of an object, without its braces

    /// `keys`: each column's name as JSON, with the colon.
    func write(_ row: ArraySlice<Value>, keys: [[UInt8]], into buffer: inout OutputBuffer) {
        for (key, value) in zip(keys, row) {
            buffer.reserve(key.count + 1)
            key.withUnsafeBufferPointer { buffer.write($0) }
            values.write(value, into: &buffer)
            buffer.append(byte: UInt8(ascii: ","))
        }
        if !row.isEmpty { buffer.removeLast() }
    }

    /// An object of JSON as it stands in a line.
    func write(object: UnsafeBufferPointer<UInt8>, into buffer: inout OutputBuffer) {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        guard let open = object.firstIndex(of: UInt8(ascii: "{")), let close = object.lastIndex(of: UInt8(ascii: "}"))
        else { preconditionFailure("an event's line is an object") }
        var inside = object[(open + 1)..<close]
        while let first = inside.first, isSpace(first) { inside = inside.dropFirst() }
        while let last = inside.last, isSpace(last) { inside = inside.dropLast() }
        buffer.reserve(inside.count)
        buffer.write(UnsafeBufferPointer(rebasing: inside))
    }

    func write(
        _ columns: [EventBatch.CSVColumn], _ cells: UnsafePointer<EventCell>, _ text: BatchText,
        into buffer: inout OutputBuffer
    ) {
        var isFirst = true
        for column in columns where cells[column.cell].kind != .missing {
            if !isFirst { buffer.append(byte: UInt8(ascii: ",")) }
            isFirst = false
            values.write(text: column.name, into: &buffer)
            buffer.append(byte: UInt8(ascii: ":"))
            write(cells[column.cell], text, into: &buffer)
        }
    }

    private func write(_ cell: EventCell, _ text: BatchText, into buffer: inout OutputBuffer) {
        do throws(EvaluationError) {
            values.write(try EventRow.value(cell, text), into: &buffer)
        } catch {
            preconditionFailure("times of events are within the years that there are: \(error.message)")
        }
    }
}
