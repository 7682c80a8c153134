/// What went wrong with the stored state.
package struct StoreError: Error, Equatable {
    package enum Kind: Equatable, Sendable {
        /// The bytes on disk are not what was written. Nothing may be scored over it.
        case damaged
        /// Written by a later version.
        case newerFormat
        /// Somebody else has it.
        case inUse(pid: Int32?)
        /// The disk is full, or reading or writing failed; it may go better later.
        case inputOutput
        case cannotOpen
    }
    package let kind: Kind
    /// What was being done.
    package let operation: String
    /// Of SQLite, zero when it was not asked.
    package let extendedCode: Int32
    package let message: String

    package init(_ kind: Kind, _ operation: String, _ message: String, extendedCode: Int32 = 0) {
        self.kind = kind
        self.operation = operation
        self.message = message
        self.extendedCode = extendedCode
    }

    /// For one line on standard error.
    package var description: String {
        "\(operation): \(message)" + (extendedCode == 0 ? "" : " (SQLite \(extendedCode))")
    }
}
