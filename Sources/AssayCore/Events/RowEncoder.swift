import CEL
import CivilTime

/// Writes the rows of one stream.
struct RowEncoder: ~Copyable {
    let values: ValueEncoder

    init(_ values: ValueEncoder) {
        self.values = values
    }

    // MARK: The members of an object, without its braces

    /// `keys`: the columns' names as JSON, with the colon.
    func write(_ row: ArraySlice<Value>, keys: [[UInt8]], into buffer: inout OutputBuffer) {
        for (key, value) in zip(keys, row) {
            buffer.reserve(key.count + 1)
            key.withUnsafeBufferPointer { buffer.write($0) }
            values.write(value, into: &buffer)
            buffer.append(byte: UInt8(ascii: ","))
        }
        if !row.isEmpty { buffer.removeLast() }
    }

    /// Writes a JSON object as it is in a line.
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
