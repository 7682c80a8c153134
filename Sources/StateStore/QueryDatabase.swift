import AssayCore
import CSQLite
import Glibc

/// Runs SQL over tables whose rows are made as they are read. Nothing can be written, attached or loaded.
package final class QueryDatabase {
    private let handle: OpaquePointer
    private var definitions: [Definition] = []

    package init(_ tables: [QueryTable]) throws(StoreError) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX
        guard sqlite3_open_v2(":memory:", &opened, flags, nil) == SQLITE_OK, let opened else {
            defer { sqlite3_close_v2(opened) }
            throw StoreError.of(opened, "preparing the query")
        }
        handle = opened
        guard assay_make_defensive(handle) == SQLITE_OK, QueryFunctions.add(to: handle) else {
            throw StoreError.of(handle, "preparing the query")
        }
        for table in tables {
            definitions.append(Definition(table))
            let definition = Unmanaged.passRetained(definitions[definitions.count - 1])
            // SQLite releases the definition, even when this fails.
            let code = sqlite3_create_module_v2(handle, table.name, &Self.module, definition.toOpaque()) {
                Unmanaged<Definition>.fromOpaque($0!).release()
            }
            guard code == SQLITE_OK else { throw StoreError.of(handle, "creating the table '\(table.name)'") }
        }
        // SQLite declares each table at its first use, which the authorizer below would refuse.
        for table in tables {
            guard sqlite3_exec(handle, "SELECT 1 FROM \(table.name) LIMIT 0", nil, nil, nil) == SQLITE_OK else {
                throw StoreError.of(handle, "creating the table '\(table.name)'")
            }
        }
        guard sqlite3_set_authorizer(handle, Self.authorize, nil) == SQLITE_OK else {
            throw StoreError.of(handle, "preparing the query")
        }
    }

    deinit {
        sqlite3_close_v2(handle)
    }

    /// An invalid query, with SQLite's message.
    package struct QueryError: Error {
        package let message: String
    }

    /// Runs one query: passes on the names of its columns, then each row.
    package func run(
        _ sql: String, columns: ([String]) -> Void, row: ([QueryValue]) throws -> Void
    ) throws {
        var statement: OpaquePointer?
        var isWholeText = false
        let code = sql.withCString { text in
            var tail: UnsafePointer<CChar>?
            let code = sqlite3_prepare_v2(handle, text, -1, &statement, &tail)
            isWholeText = tail.map { $0.pointee == 0 || Self.isBlank($0) } ?? true
            return code
        }
        defer { sqlite3_finalize(statement) }
        guard code == SQLITE_OK else { throw QueryError(message: String(cString: sqlite3_errmsg(handle))) }
        guard let statement else { throw QueryError(message: "there is no query in it") }
        guard isWholeText else { throw QueryError(message: "only one statement is run at a time") }
        let count = sqlite3_column_count(statement)
        columns((0..<count).map { String(cString: sqlite3_column_name(statement, $0)) })
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: try row((0..<count).map { Self.value(statement, $0) })
            case SQLITE_DONE: return
            default:
                for definition in definitions { if let failure = definition.failure { throw failure } }
                throw QueryError(message: String(cString: sqlite3_errmsg(handle)))
            }
        }
    }

    private static func isBlank(_ text: UnsafePointer<CChar>) -> Bool {
        String(cString: text).allSatisfy { $0.isWhitespace || $0 == ";" }
    }

    private static func value(_ statement: OpaquePointer, _ column: Int32) -> QueryValue {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_NULL: return .null
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, column))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(statement, column))
        default:
            let address = sqlite3_column_blob(statement, column)
            let bytes = UnsafeRawBufferPointer(start: address, count: Int(sqlite3_column_bytes(statement, column)))
            return .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Allows reading and computing, and nothing else.
    private static let authorize:
        @convention(c) (
            UnsafeMutableRawPointer?, Int32, UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<CChar>?,
            UnsafePointer<CChar>?
        ) -> Int32 = { _, action, _, _, _, _ in
            switch action {
            case SQLITE_SELECT, SQLITE_READ, SQLITE_FUNCTION, SQLITE_RECURSIVE: SQLITE_OK
            default: SQLITE_DENY
            }
        }

    // MARK: The tables in SQLite's form

    fileprivate final class Definition {
        let table: QueryTable
        /// What went wrong with its rows; SQLite only passes on the message.
        var failure: StoreError?

        init(_ table: QueryTable) {
            self.table = table
        }

        /// The declaration that SQLite expects.
        var declaration: String {
            "CREATE TABLE x(" + table.columns.map { "\"\($0.name)\"" }.joined(separator: ", ") + ")"
        }
    }

    /// SQLite's part comes first, ours after it.
    fileprivate struct Table {
        var base = sqlite3_vtab()
        let definition: Unmanaged<Definition>
    }

    fileprivate struct Cursor {
        var base = sqlite3_vtab_cursor()
        let definition: Unmanaged<Definition>
        var rows: QueryRows?
        var isAtEnd = true
        var number: Int64 = 0
    }

    private static let oneUser: Int32 = 1

    // SQLite keeps its address and only reads it.
    nonisolated(unsafe) private static var module: sqlite3_module = {
        var module = sqlite3_module()
        // Without a way to create them, the tables simply exist.
        module.xConnect = { database, context, _, _, table, _ in
            let definition = Unmanaged<Definition>.fromOpaque(context!)
            let code = sqlite3_declare_vtab(database, definition.takeUnretainedValue().declaration)
            guard code == SQLITE_OK else { return code }
            let made = UnsafeMutablePointer<Table>.allocate(capacity: 1)
            made.initialize(to: Table(definition: definition))
            table!.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab.self)
            return SQLITE_OK
        }
        module.xDisconnect = { table in
            UnsafeMutableRawPointer(table!).assumingMemoryBound(to: Table.self).deallocate()
            return SQLITE_OK
        }
        module.xBestIndex = { table, plan in
            QueryDatabase.plan(table!.withTable { $0.pointee.definition.takeUnretainedValue().table }, plan!)
        }
        module.xOpen = { table, cursor in
            let made = UnsafeMutablePointer<Cursor>.allocate(capacity: 1)
            made.initialize(to: Cursor(definition: table!.withTable { $0.pointee.definition }))
            cursor!.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab_cursor.self)
            return SQLITE_OK
        }
        module.xClose = { cursor in
            cursor!.withCursor { cursor in
                cursor.deinitialize(count: 1)
                cursor.deallocate()
            }
            return SQLITE_OK
        }
        module.xFilter = { cursor, plan, _, count, values in
            let user = plan == QueryDatabase.oneUser && count == 1 ? QueryDatabase.text(values![0]!) : nil
            return cursor!.attempt { cursor throws(StoreError) in
                let rows = try cursor.pointee.definition.takeUnretainedValue().table.rows(user)
                cursor.pointee.rows = rows
                cursor.pointee.number = 0
                cursor.pointee.isAtEnd = try !rows.advance()
            }
        }
        module.xNext = { cursor in
            cursor!.attempt { cursor throws(StoreError) in
                cursor.pointee.number += 1
                cursor.pointee.isAtEnd = try !(cursor.pointee.rows?.advance() ?? false)
            }
        }
        module.xEof = { cursor in cursor!.withCursor { $0.pointee.isAtEnd ? 1 : 0 } }
        module.xColumn = { cursor, context, column in
            cursor!.attempt { cursor throws(StoreError) in
                switch try cursor.pointee.rows?.value(Int(column)) ?? .null {
                case .null: sqlite3_result_null(context)
                case .integer(let number): sqlite3_result_int64(context, number)
                case .real(let number): sqlite3_result_double(context, number)
                case .text(var text):
                    text.withUTF8 { bytes in
                        bytes.withMemoryRebound(to: CChar.self) {
                            assay_result_text(context, $0.baseAddress, UInt64($0.count))
                        }
                    }
                }
            }
        }
        module.xRowid = { cursor, number in
            number!.pointee = cursor!.withCursor { $0.pointee.number }
            return SQLITE_OK
        }
        return module
    }()

    /// Plans for all rows, or those of the user whose id the query gives.
    private static func plan(_ table: QueryTable, _ plan: UnsafeMutablePointer<sqlite3_index_info>) -> Int32 {
        plan.pointee.estimatedCost = Double(table.estimatedRows)
        plan.pointee.estimatedRows = table.estimatedRows
        guard table.hasUsers else { return SQLITE_OK }
        for index in 0..<Int(plan.pointee.nConstraint) {
            let constraint = plan.pointee.aConstraint[index]
            guard constraint.usable != 0, constraint.iColumn == 0,
                constraint.op == UInt8(SQLITE_INDEX_CONSTRAINT_EQ),
                // With a collation other than the bytes' order, several users may match.
                let collation = sqlite3_vtab_collation(plan, Int32(index)), strcmp(collation, "BINARY") == 0
            else { continue }
            // SQLite compares again: the value may not be a text.
            plan.pointee.aConstraintUsage[index].argvIndex = 1
            plan.pointee.idxNum = oneUser
            plan.pointee.estimatedCost = 10
            plan.pointee.estimatedRows = 4
            break
        }
        return SQLITE_OK
    }

    private static func text(_ value: OpaquePointer) -> String {
        let address = sqlite3_value_blob(value)
        return String(
            decoding: UnsafeRawBufferPointer(start: address, count: Int(sqlite3_value_bytes(value))), as: UTF8.self)
    }
}

