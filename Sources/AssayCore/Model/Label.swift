/// Someone has found out whether a transaction was fraud.
package struct Label: Sendable {
    package var idHash: UInt64
    package var isFraud: Bool
    /// When it became known, where that is said.
    package var time: EventTime?
    package var id = ByteSlice()
    package var line = ByteSlice()
    /// Counted from the batch's first line.
    package var lineIndex: UInt32 = 0

    package init(idHash: UInt64, isFraud: Bool) {
        (self.idHash, self.isFraud) = (idHash, isFraud)
    }
}

/// What became of a label.
package enum LabelOutcome: Sendable {
    /// It says something new of its transaction.
    case taken
    /// It says what was known.
    case repeated
    /// Its transaction is not remembered.
    case unknown
}

/// The values that a field may have as a category or as the key of a memory of labels.
enum ShortValue {
    static let lengths = 1...128
}
