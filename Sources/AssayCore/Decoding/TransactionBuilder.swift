import CBytes
import CivilTime

/// Builds one transaction field by field, in any order and with repetitions: the last value counts.
struct TransactionBuilder {
    private(set) var transaction = Transaction()
    private var present = FieldSet()
    private var invalid = FieldSet()
    private var latitude = 0.0
    private var longitude = 0.0

    init(isCSV: Bool = false) {
        transaction.traits.set(.isCSV, isCSV)
    }

    @inline(__always)
    mutating func accept(_ field: Field) {
        present.insert(field)
        invalid.remove(field)
    }

    @inline(__always)
    mutating func refuse(_ field: Field) {
        present.insert(field)
        invalid.insert(field)
    }

    @inline(__always)
    mutating func forget(_ fields: FieldSet) {
        present.subtract(fields)
        invalid.subtract(fields)
    }

    // MARK: The fields that nearly every transaction has

    @inline(__always)
    private mutating func note(_ field: Field, fits: Bool) {
        if fits { accept(field) } else { refuse(field) }
    }

    @inline(__always)
    mutating func setID(_ slice: ByteSlice, needsEscaping: Bool) {
        transaction.id = slice
        transaction.traits.set(.idNeedsEscaping, needsEscaping)
        note(.id, fits: Transaction.idLengths.contains(Int(slice.count)))
    }

    @inline(__always)
    mutating func setUserID(_ slice: ByteSlice, bytes: UnsafeBufferPointer<UInt8>, needsEscaping: Bool) {
        transaction.userID = slice
        transaction.userHash = bytes.stableHash
        transaction.traits.set(.userIDNeedsEscaping, needsEscaping)
        note(.userID, fits: Transaction.idLengths.contains(bytes.count))
    }

    @inline(__always)
    mutating func setType(_ slice: ByteSlice) {
        transaction.type = slice
        note(.type, fits: Transaction.typeLengths.contains(Int(slice.count)))
    }

    @inline(__always)
    mutating func setCurrency(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let code = CurrencyCode(bytes) else { return refuse(.currency) }
        transaction.currency = code
        accept(.currency)
    }

    @inline(__always)
    mutating func setAccountID(_ slice: ByteSlice) {
        transaction.accountID = slice
        accept(.accountID)
    }

    @inline(__always)
    mutating func setMerchantID(_ slice: ByteSlice) {
        transaction.merchantID = slice
        accept(.merchantID)
    }

    @inline(__always)
    mutating func setAmount(_ amount: Double) {
        transaction.amount = amount
        note(.amount, fits: amount >= 0 && amount.isFinite)
    }

    @inline(__always)
    mutating func setTime(_ time: EventTime?) {
        guard let time else { return refuse(.time) }
        transaction.time = time
        accept(.time)
    }

    @inline(__always)
    mutating func setLatitude(_ degrees: Double) {
        latitude = degrees
        note(.latitude, fits: Location.latitudes.contains(degrees))
    }

    @inline(__always)
    mutating func setLongitude(_ degrees: Double) {
        longitude = degrees
        note(.longitude, fits: Location.longitudes.contains(degrees))
    }

    // MARK: Any field

    /// Sets a field from text: a JSON string, the digits of a JSON integer, or a CSV cell. The byte after it must not
    /// belong to a number.
    mutating func set(
        _ field: Field, text slice: ByteSlice, bytes: UnsafeBufferPointer<UInt8>, needsEscaping: Bool,
        zone: TimeZoneRules
    ) {
        switch field {
        case .id: setID(slice, needsEscaping: needsEscaping)
        case .userID: setUserID(slice, bytes: bytes, needsEscaping: needsEscaping)
        case .type: setType(slice)
        case .currency: setCurrency(bytes)
        case .accountID: setAccountID(slice)
        case .merchantID: setMerchantID(slice)
        case .amount, .latitude, .longitude:
            guard let number = ScannedNumber(whole: bytes) else { return refuse(field) }
            set(field, number: number)
        case .time: setTime(EventTime(text: bytes, zone: zone))
        case .location, .metadata: refuse(field)
        }
    }

    /// Sets a field from a number, which some fields don't accept.
    mutating func set(_ field: Field, number: ScannedNumber) {
        switch field {
        case .amount: setAmount(number.value)
        case .latitude: setLatitude(number.value)
        case .longitude: setLongitude(number.value)
        case .time: setTime(EventTime(number))
        default: refuse(field)
        }
    }

    /// Sets a field from a number of JSON, which is a text where the field is one and the number an integer.
    mutating func set(_ field: Field, scanned number: ScannedNumber, _ text: BatchText, zone: TimeZoneRules) {
        switch field {
        case .amount, .time, .latitude, .longitude: set(field, number: number)
        default:
            guard number.isInteger else { return refuse(field) }
            let slice = ByteSlice(number.start, count: number.end - number.start, in: text.base)
            set(field, text: slice, bytes: text.bytes(slice), needsEscaping: false, zone: zone)
        }
    }

    mutating func setMetadata(_ slice: ByteSlice) {
        transaction.metadata = slice
        accept(.metadata)
    }

    /// Sets a field to JSON's null: no value, if the field may lack one.
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

    func isValid(_ field: Field) -> Bool { present.contains(field) && !invalid.contains(field) }

    /// Returns why the transaction is invalid, if it is.
    @inline(__always)
    mutating func finish() -> (reason: RejectReason, field: Field)? {
        let latitudeGiven = present.contains(.latitude)
        if latitudeGiven != present.contains(.longitude) { refuse(.location) }
        guard present.contains(all: .required), invalid.isEmpty else { return firstProblem }
        if latitudeGiven { transaction.location = Location(latitude: latitude, longitude: longitude) }
        return nil
    }

    /// Whether the amount is refused because it is negative.
    var isRefund: Bool { invalid.contains(.amount) && transaction.amount < 0 && transaction.amount.isFinite }

    /// Takes a negative amount for what it is, if that is wanted. Returns the problem that is left.
    @inline(never)
    mutating func takeRefund(
        _ sign: AmountSign, _ problem: (reason: RejectReason, field: Field), _ text: inout InputText
    ) -> (reason: RejectReason, field: Field)? {
        guard sign != .reject, isRefund else { return problem }
        setAmount(-transaction.amount)
        if sign == .refund {
            setType(
                text.appendUnescaped { room in
                    for (index, byte) in AmountSign.refundType.utf8.enumerated() { room[index] = byte }
                    return AmountSign.refundType.utf8.count
                })
        }
        return finish()
    }

    private var firstProblem: (reason: RejectReason, field: Field)? {
        for field in Field.allCases {
            if invalid.contains(field) { return (.invalidField, field) }
            if FieldSet.required.contains(field), !present.contains(field) { return (.missingField, field) }
        }
        return nil
    }

    mutating func place(line: ByteSlice, index: UInt32) {
        transaction.line = line
        transaction.lineIndex = index
    }
}

extension TransactionBuilder {
    /// What is wrong with a transaction that has a problem, for readers of the rejects.
    func message(of problem: (reason: RejectReason, field: Field)) -> StaticString {
        if problem.reason == .missingField { return problem.reason.message }
        if problem.field == .amount, isRefund {
            return "must be at least 0 unless 'amount_sign' takes refunds"
        }
        return problem.field.expectation
    }
}

extension Field {
    /// The valid values of this field, for readers of the rejects.
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
