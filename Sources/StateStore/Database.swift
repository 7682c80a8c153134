import AssayCore
import CSQLite

/// One connection to a database, and its statements.
struct Database: ~Copyable {
    fileprivate let handle: OpaquePointer

    enum Access {
        case readOnly, readWrite, create
        /// Nobody changes the file meanwhile.
        case immutable
    }

    init(path: String, access: Access) throws(StoreError) {
        let flags =
            switch access {
            case .readOnly: SQLITE_OPEN_READONLY
            case .immutable: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
            case .readWrite: SQLITE_OPEN_READWRITE
            case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            }
        var opened: OpaquePointer?
        let name = access == .immutable ? Self.immutableAddress(path) : path
        // Each connection stays on one thread, so SQLite's own locks are not needed.
        let code = sqlite3_open_v2(name, &opened, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let opened else {
            let error = StoreError.of(opened, "opening \(path)")
            sqlite3_close_v2(opened)
            throw error
        }
        handle = opened
        sqlite3_busy_timeout(handle, 5000)
    }

    deinit {
        sqlite3_close_v2(handle)
    }

    /// The path as SQLite's addresses have it: whatever means something in an address is written in hexadecimal.
    private static func immutableAddress(_ path: String) -> String {
        let digits = Array("0123456789abcdef")
        let escaped = path.utf8.map { byte -> String in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF)
                || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".")
            return isPlain
                ? String(UnicodeScalar(byte)) : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }
        return "file:\(escaped.joined())?immutable=1"
    }

    /// Runs statements that return no rows.
    func execute(_ sql: String) throws(StoreError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw error("running '\(sql.prefix(60))'") }
    }

    func prepare(_ sql: String) throws(StoreError) -> Statement {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK,
            let statement
        else { throw error("preparing '\(sql.prefix(60))'") }
        return Statement(statement)
    }

    func error(_ operation: String) -> StoreError {
        StoreError.of(handle, operation)
    }

    /// Whether a transaction is open.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// The first column of the first row.
    func integer(_ sql: String) throws(StoreError) -> Int64? {
        var statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : nil
    }

    /// Copies the whole database as of one moment, while others continue to write it.
    func backUp(to path: String) throws(StoreError) {
        let target = try Database(path: path, access: .create)
        guard let backup = sqlite3_backup_init(target.handle, "main", handle, "main") else {
            throw target.error("copying to \(path)")
        }
        // All at once: the copy then belongs to one moment. Only its own thread waits for it.
        let stepped = sqlite3_backup_step(backup, -1)
        let finished = sqlite3_backup_finish(backup)
        guard stepped == SQLITE_DONE, finished == SQLITE_OK else { throw target.error("copying to \(path)") }
    }
}

/// A prepared statement. Values are bound, never written into SQL.
struct Statement: ~Copyable {
    private let handle: OpaquePointer
    private var nextIndex: Int32 = 1

    fileprivate init(_ handle: OpaquePointer) {
        self.handle = handle
    }

    deinit {
        // Its code repeats that of the last step, which was checked.
        sqlite3_finalize(handle)
    }

    private func error(_ operation: String) -> StoreError {
        let sql = sqlite3_sql(handle).map { String(cString: $0) } ?? ""
        return StoreError.of(sqlite3_db_handle(handle), "\(operation) '\(sql.prefix(60))'")
    }

    // MARK: Binding, in order of the parameters

    mutating func bind(_ value: Int64) throws(StoreError) {
        guard sqlite3_bind_int64(handle, nextIndex, value) == SQLITE_OK else { throw error("binding") }
        nextIndex += 1
    }

    mutating func bindNull() throws(StoreError) {
        guard sqlite3_bind_null(handle, nextIndex) == SQLITE_OK else { throw error("binding") }
        nextIndex += 1
    }

    mutating func bind(_ value: Double) throws(StoreError) {
        guard sqlite3_bind_double(handle, nextIndex, value) == SQLITE_OK else { throw error("binding") }
        nextIndex += 1
    }

    mutating func bind(_ value: UInt64) throws(StoreError) {
        try bind(Int64(bitPattern: value))
    }

    mutating func bind(_ value: String) throws(StoreError) {
        var value = value
        let code = value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                assay_bind_text(handle, nextIndex, $0.baseAddress, UInt64($0.count))
            }
        }
        guard code == SQLITE_OK else { throw error("binding") }
        nextIndex += 1
    }

    mutating func bind(_ value: [UInt8]) throws(StoreError) {
        let code = value.withUnsafeBytes { bytes in
            // A null address would be NULL.
            assay_bind_blob(handle, nextIndex, bytes.baseAddress ?? UnsafeRawPointer(handle), UInt64(bytes.count))
        }
        guard code == SQLITE_OK else { throw error("binding") }
        nextIndex += 1
    }

    // MARK: Running

    /// Returns true while there is a row.
    mutating func step() throws(StoreError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let error = error("running")
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Runs a statement that returns no row, and resets it.
    mutating func run() throws(StoreError) {
        _ = try step()
        reset()
    }

    mutating func reset() {
        // Its code repeats that of the last step, which was checked.
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
        nextIndex = 1
    }

    // MARK: The current row

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func unsigned(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }

    /// Nil for NULL.
    func double(_ column: Int32) -> Double? {
        sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : sqlite3_column_double(handle, column)
    }

    func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

    func blob(_ column: Int32) -> [UInt8] { Array(bytes(column)) }

    /// Valid until the next step.
    func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        // The address first: reading it may convert the value and change the count.
        let address = sqlite3_column_blob(handle, column)
        return UnsafeRawBufferPointer(start: address, count: Int(sqlite3_column_bytes(handle, column)))
    }
}
