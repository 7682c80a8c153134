import CivilTime

/// Reads transactions from CSV with a header (RFC 4180): cells follow the same rules as JSON strings.
struct CSVTransactionDecoder {
    private let fields: FieldNames
    private let zone: TimeZoneRules
    /// The field of each column, nil where the header names something else. Nil until the header was read.
    private(set) var columns: [Field?]?

    /// The header's bytes in the input, empty until it was read.
    private(set) var header: [UInt8] = []

    init(fields: FieldNames, zone: TimeZoneRules) {
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
        var nothing = DecodedBatch()
        decode(&text, into: &nothing)
    }

    mutating func decode(_ text: inout InputText, into batch: inout DecodedBatch) {
        let base = UnsafePointer(text.base)
        let end = base + (text.cutLine ?? text.count)
        var cursor = base + text.byteOrderMarkCount
        while cursor < end {
            do throws(CSVRecordReader.Fault) {
                let record = try CSVRecordReader.read(at: cursor, end: end, &text)
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
                reject(line, base, .malformedCSV, message, at: base + position, into: &batch)
                batch.lineCount += 1
                cursor = line.newline + 1
            }
        }
        text.rejectCutLine(into: &batch)
    }

    private func reject(
        _ line: LineBounds, _ base: UnsafePointer<UInt8>, _ reason: RejectReason, _ message: StaticString,
        field: Field? = nil, at position: UnsafePointer<UInt8>? = nil, into batch: inout DecodedBatch
    ) {
        let encoding = line.encodingProblem()
        batch.rejects.append(
            Reject(
                line: line.slice(in: base), lineIndex: UInt32(truncatingIfNeeded: batch.lineCount),
                reason: encoding ?? reason, message: encoding?.message ?? message,
                field: encoding == nil ? field : nil,
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
            self.columns = record.cells.map { fields.column(Array($0.bytes)) }
            header = Array(record.bounds.bytes)
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
            set(field, cell, base, &builder)
        }
        if let (reason, field) = builder.finish() {
            let message = reason == .missingField ? reason.message : field.expectation
            return reject(record.bounds, base, reason, message, field: field, into: &batch)
        }
        builder.place(line: record.bounds.slice(in: base), index: UInt32(truncatingIfNeeded: batch.lineCount))
        batch.transactions.append(builder.transaction)
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
