import CEL

/// The rows of one output on their way to it.
final class RowBuffer {
    var bytes = OutputBuffer(capacity: 1 << 12)
    var rows: UInt64 = 0

    func removeAll() {
        bytes.removeAll()
        rows = 0
    }
}

/// Puts the rows of a stream in the form that one of its outputs takes.
final class RowWriting {
    private enum Form {
        case json
        /// With the stream's name in front.
        case tagged([UInt8])
        case csv
        case values
    }

    private let form: Form
    private let columnCount: Int
    private let encoder: RowEncoder

    init(_ output: StreamOutput, _ values: ValueEncoder) {
        encoder = RowEncoder(values)
        columnCount = output.columns?.count ?? 0
        switch output.target {
        case .standardOutput:
            var tag = OutputBuffer(capacity: 64)
            tag.write("{\"stream\":")
            values.write(text: output.stream, into: &tag)
            form = .tagged(Array(tag.bytes))
        case .file(_, let format): form = format == .csv ? .csv : .json
        case .parts(let parts): form = parts.format == .csv ? .csv : .json
        case .table: form = .values
        }
    }

    /// The first line of a file.
    static func header(_ output: StreamOutput) -> [UInt8] {
        let isCSV: Bool =
            switch output.target {
            case .file(_, .csv): true
            case .parts(let parts): parts.format == .csv
            default: false
            }
        guard isCSV, let columns = output.columns else { return [] }
        var buffer = OutputBuffer(capacity: 256)
        for (index, column) in columns.enumerated() {
            if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
            writeCell(column.name, into: &buffer)
        }
        buffer.append(byte: UInt8(ascii: "\n"))
        return Array(buffer.bytes)
    }

    func write(_ row: Row, into buffer: RowBuffer) {
        buffer.rows += 1
        switch form {
        case .json:
            buffer.bytes.append(byte: UInt8(ascii: "{"))
            row.writeJSON(into: &buffer.bytes, encoder)
            buffer.bytes.reserve(2)
            buffer.bytes.write("}\n")
        case .tagged(let tag):
            buffer.bytes.reserve(tag.count)
            tag.withUnsafeBufferPointer { buffer.bytes.write($0) }
            let before = buffer.bytes.count
            buffer.bytes.append(byte: UInt8(ascii: ","))
            row.writeJSON(into: &buffer.bytes, encoder)
            if buffer.bytes.count == before + 1 { buffer.bytes.removeLast() }
            buffer.bytes.reserve(2)
            buffer.bytes.write("}\n")
        case .csv:
            for column in 0..<columnCount {
                if column > 0 { buffer.bytes.append(byte: UInt8(ascii: ",")) }
                let value = value(column, of: row)
                if case .null = value { continue }
                Self.writeCell(encoder.values.text(value), into: &buffer.bytes)
            }
            buffer.bytes.append(byte: UInt8(ascii: "\n"))
        case .values:
            for column in 0..<columnCount { ValueCoding.encode(value(column, of: row), into: &buffer.bytes) }
        }
    }

    /// Null where the row has none.
    private func value(_ column: Int, of row: Row) -> Value {
        do throws(EvaluationError) {
            return try row.value(column)
        } catch {
            return .null
        }
    }

    /// Quoted where commas, quotes or line ends would be taken for something else.
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
