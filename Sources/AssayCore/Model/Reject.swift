/// Why a line was rejected. The order is the order of the checks.
package enum RejectReason: UInt8, CaseIterable, Sendable {
    case lineTooLong, invalidUTF8, malformedJSON, malformedCSV, notAnObject, missingField, invalidField, duplicate
    case tooFarAhead, unknownTransaction

    /// The published code.
    package var code: StaticString {
        switch self {
        case .lineTooLong: "line_too_long"
        case .invalidUTF8: "invalid_utf8"
        case .malformedJSON: "malformed_json"
        case .malformedCSV: "malformed_csv"
        case .notAnObject: "not_an_object"
        case .missingField: "missing_field"
        case .invalidField: "invalid_field"
        case .duplicate: "duplicate"
        case .tooFarAhead: "too_far_ahead"
        case .unknownTransaction: "unknown_transaction"
        }
    }
}

extension RejectReason {
    /// The message of reasons that have only one.
    var message: StaticString {
        switch self {
        case .lineTooLong: "the line is longer than 1 MiB"
        case .invalidUTF8: "the line is not valid UTF-8"
        case .notAnObject: "the line is JSON, but not an object"
        case .duplicate: "the user's last 16 transactions include this transaction_id"
        case .tooFarAhead: "the time is too far ahead of all times so far"
        case .unknownTransaction: "the label is for a transaction that is not remembered"
        case .missingField: "is missing"
        case .malformedJSON: "the line is not JSON"
        case .malformedCSV: "the record is not RFC 4180 CSV"
        case .invalidField: "has no acceptable value"
        }
    }
}

/// A line that changed nothing, and why.
package struct Reject: Sendable {
    package var line = ByteSlice()
    /// Counted from the batch's first line.
    package var lineIndex: UInt32
    package var reason: RejectReason
    /// What is wrong, for people; the field's name precedes it.
    package var message: StaticString
    package var field: Field?
    /// What the field has.
    package var value: String?
    /// The same for fields of events that are not transactions.
    package var fieldName: String?
    /// The position in the line, for malformed text.
    package var position: UInt32?

    /// What is wrong, whole.
    package var sentence: String {
        let name = (field.map { "\($0.name)" } ?? fieldName).map { "\($0) " } ?? ""
        let value = value.map { ", not '\($0)'" } ?? ""
        return "\(name)\(message)\(value)" + (position.map { " at byte \($0 + 1) of the line" } ?? "")
    }

    /// A value as it is quoted: its beginning.
    static func shown(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        let text = String(decoding: bytes.prefix(quotedValueBytes), as: UTF8.self)
        return bytes.count > quotedValueBytes ? text + "…" : text
    }

    private static let quotedValueBytes = 40

    /// The most bytes of the line that a reject quotes.
    package static let quotedBytes = 4096
}

/// The fields that Assay reads, in the order of their checks.
package enum Field: UInt8, CaseIterable, Sendable {
    case id, userID, amount, time, type, currency, location, latitude, longitude, accountID, merchantID, metadata

    /// The name in the transaction schema; for the two coordinates, that of a CSV column.
    package var name: StaticString {
        switch self {
        case .id: "transaction_id"
        case .userID: "user_id"
        case .amount: "amount"
        case .time: "timestamp"
        case .type: "transaction_type"
        case .currency: "currency"
        case .location: "location"
        case .latitude: "location.latitude"
        case .longitude: "location.longitude"
        case .accountID: "account_id"
        case .merchantID: "merchant_id"
        case .metadata: "metadata"
        }
    }
}

/// Some of the fields, one bit each.
struct FieldSet: Equatable, Sendable {
    private var bits: UInt16 = 0

    init() {}

    init(_ fields: [Field]) {
        for field in fields { insert(field) }
    }

    private init(bits: UInt16) {
        self.bits = bits
    }

    static let required = FieldSet(bits: bit(.id) | bit(.userID) | bit(.amount) | bit(.time))

    @inline(__always)
    private static func bit(_ field: Field) -> UInt16 { 1 << UInt16(field.rawValue) }

    @inline(__always)
    func contains(_ field: Field) -> Bool { bits & Self.bit(field) != 0 }

    @inline(__always)
    func contains(all other: FieldSet) -> Bool { bits & other.bits == other.bits }

    @inline(__always)
    var isEmpty: Bool { bits == 0 }

    @inline(__always)
    mutating func insert(_ field: Field) { bits |= Self.bit(field) }

    @inline(__always)
    mutating func remove(_ field: Field) { bits &= ~Self.bit(field) }

    @inline(__always)
    mutating func subtract(_ other: FieldSet) { bits &= ~other.bits }
}
