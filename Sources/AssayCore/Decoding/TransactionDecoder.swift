import CivilTime

/// The decoded batch: transactions and rejects, both in order of their lines.
package struct DecodedBatch {
    package var transactions: [Transaction] = []
    package var rejects: [Reject] = []
    /// Labels among the transactions, in order of their lines.
    package var labels: [Label] = []
    /// The number of all lines, blank ones included.
    package var lineCount: UInt64 = 0
    /// Of CSV, for rules that read other columns than ours.
    package var columns: CSVColumns?

    mutating func reset() {
        columns = nil
        transactions.removeAll(keepingCapacity: true)
        rejects.removeAll(keepingCapacity: true)
        labels.removeAll(keepingCapacity: true)
        lineCount = 0
    }
}

/// How lines or events are written in the input.
package enum InputFormat: String, CaseIterable, Sendable {
    case jsonl
    /// An array of JSON, or objects over several lines. Whoever reads the input makes a line of each.
    case json
    case csv
}

/// Decodes the text of a batch to transactions.
package struct TransactionDecoder {
    private let format: InputFormat
    private let dialect: CSVDialect
    private var json: JSONTransactionDecoder
    private var csv: CSVTransactionDecoder

    /// `takesLabels`: a line of JSON whose member `label` is an object is a label, not a transaction.
    package init(
        format: InputFormat, fields: TransactionFields, zone: TimeZoneRules, dialect: CSVDialect = CSVDialect(),
        takesLabels: Bool = false
    ) {
        (self.format, self.dialect) = (format, dialect)
        json = JSONTransactionDecoder(fields: fields, zone: zone, takesLabels: takesLabels)
        csv = CSVTransactionDecoder(fields: fields, zone: zone, dialect: dialect)
    }

    /// What a later run needs to resume in the middle of the input.
    package var csvHeader: [UInt8] { csv.header }

    /// Why the header of CSV is none that anything can be read under.
    package var headerFault: String? { csv.fault?.message }

    package mutating func resume(csvHeader: [UInt8]) {
        if format == .csv { csv.resume(header: csvHeader) }
    }

    /// Reads what follows by other names, and times of another zone.
    mutating func take(fields: TransactionFields, zone: TimeZoneRules, takesLabels: Bool) {
        self = TransactionDecoder(
            format: format, fields: fields, zone: zone, dialect: dialect, takesLabels: takesLabels)
    }

    /// Takes whole records from the text and cuts the text after them; the rest belongs to the next batch.
    package mutating func decode(_ text: inout InputText, into batch: inout DecodedBatch) {
        switch format {
        case .jsonl, .json: json.decode(&text, into: &batch)
        case .csv: csv.decode(&text, into: &batch)
        }
    }
}

extension InputText {
    /// Rejects the last line if it was too long to be kept.
    func rejectCutLine(into batch: inout DecodedBatch) {
        guard let cutLine else { return }
        batch.rejects.append(
            Reject(
                line: ByteSlice(offset: UInt32(cutLine), count: UInt32(count - 1 - cutLine)),
                lineIndex: UInt32(truncatingIfNeeded: batch.lineCount), reason: .lineTooLong,
                message: RejectReason.lineTooLong.message))
        batch.lineCount += 1
    }
}
