import AssayCore
import CSQLite
import Glibc

/// The durable state of one folder: written by checkpoints, one transaction each.
///
/// @unchecked Sendable: one thread uses it at a time. Its creator hands it to the committing thread, and does not use
/// it again.
package final class StateStore: @unchecked Sendable {
    package static let format: Int64 = 4
    /// The size of a database page: one page of state and what SQLite adds.
    private static let pageBytes = 32768
    private static let pagesWrittenBackAtOnce = 1_000

    package let path: String
    let database: Database
    private var writing: CheckpointWriting

    /// Opens the state in a folder, or creates it.
    package convenience init(folder: String, functions: [(id: Int64, name: String)]) throws(StoreError) {
        try self.init(path: "\(folder)/state.db", functions: functions)
    }

    init(path: String, functions: [(id: Int64, name: String)]) throws(StoreError) {
        self.path = path
        database = try Database(path: path, access: .create)
        try Self.prepare(database, functions)
        writing = try CheckpointWriting(database)
    }

    private static func prepare(
        _ database: borrowing Database, _ functions: [(id: Int64, name: String)]
    ) throws(StoreError) {
        // The page size can only be chosen in an empty database.
        try database.execute("PRAGMA page_size = \(pageBytes)")
        try database.execute("PRAGMA journal_mode = WAL")
        try database.execute("PRAGMA synchronous = FULL")
        try database.execute("PRAGMA foreign_keys = ON")
        // Pages that are written often in between are written back once.
        try database.execute("PRAGMA wal_autocheckpoint = \(pagesWrittenBackAtOnce)")
        let tables = try database.integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table'") ?? 0
        if tables == 0 {
            try create(database, functions)
        } else {
            let found = try knownFormat(database)
            if found < format { try migrate(database, from: found) }
            try add(functions, to: database)
        }
    }

    private static func create(
        _ database: borrowing Database, _ functions: [(id: Int64, name: String)]
    ) throws(StoreError) {
        try database.execute("BEGIN IMMEDIATE")
        try database.execute(StateSchema.sql)
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var store = try database.prepare("INSERT INTO store (id, format, created_ms) VALUES (1, ?, ?)")
        try store.bind(format)
        try store.bind(Int64(now.tv_sec) * 1000)
        try store.run()
        for (id, name) in functions { try insert(id, name, into: database) }
        try database.execute("COMMIT")
    }

    private static func insert(_ id: Int64, _ name: String, into database: borrowing Database) throws(StoreError) {
        var function = try database.prepare("INSERT INTO process_function (id, name) VALUES (?, ?)")
        try function.bind(id)
        try function.bind(name)
        try function.run()
    }

    /// A state whose first function is here may get others beside it.
    private static func add(
        _ functions: [(id: Int64, name: String)], to database: borrowing Database
    ) throws(StoreError) {
        var known: Set<String> = []
        var statement = try database.prepare("SELECT name FROM process_function")
        while try statement.step() { known.insert(statement.text(0)) }
        guard let main = functions.first, known.contains(main.name) else { return }
        for (id, name) in functions where !known.contains(name) { try insert(id, name, into: database) }
    }

    /// The format of stored state that this version can read.
    static func knownFormat(_ database: borrowing Database) throws(StoreError) -> Int64 {
        guard let found = try database.integer("SELECT format FROM store WHERE id = 1") else {
            throw StoreError(.damaged, "reading the format", "the table 'store' is empty")
        }
        guard found <= format else {
            throw StoreError(
                .newerFormat, "reading the format", "the state has format \(found), this version reads \(format)")
        }
        return found
    }

    // MARK: Reading

    /// The process functions that keep this state.
    package func functionNames() throws(StoreError) -> [String] {
        var statement = try database.prepare("SELECT name FROM process_function ORDER BY id")
        var names: [String] = []
        while try statement.step() { names.append(statement.text(0)) }
        return names
    }

    /// The last checkpoint, nil before the first.
    package func lastCheckpoint() throws(StoreError) -> CheckpointRecord? {
        try CheckpointReading.last(database)
    }

    // MARK: Writing

    /// Commits in one transaction: all of it or nothing. An error leaves earlier commits untouched.
    package func commit(_ record: CheckpointRecord, _ changes: [LogChanges]) throws(StoreError) {
        try commit(record, changes) { () throws(StoreError) in }
    }

    /// `more`: what else belongs to it.
    func commit(
        _ record: CheckpointRecord, _ changes: [LogChanges], _ more: () throws(StoreError) -> Void
    ) throws(StoreError) {
        do throws(StoreError) {
            try database.execute("BEGIN IMMEDIATE")
            for change in changes { try write(change) }
            try write(record)
            try more()
            try database.execute("COMMIT")
        } catch {
            writing.reset()
            if database.isInTransaction {
                // If this fails, SQLite has rolled back already; the first error is the one to report.
                try? database.execute("ROLLBACK")
            }
            throw error
        }
    }

    func write(_ changes: LogChanges) throws(StoreError) { try writing.write(changes) }

    func write(_ record: CheckpointRecord) throws(StoreError) { try writing.write(record) }

    // MARK: Snapshots

    /// Makes a snapshot of a database in a folder, named by its last checkpoint, which it returns.
    package static func writeSnapshot(of path: String, in folder: String) throws(StoreError) -> Int64 {
        // A unique name, since another process may make a snapshot at the same time.
        let unfinished = "\(folder)/new.\(getpid()).unfinished"
        unlink(unfinished)
        var isFinished = false
        defer { if !isFinished { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(unfinished + suffix) } } }
        let source = try Database(path: path, access: .readOnly)
        try source.backUp(to: unfinished)
        try settle(unfinished)
        let view = try StateView(path: unfinished)
        // A copy of a damaged state would be taken for a valid backup.
        try view.verifyPages()
        guard let id = view.checkpoint?.id else {
            throw StoreError(.damaged, "making a snapshot", "there is no checkpoint in it")
        }
        guard rename(unfinished, "\(folder)/\(id).db") == 0 else {
            throw StoreError(.inputOutput, "naming '\(folder)/\(id).db'", String(cString: strerror(errno)))
        }
        isFinished = true
        return id
    }

    /// Copies the whole committed state to a file.
    package func writeSnapshot(to target: String) throws(StoreError) {
        let unfinished = target + ".unfinished"
        unlink(unfinished)
        let source = try Database(path: path, access: .readOnly)
        try source.backUp(to: unfinished)
        try Self.settle(unfinished)
        // Only a complete snapshot gets the final name.
        guard rename(unfinished, target) == 0 else {
            throw StoreError(.inputOutput, "naming '\(target)'", String(cString: strerror(errno)))
        }
    }

    /// A snapshot is a single file: no log beside it that could get lost.
    private static func settle(_ path: String) throws(StoreError) {
        let database = try Database(path: path, access: .readWrite)
        try database.execute("PRAGMA journal_mode = DELETE")
    }
}
