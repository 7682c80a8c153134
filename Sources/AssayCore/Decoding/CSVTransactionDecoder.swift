import CivilTime

/// Reads transactions from CSV with a header (RFC 4180): cells follow the same rules as JSON strings.
struct CSVTransactionDecoder {
    private let fields: TransactionFields
    private let zone: TimeZoneRules
    private let dialect: CSVDialect
    private var delimiter = UInt8(ascii: ",")
    /// Why nothing can be read.
    private(set) var fault: CSVHeaderFault?
    /// The field of each column, nil where the header names something else. Nil until the header was read.
    private(set) var columns: [Field?]?

    /// The same for whoever reads whole rows.
    private var names: CSVColumns?

    /// The header's bytes in the input, empty until it was read.
    private(set) var header: [UInt8] = []

    init(fields: TransactionFields, zone: TimeZoneRules, dialect: CSVDialect = CSVDialect()) {
        self.dialect = dialect
        self.fields = fields
        self.zone = zone
    }

    /// Reads the header from an earlier run.
    mutating func resume(header: [UInt8]) {
        guard !header.isEmpty else { return }
        var text = InputText(capacity: header.count + 1)
        header.withUnsafeBufferPointer { text.append($0) }
        text.isLast = true
        text.endLastLine()
        // It is no beginning of a file.
        text.offset = 1
        var nothing = DecodedBatch()
        decode(&text, into: &nothing)
    }

    mutating func decode(_ text: inout InputText, into batch: inout DecodedBatch) {
        decodeRecords(&text, into: &batch)
        batch.columns = names
    }

    private mutating func decodeRecords(_ text: inout InputText, into batch: inout DecodedBatch) {
        // Another file has a header of its own.
        let base = UnsafePointer(text.base)
        let end = base + (text.cutLine ?? text.count)
        var cursor = base + text.byteOrderMarkCount
        if text.offset == 0 {
            (columns, header) = (nil, [])
            let first = LineBounds(from: cursor, searchingFrom: cursor).bytes
            if let given = dialect.header(before: first) { resume(header: given) }
        }
        while cursor < end {
            if columns == nil {
                delimiter = dialect.delimiter(of: LineBounds(from: cursor, searchingFrom: cursor).bytes)
            }
            do throws(CSVRecordReader.Fault) {
                let record = try CSVRecordReader.read(at: cursor, end: end, &text, delimiter: delimiter)
                take(record, &text, into: &batch)
                batch.lineCount += record.lineCount
                cursor = record.bounds.newline + 1
            } catch {
                var fault = error
                if case .incomplete = fault {
                    if !text.isLast, text.cutLine == nil, end - cursor <= longestLine {
                        text.count = cursor - base
                        return
                    }
                    fault = .malformed("a quoted cell without an end", at: cursor - base)
                }
                // A bad record ends with its first line: the next line begins a record.
                guard case .malformed(let message, let position) = fault else { return }
                let line = LineBounds(from: cursor, searchingFrom: cursor)
                if columns == nil {
                    self.fault = .malformed(message, line.bytes)
                    return
                }
                reject(line, base, .malformedCSV, message, at: base + position, into: &batch)
                batch.lineCount += 1
                cursor = line.newline + 1
            }
        }
        text.rejectCutLine(into: &batch)
    }

    private func reject(
        _ line: LineBounds, _ base: UnsafePointer<UInt8>, _ reason: RejectReason, _ message: StaticString,
        field: Field? = nil, value: String? = nil, at position: UnsafePointer<UInt8>? = nil,
        into batch: inout DecodedBatch
    ) {
        let encoding = line.encodingProblem()
        batch.rejects.append(
            Reject(
                line: line.slice(in: base), lineIndex: UInt32(truncatingIfNeeded: batch.lineCount),
                reason: encoding ?? reason, message: encoding?.message ?? message,
                field: encoding == nil ? field : nil, value: encoding == nil ? value : nil,
                position: encoding == nil ? position.map { UInt32($0 - line.start) } : nil))
    }

