import CBytes
import CivilTime

/// What decoding makes of a batch: transactions and rejects, both in the order of their lines.
struct DecodedBatch {
    var transactions: [Transaction] = []
    var rejects: [Reject] = []
    /// All lines, blank ones included.
    var lineCount: UInt64 = 0

    mutating func reset() {
        transactions.removeAll(keepingCapacity: true)
        rejects.removeAll(keepingCapacity: true)
        lineCount = 0
    }
}

/// The bound of one line, without its end.
package let longestLine = 1 << 20

/// How transactions are written in the input.
package enum InputFormat: String, CaseIterable, Sendable {
    case jsonl, csv
}

/// Turns the text of a batch into transactions.
struct TransactionDecoder {
    private let format: InputFormat
    private var json: JSONTransactionDecoder
    private var csv: CSVTransactionDecoder

    init(format: InputFormat, fields: FieldNames, zone: TimeZoneRules) {
        self.format = format
        json = JSONTransactionDecoder(fields: fields, zone: zone)
        csv = CSVTransactionDecoder(fields: fields, zone: zone)
    }

    /// What a later run needs to go on in the middle of the input.
    var csvHeader: [UInt8] { csv.header }

    mutating func resume(csvHeader: [UInt8]) {
        if format == .csv { csv.resume(header: csvHeader) }
    }

    /// Takes whole records from the text and shortens it to them; what is left belongs to the next batch.
    mutating func decode(_ text: inout InputText, into batch: inout DecodedBatch) {
        switch format {
        case .jsonl: json.decode(&text, into: &batch)
        case .csv: csv.decode(&text, into: &batch)
        }
    }
}

/// The line that begins at a cursor and the newline that ends it.
struct LineBounds {
    let start: UnsafePointer<UInt8>
    let newline: UnsafePointer<UInt8>

    init(from start: UnsafePointer<UInt8>, searchingFrom cursor: UnsafePointer<UInt8>) {
        self.start = start
        newline = assay_next_newline(cursor)
    }

    init(start: UnsafePointer<UInt8>, newline: UnsafePointer<UInt8>) {
        self.start = start
        self.newline = newline
    }

    /// Without the newline and a carriage return before it.
    @inline(__always)
    var bytes: UnsafeBufferPointer<UInt8> {
        let end = newline > start && newline[-1] == UInt8(ascii: "\r") ? newline - 1 : newline
        return UnsafeBufferPointer(start: start, count: end - start)
    }

    @inline(__always)
    func slice(in base: UnsafePointer<UInt8>) -> ByteSlice {
        ByteSlice(start, count: bytes.count, in: base)
    }

    /// What is wrong with the line as bytes, before anybody looks at what it says.
    @inline(__always)
    func encodingProblem(knownASCII: Bool = false) -> RejectReason? {
        let bytes = bytes
        if bytes.count > longestLine { return .lineTooLong }
        return knownASCII || bytes.isValidUTF8 ? nil : .invalidUTF8
    }
}

extension RejectReason {
    /// The message of the reasons that have just one.
    var message: StaticString {
        switch self {
        case .lineTooLong: "the line is longer than 1 MiB"
        case .invalidUTF8: "the line is not valid UTF-8"
        case .notAnObject: "the line is JSON, but not an object"
        case .duplicate: "the user's last 16 transactions include this transaction_id"
        case .missingField: "is missing"
        case .malformedJSON: "the line is not JSON"
        case .malformedCSV: "the record is not RFC 4180 CSV"
        case .invalidField: "has no acceptable value"
        }
    }
}
