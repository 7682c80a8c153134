import CEL

/// What expressions over an assessment can name of its transaction, in the order of their slots.
package enum TransactionColumn: Int, CaseIterable, Sendable {
    case whole, id, userID, amount, currency, type, accountID, merchantID, latitude, longitude, metadata

    package var name: String {
        switch self {
        case .whole: "transaction"
        case .id: "transaction.transaction_id"
        case .userID: "transaction.user_id"
        case .amount: "transaction.amount"
        case .currency: "transaction.currency"
        case .type: "transaction.transaction_type"
        case .accountID: "transaction.account_id"
        case .merchantID: "transaction.merchant_id"
        case .latitude: "transaction.location.latitude"
        case .longitude: "transaction.location.longitude"
        case .metadata: "transaction.metadata"
        }
    }

    package var type: CEL.`Type` {
        switch self {
        case .whole, .metadata: .map(.string, .dyn)
        case .id, .userID, .currency, .type, .accountID, .merchantID: .string
        case .amount, .latitude, .longitude: .double
        }
    }

    package var slot: Int { RowSlots.firstTransaction + rawValue }

    init?(slot: Int) { self.init(rawValue: slot - RowSlots.firstTransaction) }
}

/// The fields of a transaction as its line has them, and whatever else is in the line.
struct TransactionFieldValues {
    let transaction: Transaction
    let text: BatchText
    /// Of the batch, if it is of CSV.
    let columns: CSVColumns?
    let defaultType: String

    func value(_ column: TransactionColumn) throws(EvaluationError) -> Value {
        switch column {
        case .whole:
            guard transaction.traits.contains(.isCSV) else { return JSONMembers(transaction.line, text).all }
            return Self.map(row?.members() ?? [])
        case .id: return .string(text.string(transaction.id))
        case .userID: return .string(text.string(transaction.userID))
        case .amount: return .double(transaction.amount)
        case .currency: return .string(String(decoding: transaction.currency.bytes, as: UTF8.self))
        case .type: return .string(transaction.type.isEmpty ? defaultType : text.string(transaction.type))
        case .accountID: return .string(text.string(transaction.accountID))
        case .merchantID: return .string(text.string(transaction.merchantID))
        case .latitude: return .double(try location().latitude)
        case .longitude: return .double(try location().longitude)
        case .metadata:
            if let row { return Self.map(row.members(under: "metadata.")) }
            return transaction.metadata.isEmpty ? Self.map([]) : JSONMembers(transaction.metadata, text).all
        }
    }

    private var row: CSVRow? {
        guard transaction.traits.contains(.isCSV), let columns else { return nil }
        return CSVRow(columns, text.bytes(transaction.line))
    }

    private func location() throws(EvaluationError) -> Location {
        guard let location = transaction.location else {
            throw EvaluationError(.noSuchKey, "the transaction has no location")
        }
        return location
    }

    private static func map(_ members: [(String, Value)]) -> Value {
        // The later one of two columns of one name stays.
        var known: Set<String> = []
        let entries = members.reversed().filter { known.insert($0.0).inserted }.map { (Value.string($0.0), $0.1) }
        return MapValue(entries).map(Value.map) ?? .null
    }
}
