/// Where a line has the value of a category or of a risk key: a text or a whole number of 1 to 128 bytes.
struct FieldPath {
    private enum Place {
        case type, merchant, account, user, id, currency
        /// In the metadata, or in a column of CSV that is named so.
        case metadata([[UInt8]])
        case line([[UInt8]])
    }

    private let name: String
    private let place: Place
    /// For texts with escapes, and cells of CSV.
    private var room: [UInt8] = []

    /// An empty name is that of the transaction's type.
    init(_ name: String) {
        self.name = name
        let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map(Array.init)
        place =
            switch name {
            case "", "\(Field.type.name)": .type
            case "\(Field.merchantID.name)": .merchant
            case "\(Field.accountID.name)": .account
            case "\(Field.userID.name)": .user
            case "\(Field.id.name)": .id
            case "\(Field.currency.name)": .currency
            default:
                parts.count > 1 && parts[0].elementsEqual("\(Field.metadata.name)".utf8)
                    ? .metadata(Array(parts.dropFirst())) : .line(parts)
            }
    }

    /// The value of a field that is read in any case; nil for others.
    @inline(__always)
    func slice(of transaction: Transaction) -> ByteSlice? {
        switch place {
        case .merchant: transaction.merchantID
        case .account: transaction.accountID
        case .user: transaction.userID
        case .id: transaction.id
        case .type, .currency, .metadata, .line: nil
        }
    }

    /// Calls `body` with the value, which is empty where there is none.
    @inline(__always)
    mutating func withValue<Result>(
        of sample: ModelSample, _ columns: Unmanaged<CSVColumns>?, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        let transaction = sample.transaction
        let slice: ByteSlice
        switch place {
        case .type: return body(Self.checked(sample.type))
        case .merchant: slice = transaction.merchantID
        case .account: slice = transaction.accountID
        case .user: slice = transaction.userID
        case .id: slice = transaction.id
        case .currency, .metadata, .line:
            find(in: sample, columns)
            return room.withUnsafeBufferPointer { body(Self.checked($0)) }
        }
        return body(Self.checked(sample.text.bytes(slice)))
    }

    private static func checked(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        ShortValue.lengths.contains(bytes.count) ? bytes : UnsafeBufferPointer(start: nil, count: 0)
    }

    private mutating func find(in sample: ModelSample, _ columns: Unmanaged<CSVColumns>?) {
        room.removeAll(keepingCapacity: true)
        let transaction = sample.transaction
        if transaction.traits.contains(.isCSV), let columns {
            let row = CSVRow(columns.takeUnretainedValue(), sample.text.bytes(transaction.line))
            if let cell = row.text(name) {
                room += cell
                return
            }
        }
        switch place {
        case .currency: room += transaction.currency.bytes
        case .metadata(let path): find(path[...], in: sample.text.bytes(transaction.metadata).baseAddress)
        case .line(let path):
            if transaction.traits.contains(.isCSV) { return }
            find(path[...], in: sample.text.bytes(transaction.line).baseAddress)
        case .type, .merchant, .account, .user, .id: preconditionFailure("these are read elsewhere")
        }
    }

    /// Finds the last member of this path in an object of a line that was decoded before.
    private mutating func find(_ path: ArraySlice<[UInt8]>, in object: UnsafePointer<UInt8>?) {
        guard let object else { return }
        var scanner = JSONScanner(at: object)
        scanner.skipSpace()
        do throws(JSONFault) {
            try find(path, &scanner, depth: 0)
        } catch {
            preconditionFailure("a decoded line is JSON: \(error.kind.message)")
        }
    }

    private mutating func find(
        _ path: ArraySlice<[UInt8]>, _ scanner: inout JSONScanner, depth: Int
    ) throws(JSONFault) {
        guard scanner.take("{") else { return try scanner.skipValue(depth: depth) }
        scanner.skipSpace()
        if scanner.take("}") { return }
        repeat {
            let key = try scanner.key()
            if Self.isKey(key, path.first!) {
                if path.count > 1 { try find(path.dropFirst(), &scanner, depth: depth + 1) } else { try take(&scanner) }
            } else if path.count > 1, Self.isKey(key, Array(path.joined(separator: [UInt8(ascii: ".")]))) {
                try take(&scanner)
            } else {
                try scanner.skipValue(depth: depth + 1)
            }
        } while try scanner.nextMember()
    }

    private static func isKey(_ key: JSONScanner.StringToken, _ name: [UInt8]) -> Bool {
        if key.hasEscapes { return JSON.text(of: key).utf8.elementsEqual(name) }
        return key.count == name.count && name.withUnsafeBufferPointer { key.bytes.elementsEqual($0) }
    }

    /// Keeps a value that may be one, and nothing of any other.
    private mutating func take(_ scanner: inout JSONScanner) throws(JSONFault) {
        room.removeAll(keepingCapacity: true)
        if scanner.byte == UInt8(ascii: "\"") {
            let token = try scanner.string()
            if token.hasEscapes { room += JSON.text(of: token).utf8 } else { room += token.bytes }
        } else if ScannedNumber.canBegin(with: scanner.byte) {
            let start = scanner.cursor
            let number = try scanner.number()
            if number.isInteger { room += UnsafeBufferPointer(start: start, count: number.end - start) }
        } else {
            try scanner.skipValue(depth: 1)
        }
    }
}
