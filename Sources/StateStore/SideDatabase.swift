import AssayCore

/// A database of its own beside a state, written ahead: those who use it have a connection each, and none waits for
/// another longer than one small transaction takes.
///
/// @unchecked Sendable: one thread uses it at a time. Its creator hands it to another, and does not use it again.
package class SideDatabase: @unchecked Sendable {
    package let path: String
    private let database: Database
    /// Prepared once: they are run again and again.
    private var statements: [String: PreparedStatement] = [:]

    private static let mostStatements = 100

    private final class PreparedStatement {
        var statement: Statement
        init(_ statement: consuming Statement) { self.statement = statement }
    }

    package enum Access {
        /// A run, and what belongs to it. Makes the file.
        case use
        /// Somebody who looks.
        case read
        /// Somebody who changes what is there.
        case change
    }

    /// `schema` makes everything and sets `user_version` to the format.
    init(path: String, _ access: Access, format: Int64, schema: String) throws(StoreError) {
        self.path = path
        switch access {
        case .use: database = try Database(path: path, access: .create)
        case .read: database = try Database(path: path, access: .readOnly)
        case .change: database = try Database(path: path, access: .readWrite)
        }
        if access == .use {
            try database.execute("PRAGMA journal_mode = WAL")
            // A crash of the machine may undo the last commits, which are made again from the last checkpoint; what a
            // checkpoint counts on is synced before it. See `change`.
            try database.execute("PRAGMA synchronous = NORMAL")
        }
        let found = try database.integer("PRAGMA user_version") ?? 0
        guard found == 0 || found == format else {
            throw StoreError(.newerFormat, "opening \(path)", "its format \(found) is not known")
        }
        if found == 0 {
            guard access == .use else { throw StoreError(.cannotOpen, "opening \(path)", "there is nothing in it") }
            try database.execute(schema)
        }
    }

    // MARK: Running statements

    func run(_ sql: String, _ bind: (inout Statement) throws(StoreError) -> Void) throws(StoreError) {
        let prepared = try prepared(sql)
        defer { prepared.statement.reset() }
        try bind(&prepared.statement)
        _ = try prepared.statement.step()
    }

    /// Calls `read` for each row until it returns false.
    func query(
        _ sql: String, _ bind: (inout Statement) throws(StoreError) -> Void, _ read: (borrowing Statement) -> Bool
    ) throws(StoreError) {
        let prepared = try prepared(sql)
        defer { prepared.statement.reset() }
        try bind(&prepared.statement)
        while try prepared.statement.step() { if !read(prepared.statement) { return } }
    }

    private func prepared(_ sql: String) throws(StoreError) -> PreparedStatement {
        if let known = statements[sql] { return known }
        // Conditions that people choose make more of them than anyone needs again.
        if statements.count >= Self.mostStatements { statements.removeAll() }
        let prepared = PreparedStatement(try database.prepare(sql))
        statements[sql] = prepared
        return prepared
    }

    func integer(
        _ sql: String, _ bind: (inout Statement) throws(StoreError) -> Void = { _ throws(StoreError) in }
    ) throws(StoreError) -> Int64? {
        var found: Int64?
        try query(sql, bind) { statement in
            found = statement.integer(0)
            return false
        }
        return found
    }

    // MARK: Transactions

    /// Changes all of something or nothing.
    /// `isDurable`: it and everything before survives a crash of the machine.
    package func change(
        isDurable: Bool = false, _ body: () throws(StoreError) -> Void
    ) throws(StoreError) {
        // The log is synced as a whole: the commits before, too.
        if isDurable { try database.execute("PRAGMA synchronous = FULL") }
        do throws(StoreError) {
            try database.execute("BEGIN IMMEDIATE")
            try body()
            try database.execute("COMMIT")
            if isDurable { try database.execute("PRAGMA synchronous = NORMAL") }
        } catch {
            // The first error is the one to tell, and an open transaction ends with its connection at the latest.
            if database.isInTransaction { try? database.execute("ROLLBACK") }
            throw error
        }
    }

    /// Writes the file anew, without anything that was deleted.
    func compact() throws(StoreError) {
        try database.execute("VACUUM")
        try database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }
}
