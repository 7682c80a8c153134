import AssayCore
import CSQLite

/// A value of a table's row.
package enum TableValue: Sendable {
    case null
    case int(Int64)
    case double(Double)
    case text(String)
    case bytes([UInt8])
}

/// A foreign database whose tables get rows, each exactly once.
///
/// Each delivery counts its rows in the transaction that inserts them. A run that resumes after a crash asks for that
/// count and skips as many rows: nothing is lost and nothing is duplicated.
///
/// @unchecked Sendable: one thread uses it at a time. Its creator hands it to the writing thread, and does not use it
/// again.
package final class TableStore: @unchecked Sendable {
    package let path: String
    private let database: Database
    private var insertions: [String: Insertion] = [:]
    /// Whether there are rows that are not visible yet.
    package private(set) var isHolding = false

    private final class Insertion {
        var statement: Statement
        var delivery: Statement
        let id: String
        let table: String
        var rows: Int64
        var isChanged = false

        init(_ statement: consuming Statement, delivery: consuming Statement, id: String, table: String, rows: Int64) {
            self.statement = statement
            self.delivery = delivery
            self.id = id
            self.table = table
            self.rows = rows
        }
    }

    package init(path: String) throws(StoreError) {
        self.path = path
        database = try Database(path: path, access: .create)
        // Readers of the tables do not block writers.
        try database.execute("PRAGMA journal_mode = WAL")
        try database.execute("PRAGMA synchronous = FULL")
    }

    /// Names can't be bound.
    private static func quoted(_ name: String) -> String {
        "\"\(name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
    }

    // MARK: Reading

    /// The columns of a table; none when there is no such table.
    package func columns(of table: String) throws(StoreError) -> [String] {
        var statement = try database.prepare("SELECT name FROM pragma_table_info(?)")
        try statement.bind(table)
        var names: [String] = []
        while try statement.step() { names.append(statement.text(0)) }
        return names
    }

    package func hasRows(_ table: String) throws(StoreError) -> Bool {
        try database.integer("SELECT EXISTS (SELECT 1 FROM \(Self.quoted(table)))") == 1
    }

    /// The number of rows that a delivery has inserted; nil for an unknown delivery.
    package func delivered(_ id: String) throws(StoreError) -> Int64? {
        guard try !columns(of: Self.deliveries).isEmpty else { return nil }
        var statement = try database.prepare("SELECT rows FROM \(Self.deliveries) WHERE id = ?")
        try statement.bind(id)
        return try statement.step() ? statement.integer(0) : nil
    }

    package static let deliveries = "assay_delivery"

    // MARK: Creating

    /// `columns`: names with SQLite's types.
    package func createTable(
        _ table: String, columns: [(name: String, type: String)], indexes: [String]
    ) throws(StoreError) {
        let declared = columns.map { "\(Self.quoted($0.name)) \($0.type)" }.joined(separator: ", ")
        try database.execute("CREATE TABLE IF NOT EXISTS \(Self.quoted(table)) (\(declared))")
        for index in indexes {
            try database.execute(
                // No table's name has a dot.
                "CREATE INDEX IF NOT EXISTS \(Self.quoted("\(table).\(index)")) "
                    + "ON \(Self.quoted(table)) (\(Self.quoted(index)))")
        }
        try database.execute(
            "CREATE TABLE IF NOT EXISTS \(Self.deliveries) "
                + "(id TEXT PRIMARY KEY, table_name TEXT NOT NULL, rows INTEGER NOT NULL) STRICT, WITHOUT ROWID")
    }

    /// Empties a table for a new delivery.
    package func clear(_ table: String) throws(StoreError) {
        try database.execute("BEGIN IMMEDIATE")
        try database.execute("DELETE FROM \(Self.quoted(table))")
        var statement = try database.prepare("DELETE FROM \(Self.deliveries) WHERE table_name = ?")
        try statement.bind(table)
        try statement.run()
        try database.execute("COMMIT")
    }

    /// Prepares for rows of a delivery that has inserted this many.
    package func open(
        _ table: String, columns: [String], delivery id: String, rows: Int64
    ) throws(StoreError) {
        let names = columns.map(Self.quoted).joined(separator: ", ")
        let places = columns.map { _ in "?" }.joined(separator: ", ")
        let insertion = try database.prepare(
            "INSERT INTO \(Self.quoted(table)) (\(names)) VALUES (\(places))")
        let delivery = try database.prepare(
            "INSERT INTO \(Self.deliveries) (id, table_name, rows) VALUES (?, ?, ?) "
                + "ON CONFLICT (id) DO UPDATE SET rows = excluded.rows")
        insertions[table] = Insertion(insertion, delivery: delivery, id: id, table: table, rows: rows)
    }

    // MARK: Rows

    package func insert(_ values: [TableValue], into table: String) throws(StoreError) {
        guard let insertion = insertions[table] else { preconditionFailure("the table was opened") }
        if !isHolding {
            try database.execute("BEGIN IMMEDIATE")
            isHolding = true
        }
        for value in values {
            switch value {
            case .null: try insertion.statement.bindNull()
            case .int(let int): try insertion.statement.bind(int)
            case .double(let double): try insertion.statement.bind(double)
            case .text(let text): try insertion.statement.bind(text)
            case .bytes(let bytes): try insertion.statement.bind(bytes)
            }
        }
        try insertion.statement.run()
        insertion.rows += 1
        insertion.isChanged = true
    }

    /// Makes everything so far visible and durable, in all tables together.
    package func commit() throws(StoreError) {
        guard isHolding else { return }
        for insertion in insertions.values where insertion.isChanged {
            try insertion.delivery.bind(insertion.id)
            try insertion.delivery.bind(insertion.table)
            try insertion.delivery.bind(insertion.rows)
            try insertion.delivery.run()
            insertion.isChanged = false
        }
        try database.execute("COMMIT")
        isHolding = false
    }
}