extension UnsafeMutablePointer<sqlite3_vtab> {
    fileprivate func withTable<Result>(_ body: (UnsafeMutablePointer<QueryDatabase.Table>) -> Result) -> Result {
        body(UnsafeMutableRawPointer(self).assumingMemoryBound(to: QueryDatabase.Table.self))
    }
}

extension UnsafeMutablePointer<sqlite3_vtab_cursor> {
    fileprivate func withCursor<Result>(_ body: (UnsafeMutablePointer<QueryDatabase.Cursor>) -> Result) -> Result {
        body(UnsafeMutableRawPointer(self).assumingMemoryBound(to: QueryDatabase.Cursor.self))
    }

    /// Reports an error to SQLite, which passes it on as its own.
    fileprivate func attempt(
        _ body: (UnsafeMutablePointer<QueryDatabase.Cursor>) throws(StoreError) -> Void
    ) -> Int32 {
        do throws(StoreError) {
            try body(UnsafeMutableRawPointer(self).assumingMemoryBound(to: QueryDatabase.Cursor.self))
            return SQLITE_OK
        } catch {
            withCursor { $0.pointee.definition.takeUnretainedValue().failure = error }
            let message = error.description
            let copy = sqlite3_malloc64(UInt64(message.utf8.count + 1))?.assumingMemoryBound(to: CChar.self)
            if let copy { strcpy(copy, message) }
            sqlite3_free(pointee.pVtab.pointee.zErrMsg)
            pointee.pVtab.pointee.zErrMsg = copy
            return SQLITE_ERROR
        }
    }
}
