/// What went wrong with the stored state.
package struct StoreError: Error, Equatable {
    package enum Kind: Equatable, Sendable {
        /// The bytes on disk are not what was written. Nothing may be scored on top of them.
        case damaged
        /// The state was written by a later version.
        case newerFormat
        /// Another process has it open.
        case inUse(pid: Int32?)
        /// The disk is full, or reading or writing failed; a retry may succeed.
        case inputOutput
        case cannotOpen
    }
    package let kind: Kind
    /// What was being done.
    package let operation: String
    /// SQLite's code, zero when it was not involved.
    package let extendedCode: Int32
    package let message: String

    package init(_ kind: Kind, _ operation: String, _ message: String, extendedCode: Int32 = 0) {
        self.kind = kind
        self.operation = operation
        self.message = message
        self.extendedCode = extendedCode
    }

    /// One line for standard error.
    package var description: String {
        "\(operation): \(message)" + (extendedCode == 0 ? "" : " (SQLite \(extendedCode))")
    }
}
