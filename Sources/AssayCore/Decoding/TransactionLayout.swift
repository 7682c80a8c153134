import CBytes
import CivilTime

/// The layout of lines that are transactions.
struct TransactionLayout: LineLayout {
    var shape = LineShape()
    private var texts = FieldSet()
    private var numbers = FieldSet()
    private var nulls = FieldSet()
    private var objects = FieldSet()
    /// Whether its values are of the kinds that fields usually have.
    private var isUsual = false
    /// That of the line that was read last.
    private var transaction = Transaction()

    // MARK: Learning

    static let fixesWords = true

    mutating func target(of field: Field, _ kind: LineShape.Kind) -> Int? {
        if [texts, numbers, nulls, objects].contains(where: { $0.contains(field) }) { return nil }
        let isWhole = field == .location || field == .metadata
        switch kind {
        case .text where !isWhole: texts.insert(field)
        case .number where !isWhole: numbers.insert(field)
        case .null where Self.nullable.contains(field): nulls.insert(field)
        case .object where isWhole: objects.insert(field)
        default: return nil
        }
        return Int(field.rawValue)
    }

    /// Fields that may be null.
    private static let nullable: [Field] = [.location, .accountID, .merchantID, .metadata]

    mutating func finish() {
        let numeric: [Field] = [.amount, .time, .latitude, .longitude]
        let hasTexts = texts.contains(.id) && texts.contains(.userID)
        let hasNumbers = numbers.contains(.amount) && numbers.contains(.latitude) == numbers.contains(.longitude)
        isUsual =
            hasTexts && hasNumbers && !texts.contains(.latitude) && !texts.contains(.longitude)
            && !Field.allCases.contains { numbers.contains($0) && !numeric.contains($0) }
    }

    // MARK: Reading lines

    @inline(__always)
    private func slice(_ field: Field) -> ByteSlice { shape.slice(Int(field.rawValue)) }

    @inline(__always)
    private func number(_ field: Field) -> Double { shape.number(Int(field.rawValue)) }

    /// Appends the transaction of the line that was matched last. Returns false where some field does not take its
    /// value.
    @inline(__always)
    mutating func append(
        _ base: UnsafePointer<UInt8>, from start: Int, to next: Int, _ zone: TimeZoneRules, index: UInt64,
        to transactions: inout [Transaction]
    ) -> Bool {
        guard read(base, zone) else { return false }
        transaction.line = LineBounds(start: base + start, newline: base + next - 1).slice(in: base)
        transaction.lineIndex = UInt32(truncatingIfNeeded: index)
        transactions.append(transaction)
        return true
    }

    /// Makes the transaction of the line that was read last. Returns whether each value is one that its field takes.
    @inline(__always)
    private mutating func read(_ base: UnsafePointer<UInt8>, _ zone: TimeZoneRules) -> Bool {
        guard isUsual else { return readUnusual(base, zone) }
        let text = BatchText(base: base)
        // What no line of the layout has stays as it is in an empty transaction.
        transaction.id = slice(.id)
        transaction.userID = slice(.userID)
        guard Transaction.idLengths.contains(Int(transaction.id.count)),
            Transaction.idLengths.contains(Int(transaction.userID.count))
        else { return false }
        transaction.userHash = text.bytes(transaction.userID).stableHash
        if texts.contains(.type) {
            transaction.type = slice(.type)
            guard Transaction.typeLengths.contains(Int(transaction.type.count)) else { return false }
        }
        if texts.contains(.currency) {
            guard let currency = CurrencyCode(text.bytes(slice(.currency))) else { return false }
            transaction.currency = currency
        }
        transaction.amount = number(.amount)
        guard transaction.amount >= 0, let time = time(text, zone) else { return false }
        transaction.time = time
        if numbers.contains(.latitude) {
            let location = Location(latitude: number(.latitude), longitude: number(.longitude))
            guard Location.latitudes.contains(location.latitude), Location.longitudes.contains(location.longitude)
            else { return false }
            transaction.location = location
        }
        transaction.accountID = slice(.accountID)
        transaction.merchantID = slice(.merchantID)
        transaction.metadata = slice(.metadata)
        return true
    }

    @inline(__always)
    private func time(_ text: BatchText, _ zone: TimeZoneRules) -> EventTime? {
        guard numbers.contains(.time) else { return EventTime(text: text.bytes(slice(.time)), zone: zone) }
        let number = number(.time)
        let hasFraction = shape.hasFraction(Int(Field.time.rawValue))
        return hasFraction ? EventTime(real: number) : EventTime(integer: Int64(number))
    }

    /// With numbers as texts, or texts as numbers.
    @inline(never)
    private mutating func readUnusual(_ base: UnsafePointer<UInt8>, _ zone: TimeZoneRules) -> Bool {
        var builder = TransactionBuilder()
        let text = BatchText(base: base)
        for field in Field.allCases {
            let slice = slice(field)
            let bytes = text.bytes(slice)
            if texts.contains(field) {
                builder.set(field, text: slice, bytes: bytes, needsEscaping: false, zone: zone)
            } else if numbers.contains(field) {
                guard let number = ScannedNumber(whole: bytes) else { return false }
                builder.set(field, scanned: number, text, zone: zone)
            } else if nulls.contains(field) {
                builder.setNull(field)
            } else if objects.contains(field) {
                if field == .metadata { builder.setMetadata(slice) } else { builder.accept(field) }
            }
        }
        guard builder.finish() == nil else { return false }
        transaction = builder.transaction
        return true
    }
}
