import CSQLite

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

    static func of(_ handle: OpaquePointer?, _ operation: String) -> StoreError {
        let code = sqlite3_extended_errcode(handle)
        let message = String(cString: sqlite3_errmsg(handle))
        return StoreError(kind(code), operation, message, extendedCode: code)
    }

    private static func kind(_ extendedCode: Int32) -> Kind {
        switch extendedCode & 0xFF {
        // A constraint or a type that does not hold is as wrong as a broken page.
        case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_ERROR, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_SCHEMA: .damaged
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH: .cannotOpen
        default: .inputOutput
        }
    }
}
