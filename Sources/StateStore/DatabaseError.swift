import AssayCore
import CSQLite

extension StoreError {
    static func of(_ handle: OpaquePointer?, _ operation: String) -> StoreError {
        let code = sqlite3_extended_errcode(handle)
        let message = String(cString: sqlite3_errmsg(handle))
        return StoreError(kind(code), operation, message, extendedCode: code)
    }

    private static func kind(_ extendedCode: Int32) -> Kind {
        switch extendedCode & 0xFF {
        // A violated constraint or type is as wrong as a broken page.
        case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_ERROR, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_SCHEMA: .damaged
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH: .cannotOpen
        default: .inputOutput
        }
    }
}
