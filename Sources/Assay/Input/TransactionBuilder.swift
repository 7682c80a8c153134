import CBytes

/// Puts one transaction together, field by field, in whatever order and however often they come: the last one counts.
struct TransactionBuilder {
    private(set) var transaction = Transaction()
    private var present: UInt16 = 0
    private var invalid: UInt16 = 0
    private var latitude = 0.0
    private var longitude = 0.0

    private static let requiredBits = Field.required.reduce(UInt16(0)) { $0 | bit($1) }

    @inline(__always)
    private static func bit(_ field: Field) -> UInt16 { 1 << UInt16(field.rawValue) }

    @inline(__always)
    mutating func accept(_ field: Field) {
        present |= Self.bit(field)
        invalid &= ~Self.bit(field)
    }

    @inline(__always)
    mutating func refuse(_ field: Field) {
        present |= Self.bit(field)
        invalid |= Self.bit(field)
    }

    mutating func forget(_ field: Field) {
        present &= ~Self.bit(field)
        invalid &= ~Self.bit(field)
    }

    /// A field given as text: a JSON string, the digits of a JSON integer, or a CSV cell. Behind the bytes stands
    /// something that belongs to no number.
    @inline(__always)
    mutating func set(
        _ field: Field, text slice: ByteSlice, bytes: UnsafeBufferPointer<UInt8>, needsEscaping: Bool,
        zone: TimeZoneRules
    ) {
        var fits = true
        switch field {
        case .id:
            transaction.id = slice
            transaction.traits.set(.idNeedsEscaping, needsEscaping)
            fits = Transaction.idLengths.contains(bytes.count)
        case .userID:
            transaction.userID = slice
            transaction.userHash = bytes.stableHash
            transaction.traits.set(.userIDNeedsEscaping, needsEscaping)
            fits = Transaction.idLengths.contains(bytes.count)
        case .type:
            transaction.type = slice
            fits = Transaction.typeLengths.contains(bytes.count)
        case .currency:
            if let code = CurrencyCode(bytes) { transaction.currency = code } else { fits = false }
        case .accountID: transaction.accountID = slice
        case .merchantID: transaction.merchantID = slice
        case .amount, .latitude, .longitude:
            if let number = Self.number(in: bytes) { return set(field, number: number) }
            fits = false
        case .time:
            if let time = EventTime(iso8601: bytes, zone: zone) { transaction.time = time } else { fits = false }
        case .location, .metadata: fits = false
        }
        if fits { accept(field) } else { refuse(field) }
    }

    @inline(__always)
    mutating func set(_ field: Field, number: ScannedNumber) {
        var fits = true
        switch field {
        case .amount:
            transaction.amount = number.value
            fits = transaction.amount >= 0 && transaction.amount.isFinite
        case .latitude:
            latitude = number.value
            fits = Location.latitudes.contains(latitude)
        case .longitude:
            longitude = number.value
            fits = Location.longitudes.contains(longitude)
        case .time:
            if let time = EventTime(number) { transaction.time = time } else { fits = false }
        default: fits = false
        }
        if fits { accept(field) } else { refuse(field) }
    }

    mutating func setMetadata(_ slice: ByteSlice) {
        transaction.metadata = slice
        accept(.metadata)
    }

    /// JSON's null: no value where the field may lack one.
    mutating func setNull(_ field: Field) {
        switch field {
        case .location: accept(field)
        case .accountID:
            transaction.accountID = ByteSlice()
            accept(field)
        case .merchantID:
            transaction.merchantID = ByteSlice()
            accept(field)
        case .metadata: setMetadata(ByteSlice())
        default: refuse(field)
        }
    }

    /// The finished transaction, or what keeps it from being one.
    @inline(__always)
    mutating func finish() -> (reason: RejectReason, field: Field)? {
        let latitudeGiven = present & Self.bit(.latitude) != 0
        let longitudeGiven = present & Self.bit(.longitude) != 0
        if latitudeGiven != longitudeGiven { refuse(.location) }
        guard present & Self.requiredBits == Self.requiredBits, invalid == 0 else { return firstProblem }
        if latitudeGiven { transaction.location = Location(latitude: latitude, longitude: longitude) }
        return nil
    }

    private var firstProblem: (reason: RejectReason, field: Field)? {
        for field in Field.allCases {
            if invalid & Self.bit(field) != 0 { return (.invalidField, field) }
            if Field.required.contains(field), present & Self.bit(field) == 0 { return (.missingField, field) }
        }
        return nil
    }

    mutating func place(line: ByteSlice, index: UInt32) {
        transaction.line = line
        transaction.lineIndex = index
    }

    /// The number that a text is, with nothing before or behind it.
    static func number(in bytes: UnsafeBufferPointer<UInt8>) -> ScannedNumber? {
        guard let start = bytes.baseAddress, !bytes.isEmpty, let number = ScannedNumber(at: start),
            number.end == start + bytes.count
        else { return nil }
        return number
    }
}

extension Field {
    /// What a value of this field has to be, for the person who reads the rejects.
    var expectation: StaticString {
        switch self {
        case .id, .userID: "must be a string of 1 to 128 bytes"
        case .amount: "must be a finite number of at least 0"
        case .time: "must be seconds, milliseconds, microseconds or ISO 8601, from 1970 to 9999"
        case .type: "must be a string of 1 to 64 bytes"
        case .currency: "must be a string of at most 8 bytes"
        case .location: "must be null or an object with both latitude and longitude"
        case .latitude: "must be a number from -90 to 90"
        case .longitude: "must be a number from -180 to 180"
        case .accountID, .merchantID: "must be a string or null"
        case .metadata: "must be an object or null"
        }
    }
}
