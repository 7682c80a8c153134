import CivilTime

/// The labels of a file: lines of JSON like those among transactions, or CSV with the columns `transaction_id`, `label`
/// and perhaps `timestamp`.
package struct LabelTable: Sendable {
    package struct Row: Sendable {
        package let id: [UInt8]
        package let isFraud: Bool
        package let time: EventTime?
        package let line: UInt64
        /// Of its end in the file.
        package let endOffset: UInt64
    }

    /// A row that can't be read.
    package struct Fault: Error {
        package let line: UInt64
        package let message: String
    }

    package private(set) var rows: [Row] = []

    /// Labels of transactions that were not fraud, in CSV.
    private static let harmless: Set<String> = ["0", "false", "no", "legitimate", "normal"]

    package init(_ bytes: [UInt8], zone: TimeZoneRules) throws(Fault) {
        let first = bytes.first { $0 > UInt8(ascii: " ") }
        if first == UInt8(ascii: "{") { try readLines(bytes, zone) } else { try readCSV(bytes, zone) }
    }

    /// The ids of fraudulent transactions, by what was said last of each.
    package var frauds: Set<[UInt8]> {
        var last: [[UInt8]: (time: Int64, isFraud: Bool)] = [:]
        for row in rows {
            // Without a time it is as late as the one before.
            let time = row.time?.milliseconds ?? last[row.id]?.time ?? .min
            if let known = last[row.id], known.time > time { continue }
            last[row.id] = (time, row.isFraud)
        }
        return Set(last.filter(\.value.isFraud).keys)
    }

    /// The lines of a file with the offsets of their ends, without the ends themselves.
    private static func forEachLine(
        _ bytes: [UInt8], _ body: (UInt64, ArraySlice<UInt8>, UInt64) throws(Fault) -> Void
    ) throws(Fault) {
        var start = 0
        var line: UInt64 = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            line += 1
            var content = bytes[start..<end]
            if content.last == UInt8(ascii: "\r") { content = content.dropLast() }
            if content.contains(where: { $0 > UInt8(ascii: " ") }) {
                try body(line, content, UInt64(min(end + 1, bytes.count)))
            }
            start = end + 1
        }
    }

    // MARK: Lines of JSON

    private mutating func readLines(_ bytes: [UInt8], _ zone: TimeZoneRules) throws(Fault) {
        var decoder = TransactionDecoder(format: .jsonl, fields: .standard, zone: zone, takesLabels: true)
        var text = InputText(capacity: InputText.batchBytes)
        var batch = DecodedBatch()
        var rows: [Row] = []
        try Self.forEachLine(bytes) { line, content, end throws(Fault) in
            if content.count >= text.capacity { text.grow(to: content.count + 1, keeping: 0) }
            text.reset(offset: 1, firstLine: line)
            content.withUnsafeBufferPointer { text.append($0) }
            text.isLast = true
            text.endLastLine()
            batch.reset()
            decoder.decode(&text, into: &batch)
            guard let label = batch.labels.first else {
                throw Fault(line: line, message: batch.rejects.first?.sentence ?? "the line is no label")
            }
            rows.append(
                Row(
                    id: Array(text.view.bytes(label.id)), isFraud: label.isFraud, time: label.time, line: line,
                    endOffset: end))
        }
        self.rows = rows
    }

    // MARK: CSV

    /// The columns of a header, or where they are without one.
    private struct Columns {
        var id = 0
        var label: Int? = 1
        var time: Int? = 2

        init() {}

        /// Nil for a line that is no header.
        init?(_ cells: [String]) {
            guard let id = cells.firstIndex(of: "transaction_id") else { return nil }
            self.id = id
            label = cells.firstIndex(of: "label")
            time = cells.firstIndex(of: "timestamp")
        }
    }

    private mutating func readCSV(_ bytes: [UInt8], _ zone: TimeZoneRules) throws(Fault) {
        var columns: Columns?
        var delimiter = UInt8(ascii: ",")
        var rows: [Row] = []
        try Self.forEachLine(bytes) { line, content, end throws(Fault) in
            if columns == nil { delimiter = content.withUnsafeBufferPointer { CSVDialect().delimiter(of: $0) } }
            guard let cells = Self.cells(content, delimiter) else {
                throw Fault(line: line, message: "a quote without its end")
            }
            if columns == nil {
                let names = cells.map { String(decoding: $0, as: UTF8.self) }
                columns = Columns(names) ?? Columns()
                if Columns(names) != nil { return }
            }
            guard let columns else { return }
            rows.append(try Self.row(cells, columns, zone, line: line, end: end))
        }
        self.rows = rows
    }

    private static func row(
        _ cells: [[UInt8]], _ columns: Columns, _ zone: TimeZoneRules, line: UInt64, end: UInt64
    ) throws(Fault) -> Row {
        func cell(_ column: Int?) -> [UInt8] { column.flatMap { $0 < cells.count ? cells[$0] : nil } ?? [] }
        let id = cell(columns.id)
        guard Transaction.idLengths.contains(id.count) else {
            throw Fault(line: line, message: "transaction_id \(Field.id.expectation)")
        }
        var time: EventTime?
        let given = cell(columns.time)
        if !given.isEmpty {
            time = EventTime(shown: String(decoding: given, as: UTF8.self), zone: zone)
            guard time != nil else {
                let shown = given.withUnsafeBufferPointer { Reject.shown($0) }
                throw Fault(line: line, message: "timestamp \(Field.time.expectation), not '\(shown)'")
            }
        }
        let label = String(decoding: cell(columns.label), as: UTF8.self).lowercased()
        return Row(id: id, isFraud: !harmless.contains(label), time: time, line: line, endOffset: end)
    }

    /// Nil where a quote has no end.
    private static func cells(_ line: ArraySlice<UInt8>, _ delimiter: UInt8) -> [[UInt8]]? {
        let quote = UInt8(ascii: "\"")
        var cells: [[UInt8]] = []
        var rest = line
        while true {
            while rest.first == UInt8(ascii: " ") { rest = rest.dropFirst() }
            var cell: [UInt8] = []
            if rest.first == quote {
                rest = rest.dropFirst()
                while true {
                    guard let next = rest.popFirst() else { return nil }
                    if next == quote {
                        guard rest.first == quote else { break }
                        rest = rest.dropFirst()
                    }
                    cell.append(next)
                }
                rest = rest.drop { $0 != delimiter }
            } else {
                cell = Array(rest.prefix { $0 != delimiter })
                rest = rest.dropFirst(cell.count)
                while cell.last == UInt8(ascii: " ") { cell.removeLast() }
            }
            cells.append(cell)
            if rest.popFirst() == nil { return cells }
        }
    }
}
