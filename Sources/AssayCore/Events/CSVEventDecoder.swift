/// Reads events from CSV with a header (RFC 4180). A cell without a declared type is a number where JSON would read
/// one, otherwise a text; an empty cell is a missing field.
package struct CSVEventDecoder {
    private let schema: EventSchema
    /// The columns of the file with their declared types. Nil until the header was read.
    private var header: [(cell: Int, type: FieldType)]?
    private var columns: [EventBatch.CSVColumn] = []
    private var width: Int
    /// The header's bytes in the input.
    private(set) var headerBytes: [UInt8] = []

    private let dialect: CSVDialect
    private var delimiter = UInt8(ascii: ",")
    /// Why nothing can be read.
    private(set) var fault: CSVHeaderFault?

    init(_ schema: EventSchema, dialect: CSVDialect = CSVDialect()) {
        self.schema = schema
        self.dialect = dialect
        width = schema.columns.count
    }

    /// Reads the header from an earlier run.
    mutating func resume(header: [UInt8]) {
        guard !header.isEmpty else { return }
        let batch = EventBatch()
        header.withUnsafeBufferPointer { bytes in
            if bytes.count >= batch.text.capacity { batch.text.grow(to: 2 * bytes.count, keeping: 0) }
            batch.text.append(bytes)
        }
        batch.text.isLast = true
        batch.text.endLastLine()
        // It is no beginning of a file.
        batch.text.offset = 1
        decode(batch)
    }

    /// Takes whole records from the batch's text and cuts the text after them; the rest belongs to the next batch.
    mutating func decode(_ batch: EventBatch) {
        // Another file has a header of its own.
        let base = UnsafePointer(batch.text.base)
        let end = base + (batch.text.cutLine ?? batch.text.count)
        var cursor = base + batch.text.byteOrderMarkCount
        if batch.text.offset == 0 {
            (header, columns, width, headerBytes) = (nil, [], schema.columns.count, [])
            let first = LineBounds(from: cursor, searchingFrom: cursor).bytes
            if let given = dialect.header(before: first) { resume(header: given) }
        }
        (batch.width, batch.schemaColumns, batch.csvColumns) = (width, schema.columns.count, columns)
        while cursor < end {
            if header == nil {
                delimiter = dialect.delimiter(of: LineBounds(from: cursor, searchingFrom: cursor).bytes)
            }
            do throws(CSVRecordReader.Fault) {
                let record = try CSVRecordReader.read(at: cursor, end: end, &batch.text, delimiter: delimiter)
                take(record, batch)
                batch.endLine(record.lineCount)
                cursor = record.bounds.newline + 1
            } catch {
                var fault = error
                if case .incomplete = fault {
                    if !batch.text.isLast, batch.text.cutLine == nil, end - cursor <= longestLine {
                        batch.text.count = cursor - base
                        return
                    }
                    fault = .malformed("a quoted cell without an end", at: cursor - base)
                }
                // A bad record ends with its first line: the next line begins a record.
                guard case .malformed(let message, let position) = fault else { return }
                let line = LineBounds(from: cursor, searchingFrom: cursor)
                if header == nil {
                    self.fault = .malformed(message, line.bytes)
                    return
                }
                reject(line, batch, message, at: base + position)
                batch.endLine()
                cursor = line.newline + 1
            }
        }
        guard let cut = batch.text.cutLine else { return }
        batch.reject(
            ByteSlice(offset: UInt32(cut), count: UInt32(batch.text.count - 1 - cut)), .lineTooLong)
        batch.endLine()
    }

    private func reject(
        _ line: LineBounds, _ batch: EventBatch, _ message: StaticString, at position: UnsafePointer<UInt8>?
    ) {
        let slice = line.slice(in: UnsafePointer(batch.text.base))
        if let problem = line.encodingProblem() { return batch.reject(slice, problem) }
        batch.reject(slice, .malformedCSV, message, position: position.map { UInt32($0 - line.start) })
    }

    private mutating func take(_ record: CSVRecordReader.Record, _ batch: EventBatch) {
        let base = UnsafePointer(batch.text.base)
        if record.bounds.bytes.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { return }
        let slice = record.bounds.slice(in: base)
        if let problem = record.bounds.encodingProblem() { return batch.reject(slice, problem) }
        guard let header else {
            takeHeader(record)
            (batch.width, batch.schemaColumns, batch.csvColumns) = (width, schema.columns.count, columns)
            return
        }
        guard record.cells.count <= header.count else {
            return reject(
                record.bounds, batch, "more cells than the header has columns",
                at: record.cells[header.count].bytes.baseAddress)
        }
        let first = batch.cells.count
        batch.cells.append(missing: width)
        for (cell, column) in zip(record.cells, header) where !cell.bytes.isEmpty {
            guard let value = value(cell, column.type, base) else {
                batch.cells.removeLast(width)
                return batch.reject(
                    slice, .invalidField, EventSchema.expectation(column.type),
                    field: schema.columns[column.cell].name, value: Reject.shown(cell.bytes))
            }
            batch.cells.base[first + column.cell] = value
        }
        batch.finishEvent(slice, schema)
    }

    /// Columns that are not in use have their cells after the others, for events that are passed on whole.
    private mutating func takeHeader(_ record: CSVRecordReader.Record) {
        headerBytes = Array(record.bounds.bytes)
        let names = record.cells.map { String(decoding: $0.bytes, as: UTF8.self) }
        let present = Set(names)
        fault = CSVHeaderFault.duplicate(in: names)
        header = names.map { name in
            // A column that has the very name is the one.
            let known = schema.columns.firstIndex { column in
                column.name == name
                    || !present.contains(column.name)
                        && CSVHeaderFault.relaxed(column.name) == CSVHeaderFault.relaxed(name)
            }
            if let known, !columns.contains(where: { $0.cell == known }) {
                columns.append(EventBatch.CSVColumn(name: name, cell: known))
                return (known, schema.columns[known].type)
            }
            columns.append(EventBatch.CSVColumn(name: name, cell: width))
            width += 1
            return (width - 1, .dyn)
        }
        let time = schema.columns[schema.timeColumn].name
        if fault == nil, !columns.contains(where: { $0.cell == schema.timeColumn }) {
            fault = CSVHeaderFault.missing(time, in: names, hint: "name the column that has the time")
        }
    }

    private func value(
        _ cell: CSVRecordReader.Cell, _ type: FieldType, _ base: UnsafePointer<UInt8>
    ) -> EventCell? {
        switch type {
        case .string: return .text(cell.slice)
        case .bool:
            if cell.bytes.elementsEqual("true".utf8) { return EventCell(kind: .yes) }
            return cell.bytes.elementsEqual("false".utf8) ? EventCell(kind: .no) : nil
        case .list, .map:
            var scanner = JSONScanner(at: cell.bytes.baseAddress!)
            let isWanted = type == .list ? scanner.byte == UInt8(ascii: "[") : scanner.byte == UInt8(ascii: "{")
            // What is not JSON does not fit, wherever the fault is.
            guard isWanted, (try? scanner.skipValue(depth: 1)) != nil,  // refused below
                scanner.cursor == cell.bytes.baseAddress! + cell.bytes.count
            else { return nil }
            return .json(cell.slice)
        default:
            if let number = ScannedNumber(at: cell.bytes.baseAddress!),
                number.end == cell.bytes.baseAddress! + cell.bytes.count
            {
                return EventCell(number, type: type, schema: schema, in: base)
            }
            return EventCell(cell.slice, type: type, schema: schema, in: base)
        }
    }
}
