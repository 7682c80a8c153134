import CSQLite
import Glibc

/// The durable state of one folder: written by checkpoints, one transaction each.
///
/// @unchecked Sendable: it is used by one thread at a time. Whoever opens it hands it to the thread that commits, and
/// does not touch it again.
package final class StateStore: @unchecked Sendable {
    package static let format: Int64 = 2
    /// So many checkpoints are listed.
    static let keptCheckpoints = 100
    /// A page of the database, with room for one page of state and what SQLite adds.
    private static let pageBytes = 32768
    private static let pagesWrittenBackAtOnce = 1_000

    package let path: String
    let database: Database
    private var insertPage: Statement
    private var deletePages: Statement
    private var insertCheckpoint: Statement
    private var insertInput: Statement
    private var insertOutput: Statement
    private var insertTally: Statement
    private var deleteCheckpoints: Statement

    /// Opens the state in a folder, or makes it.
    package convenience init(folder: String, functions: [(id: Int64, name: String)]) throws(StoreError) {
        try self.init(path: "\(folder)/state.db", functions: functions)
    }

    init(path: String, functions: [(id: Int64, name: String)]) throws(StoreError) {
        self.path = path
        database = try Database(path: path, access: .create)
        try Self.prepare(database, functions)
        insertPage = try database.prepare(
            "INSERT INTO state_page (id, function, entry_count, entries, checksum) VALUES (?, ?, ?, ?, ?)")
        deletePages = try database.prepare("DELETE FROM state_page WHERE id < ?")
        insertCheckpoint = try database.prepare(
            """
            INSERT INTO checkpoint (id, taken_ms, reason, sequence, event_time_ms, keys, first_page, page_count,
                page_sum, keys_written, bytes_written, duration_us, configuration, checksum)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        insertInput = try database.prepare(
            """
            INSERT INTO input_position (checkpoint, input, path, byte_offset, line, ends_inside_line, head, chain,
                previous, partial, format, csv_header) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        insertOutput = try database.prepare(
            "INSERT INTO output_length (checkpoint, output, path, byte_length) VALUES (?, ?, ?, ?)")
        insertTally = try database.prepare("INSERT INTO tally (checkpoint, name, count) VALUES (?, ?, ?)")
        deleteCheckpoints = try database.prepare("DELETE FROM checkpoint WHERE id <= ?")
    }

    private static func prepare(
        _ database: borrowing Database, _ functions: [(id: Int64, name: String)]
    ) throws(StoreError) {
        // The size of pages can only be chosen before there are any.
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
            try migrate(database)
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
        var function = try database.prepare("INSERT INTO process_function (id, name) VALUES (?, ?)")
        for (id, name) in functions {
            try function.bind(id)
            try function.bind(name)
            try function.run()
        }
        try database.execute("COMMIT")
    }

    /// Brings older state to the present format, all of it or nothing.
    private static func migrate(_ database: borrowing Database) throws(StoreError) {
        guard try knownFormat(database) < format else { return }
        try database.execute("BEGIN IMMEDIATE")
        try database.execute(StateSchema.audit)
        try database.execute("UPDATE store SET format = \(format)")
        try database.execute("COMMIT")
    }

    /// The format of stored state that this version can read.
    static func knownFormat(_ database: borrowing Database) throws(StoreError) -> Int64 {
        guard let found = try database.integer("SELECT format FROM store WHERE id = 1") else {
            throw StoreError(.damaged, "reading the format", "the table 'store' is empty")
        }
        guard found <= format else {
            throw StoreError(
                .newerFormat, "reading the format", "the state has format \(found), this version knows \(format)")
        }
        return found
    }

    // MARK: Reading

    /// The process functions whose state this is.
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

    /// Calls `body` with each page of keyed state, the newest first, after having verified its checksum.
    ///
    /// The pages as a whole are compared with what the checkpoint says of them, so a page that is missing, or
    /// another's, is damage too.
    package func readPages(
        of record: CheckpointRecord,
        _ body: (Int64, _ entryCount: Int64, UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        try Self.readPages(of: record, database, body)
    }

    static func readPages(
        of record: CheckpointRecord, _ database: borrowing Database,
        _ body: (Int64, _ entryCount: Int64, UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        var statement = try database.prepare(
            "SELECT id, function, entry_count, entries, checksum FROM state_page ORDER BY id DESC")
        var expected = record.firstPage + record.pageCount
        var sum: UInt64 = 0
        while try statement.step() {
            expected -= 1
            guard statement.integer(0) == expected else {
                throw StoreError(.damaged, "reading page \(expected)", "it is missing")
            }
            let page = try VerifiedPage(statement)
            sum &+= page.checksum
            try body(page.id, page.entryCount, page.entries)
        }
        guard expected == record.firstPage, sum == record.pageSum else {
            throw StoreError(.damaged, "reading pages", "they are not those of checkpoint \(record.id)")
        }
    }

    // MARK: Writing

    /// What a checkpoint changes besides its record.
    package struct Changes: Sendable {
        package var pages: [StatePage]
        /// Pages with lower ids are dropped.
        package var firstPage: Int64

        package init(pages: [StatePage], firstPage: Int64) {
            self.pages = pages
            self.firstPage = firstPage
        }
    }

    /// One transaction: all of it or nothing. After an error what was committed before is untouched.
    package func commit(_ record: CheckpointRecord, _ changes: Changes) throws(StoreError) {
        do throws(StoreError) {
            try database.execute("BEGIN IMMEDIATE")
            try write(changes)
            try write(record)
            try database.execute("COMMIT")
        } catch {
            resetStatements()
            if database.isInTransaction {
                // SQLite has given up already where this fails; the first error is the one to tell.
                try? database.execute("ROLLBACK")
            }
            throw error
        }
    }

    func write(_ changes: Changes) throws(StoreError) {
        for page in changes.pages {
            try insertPage.bind(page.id)
            try insertPage.bind(page.function)
            try insertPage.bind(page.entryCount)
            try insertPage.bind(page.entries)
            try insertPage.bind(page.checksum)
            try insertPage.run()
        }
        try deletePages.bind(changes.firstPage)
        try deletePages.run()
    }

    func write(_ record: CheckpointRecord) throws(StoreError) {
        for number in [record.id, record.takenAt] { try insertCheckpoint.bind(number) }
        try insertCheckpoint.bind(record.reason.rawValue)
        try insertCheckpoint.bind(record.sequence)
        for number in [record.eventTime, record.keys, record.firstPage, record.pageCount] {
            try insertCheckpoint.bind(number)
        }
        try insertCheckpoint.bind(record.pageSum)
        for number in [record.keysWritten, record.bytesWritten, record.durationMicroseconds] {
            try insertCheckpoint.bind(number)
        }
        try insertCheckpoint.bind(record.configuration)
        try insertCheckpoint.bind(record.checksum)
        try insertCheckpoint.run()
        for input in record.inputs { try write(input, checkpoint: record.id) }
        for output in record.outputs {
            try insertOutput.bind(record.id)
            try insertOutput.bind(output.name)
            try insertOutput.bind(output.path)
            try insertOutput.bind(output.length)
            try insertOutput.run()
        }
        for tally in record.tallies {
            try insertTally.bind(record.id)
            try insertTally.bind(tally.name)
            try insertTally.bind(tally.count)
            try insertTally.run()
        }
        try deleteCheckpoints.bind(record.id - Int64(Self.keptCheckpoints))
        try deleteCheckpoints.run()
    }

    private func write(_ input: CheckpointRecord.Input, checkpoint: Int64) throws(StoreError) {
        try insertInput.bind(checkpoint)
        try insertInput.bind(input.name)
        try insertInput.bind(input.path)
        try insertInput.bind(input.offset)
        try insertInput.bind(input.line)
        try insertInput.bind(Int64(input.endsInsideLine ? 1 : 0))
        for digest in [input.head, input.chain, input.previous, input.partial] { try insertInput.bind(digest.bytes) }
        try insertInput.bind(input.format)
        try insertInput.bind(input.csvHeader)
        try insertInput.run()
    }

    private func resetStatements() {
        insertPage.reset()
        deletePages.reset()
        insertCheckpoint.reset()
        insertInput.reset()
        insertOutput.reset()
        insertTally.reset()
        deleteCheckpoints.reset()
    }

    // MARK: Snapshots

    /// Makes a snapshot of a database in a folder, named by its last checkpoint, which it answers.
    package static func writeSnapshot(of path: String, in folder: String) throws(StoreError) -> Int64 {
        // Of its own, because nobody is kept from making another at the same time.
        let unfinished = "\(folder)/new.\(getpid()).unfinished"
        unlink(unfinished)
        var isFinished = false
        defer { if !isFinished { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(unfinished + suffix) } } }
        let source = try Database(path: path, access: .readOnly)
        try source.backUp(to: unfinished)
        try settle(unfinished)
        let view = try StateView(path: unfinished)
        // A copy of what is damaged would be taken for something to go back to.
        try view.readPages { _, _, _ in }
        guard let id = view.checkpoint?.id else {
            throw StoreError(.damaged, "making a snapshot", "there is no checkpoint in it")
        }
        guard rename(unfinished, "\(folder)/\(id).db") == 0 else {
            throw StoreError(.inputOutput, "naming '\(folder)/\(id).db'", String(cString: strerror(errno)))
        }
        isFinished = true
        return id
    }

    /// Copies the committed state, whole, to a file of its own.
    package func writeSnapshot(to target: String) throws(StoreError) {
        let unfinished = target + ".unfinished"
        unlink(unfinished)
        let source = try Database(path: path, access: .readOnly)
        try source.backUp(to: unfinished)
        try Self.settle(unfinished)
        // Only a whole snapshot ever has the name of one.
        guard rename(unfinished, target) == 0 else {
            throw StoreError(.inputOutput, "naming '\(target)'", String(cString: strerror(errno)))
        }
    }

    /// A snapshot stands alone: no log beside it that could get lost.
    private static func settle(_ path: String) throws(StoreError) {
        let database = try Database(path: path, access: .readWrite)
        try database.execute("PRAGMA journal_mode = DELETE")
    }
}
