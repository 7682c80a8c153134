import CEL

/// Puts the rows of a stream in the form of one of its outputs. Used by the writing thread only.
package final class RowWriting {
    private enum Form {
        case json
        /// With the stream's name in front.
        case tagged([UInt8])
        case csv(isSafe: Bool)
        case values
        case record(RecordKey)
    }

    /// What a record's key is made of.
    private enum RecordKey {
        /// The user of an assessment; other rows have none.
        case user
        case transaction
        case columns([Int])
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
        case .record(let key): form = .record(Self.recordKey(key, output))
        }
    }

    private static func recordKey(_ key: String?, _ output: StreamOutput) -> RecordKey {
        let names = output.columns?.map(\.name) ?? []
        if let key, let column = names.firstIndex(of: key) { return .columns([column]) }
        if key == AssessmentColumn.transactionID.column.name { return .transaction }
        let columns = output.keys.compactMap { names.firstIndex(of: $0) }
        return key == nil && !columns.isEmpty && columns.count == output.keys.count ? .columns(columns) : .user
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
        let origin = RowOrigin(records: batch.text.origin, line: Int(batch.events[index].lineIndex))
        write(
            into: &buffer, from: origin, members: { event.writeJSON(into: &$0, encoder) },
            value: { event.valueIfAny($0) ?? .null })
    }

    /// Writes a row that a stream has made.
    func write(
        _ row: ArraySlice<Value>, _ shape: RowShape, from origin: RowOrigin, into buffer: inout OutputBuffer
    ) {
        write(
            into: &buffer, from: origin, members: { encoder.write(row, keys: shape.keys, into: &$0) },
            value: { row[row.startIndex + $0] })
    }

    /// Writes the line of an assessment, whose columns `value` knows.
    func write(
        from origin: RowOrigin, into buffer: inout OutputBuffer, line: (inout OutputBuffer) -> Void,
        value: (Int) -> Value = { _ in .null }
    ) {
        if case .record(let key) = form {
            let place = beginRecord(key, origin, value, into: &buffer)
            let start = buffer.count
            line(&buffer)
            return RecordCoding.end(from: start, of: place, isLine: true, in: &buffer)
        }
        guard case .tagged(let tag) = form else { return line(&buffer) }
        append(tag, to: &buffer)
        // Drops the line's own brace.
        let place = buffer.count
        line(&buffer)
        buffer.replace(at: place, by: UInt8(ascii: ","))
    }

    @inline(__always)
    private func write(
        into buffer: inout OutputBuffer, from origin: RowOrigin, members: (inout OutputBuffer) -> Void,
        value: (Int) -> Value
    ) {
        switch form {
        case .record(let key):
            let place = beginRecord(key, origin, value, into: &buffer)
            let start = buffer.count
            buffer.append(byte: UInt8(ascii: "{"))
            members(&buffer)
            buffer.append(byte: UInt8(ascii: "}"))
            RecordCoding.end(from: start, of: place, isLine: false, in: &buffer)
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

    private func beginRecord(
        _ key: RecordKey, _ origin: RowOrigin, _ value: (Int) -> Value, into buffer: inout OutputBuffer
    ) -> Int {
        func begin(_ key: UnsafeBufferPointer<UInt8>?) -> Int {
            RecordCoding.begin(key: key, origin: origin.records, line: origin.line, into: &buffer)
        }
        switch key {
        case .user: return begin(origin.user)
        case .transaction: return begin(origin.transaction)
        case .columns(let columns):
            let values = columns.map(value)
            if values.allSatisfy({ if case .null = $0 { true } else { false } }) { return begin(nil) }
            // One column as its text, several as a list.
            var text = encoder.values.text(values.count == 1 ? values[0] : .list(ListValue(values)))
            return text.withUTF8 { begin($0) }
        }
    }

    private func append(_ tag: [UInt8], to buffer: inout OutputBuffer) {
        buffer.reserve(tag.count)
        tag.withUnsafeBufferPointer { buffer.write($0) }
    }

    /// What spreadsheets take for the beginning of a formula.
    private static let formulaStarts = Array("=+-@".utf8)

    /// Quotes a cell where commas, quotes or line ends would be misread.
    package static func writeCell(_ text: String, into buffer: inout OutputBuffer) {
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

/// Where a row comes from, and what it is about: valid as long as its batch.
struct RowOrigin {
    var records: (any RecordOrigin)?
    /// The line of its record.
    var line: Int?
    var user: UnsafeBufferPointer<UInt8>?
    var transaction: UnsafeBufferPointer<UInt8>?

    /// That of a row that many records have made.
    static var many: RowOrigin { RowOrigin() }
}

extension RowOrigin {
    init(_ transaction: Transaction, _ text: BatchText, _ records: (any RecordOrigin)?) {
        self.init(
            records: records, line: Int(transaction.lineIndex), user: text.bytes(transaction.userID),
            transaction: text.bytes(transaction.id))
    }
}
