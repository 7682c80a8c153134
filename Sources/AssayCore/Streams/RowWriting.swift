import CEL

/// Puts the rows of a stream in the form of one of its outputs. Used by the writing thread only.
package final class RowWriting {
    private enum Form {
        case json
        /// With the stream's name in front.
        case tagged([UInt8])
        case csv(isSafe: Bool)
        case values
    }

    private let form: Form
    private let columnCount: Int
    private let encoder: RowEncoder
    private let event: EventRow

    init(_ output: StreamOutput, _ values: ValueEncoder, _ schema: EventSchema) {
        encoder = RowEncoder(values)
        event = EventRow(schema, derived: .none)
        columnCount = output.columns?.count ?? 0
        switch output.form {
        case .tagged:
            var tag = OutputBuffer(capacity: 64)
            tag.write("{\"stream\":")
            values.write(text: output.stream, into: &tag)
            form = .tagged(Array(tag.bytes))
        case .json: form = .json
        case .csv(let isSafe): form = .csv(isSafe: isSafe)
        case .values: form = .values
        }
    }

    /// The header of a CSV file.
    package static func header(_ columns: [StreamColumn]) -> [UInt8] {
        var buffer = OutputBuffer(capacity: 256)
        for (index, column) in columns.enumerated() {
            if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
            writeCell(column.name, into: &buffer)
        }
        buffer.append(byte: UInt8(ascii: "\n"))
        return Array(buffer.bytes)
    }

    /// Writes an event of a batch as it came.
    func write(event index: Int, of batch: EventBatch, into buffer: inout OutputBuffer) {
        event.begin(batch.events[index], at: index, of: batch)
        write(into: &buffer, members: { event.writeJSON(into: &$0, encoder) }, value: { event.valueIfAny($0) ?? .null })
    }

    /// Writes a row that a stream has made.
    func write(_ row: ArraySlice<Value>, _ shape: RowShape, into buffer: inout OutputBuffer) {
        write(
            into: &buffer, members: { encoder.write(row, keys: shape.keys, into: &$0) },
            value: { row[row.startIndex + $0] })
    }

    /// Writes a row that has no columns and exists as a whole line.
    func write(into buffer: inout OutputBuffer, line: (inout OutputBuffer) -> Void) {
        guard case .tagged(let tag) = form else { return line(&buffer) }
        append(tag, to: &buffer)
        // Drops the line's own brace.
        let place = buffer.count
        line(&buffer)
        buffer.replace(at: place, by: UInt8(ascii: ","))
    }

    @inline(__always)
    private func write(
        into buffer: inout OutputBuffer, members: (inout OutputBuffer) -> Void, value: (Int) -> Value
    ) {
        switch form {
        case .json:
            buffer.append(byte: UInt8(ascii: "{"))
            members(&buffer)
            buffer.reserve(2)
            buffer.write("}\n")
        case .tagged(let tag):
            append(tag, to: &buffer)
            let before = buffer.count
            buffer.append(byte: UInt8(ascii: ","))
            members(&buffer)
            if buffer.count == before + 1 { buffer.removeLast() }
            buffer.reserve(2)
            buffer.write("}\n")
        case .csv(let isSafe):
            for column in 0..<columnCount {
                if column > 0 { buffer.append(byte: UInt8(ascii: ",")) }
                let value = value(column)
                if case .null = value { continue }
                let text = encoder.values.text(value)
                if isSafe, case .string = value, let first = text.utf8.first, Self.formulaStarts.contains(first) {
                    Self.writeCell("'" + text, into: &buffer)
                } else {
                    Self.writeCell(text, into: &buffer)
                }
            }
            buffer.append(byte: UInt8(ascii: "\n"))
        case .values:
            for column in 0..<columnCount { ValueCoding.encode(value(column), into: &buffer) }
        }
    }

    private func append(_ tag: [UInt8], to buffer: inout OutputBuffer) {
        buffer.reserve(tag.count)
        tag.withUnsafeBufferPointer { buffer.write($0) }
    }

    /// What spreadsheets take for the beginning of a formula.
    private static let formulaStarts = Array("=+-@".utf8)

    /// Quotes a cell where commas, quotes or line ends would be misread.
    private static func writeCell(_ text: String, into buffer: inout OutputBuffer) {
        let needsQuotes = text.utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
        buffer.reserve(2 * text.utf8.count + 2)
        guard needsQuotes || text.isEmpty else { return buffer.write(text.utf8) }
        buffer.write(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == 0x22 { buffer.write(byte) }
            buffer.write(byte)
        }
        buffer.write(UInt8(ascii: "\""))
    }
}