    private mutating func take(
        _ record: CSVRecordReader.Record, _ text: inout InputText, into batch: inout DecodedBatch
    ) {
        let base = UnsafePointer(text.base)
        if record.bounds.bytes.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { return }
        if let problem = record.bounds.encodingProblem() {
            return reject(record.bounds, base, problem, problem.message, into: &batch)
        }
        guard let columns else {
            takeHeader(record)
            return
        }
        guard record.cells.count <= columns.count else {
            return reject(
                record.bounds, base, .malformedCSV, "more cells than the header has columns",
                at: record.cells[columns.count].bytes.baseAddress, into: &batch)
        }
        var builder = TransactionBuilder(isCSV: true)
        for (cell, field) in zip(record.cells, columns) {
            guard let field, !cell.bytes.isEmpty else { continue }
            set(field, dialect.hasDecimalComma ? withPoint(cell, field, &text) : cell, base, &builder)
        }
        if let found = builder.finish(), let problem = builder.takeRefund(fields.amountSign, found, &text) {
            let (reason, field) = problem
            let message = builder.message(of: problem)
            let index = columns.firstIndex(of: field)
            let value = index.flatMap { $0 < record.cells.count ? record.cells[$0].bytes : nil }
            return reject(
                record.bounds, base, reason, message, field: field,
                value: reason == .invalidField ? value.map { Reject.shown($0) } : nil, into: &batch)
        }
        builder.place(line: record.bounds.slice(in: base), index: UInt32(truncatingIfNeeded: batch.lineCount))
        batch.transactions.append(builder.transaction)
    }

    private mutating func takeHeader(_ record: CSVRecordReader.Record) {
        let names = record.cells.map { String(decoding: $0.bytes, as: UTF8.self) }
        let columns = zip(record.cells, names).map { cell, name in
            fields.column(Array(cell.bytes)) ?? fields.column(relaxed: name)
        }
        header = Array(record.bounds.bytes)
        self.columns = columns
        self.names = CSVColumns(names: names, delimiter: delimiter, hasDecimalComma: dialect.hasDecimalComma)
        fault = CSVHeaderFault.duplicate(in: names)
        for field in [Field.id, .userID, .amount, .time] where fault == nil && !columns.contains(field) {
            let name = "\(field.name)"
            fault = CSVHeaderFault.missing(
                fields.mapped.first { $0.value == name }?.key ?? name, in: names,
                hint: "map it with 'fields: {COLUMN: \(name)}' in the configuration")
        }
    }

    /// A number with a comma, as one with a point; everything else as it is.
    private func withPoint(
        _ cell: CSVRecordReader.Cell, _ field: Field, _ text: inout InputText
    ) -> CSVRecordReader.Cell {
        guard [.amount, .latitude, .longitude, .time].contains(field), cell.bytes.contains(UInt8(ascii: ",")) else {
            return cell
        }
        let slice = text.appendUnescaped { room in
            for (index, byte) in cell.bytes.enumerated() {
                room[index] = byte == UInt8(ascii: ",") ? UInt8(ascii: ".") : byte
            }
            return cell.bytes.count
        }
        return CSVRecordReader.Cell(bytes: text.view.bytes(slice), slice: slice, end: cell.end)
    }

    private func set(
        _ field: Field, _ cell: CSVRecordReader.Cell, _ base: UnsafePointer<UInt8>, _ builder: inout TransactionBuilder
    ) {
        switch field {
        case .time:
            if let number = ScannedNumber(whole: cell.bytes) { return builder.set(field, number: number) }
        case .metadata:
            var scanner = JSONScanner(at: cell.bytes.baseAddress!)
            // A cell that is not an object is refused in the same way, wherever the fault is.
            guard scanner.byte == UInt8(ascii: "{"), (try? scanner.skipObject(depth: 2)) != nil,  // refused below
                scanner.cursor == cell.bytes.baseAddress! + cell.bytes.count
            else { return builder.refuse(field) }
            return builder.setMetadata(cell.slice)
        default: break
        }
        // Cells may hold anything that JSON escapes.
        builder.set(field, text: cell.slice, bytes: cell.bytes, needsEscaping: true, zone: zone)
    }
}
