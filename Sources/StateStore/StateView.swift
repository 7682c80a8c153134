import AssayCore
import Glibc

/// A view of committed state, in a folder or a snapshot: all of it at one checkpoint, from the first read to the last,
/// whatever others write meanwhile. It changes nothing and blocks nobody.
package final class StateView {
    package let path: String
    private let database: Database
    private var selectPage: Statement
    /// The checkpoint in view; nil before the first one.
    package let checkpoint: CheckpointRecord?
    /// The format of the stored state.
    package let format: Int64
    /// Milliseconds since 1970.
    package let createdAt: Int64

    package init(path: String) throws(StoreError) {
        self.path = path
        let database = try Self.open(path)
        // The first read fixes the moment until the transaction ends.
        try database.execute("BEGIN")
        format = try StateStore.knownFormat(database)
        createdAt = try database.integer("SELECT created_ms FROM store WHERE id = 1") ?? 0
        checkpoint =
            format > EarlierFormats.last
            ? try CheckpointReading.last(database) : try EarlierFormats(database).last(database)
        selectPage = try database.prepare(
            "SELECT \(VerifiedPage.columns) FROM state_page WHERE function = ? AND id = ?")
        self.database = database
    }

    /// Where nothing may be written, SQLite cannot have the files that readers of a log share. A database without a log
    /// is then read as one that nobody changes; nobody can.
    private static func open(_ path: String) throws(StoreError) -> Database {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let hasLog = access(path + "-wal", F_OK) == 0
        if !hasLog, access(folder.isEmpty ? "/" : folder, W_OK) != 0 {
            return try Database(path: path, access: .immutable)
        }
        return try Database(path: path, access: .readOnly)
    }

    /// The process functions that keep this state.
    package func functionNames() throws(StoreError) -> [String] {
        var statement = try database.prepare("SELECT name FROM process_function ORDER BY id")
        var names: [String] = []
        while try statement.step() { names.append(statement.text(0)) }
        return names
    }

    /// The last checkpoints, newest first.
    package func checkpoints() throws(StoreError) -> [CheckpointRecord] {
        var ids: [Int64] = []
        var statement = try database.prepare("SELECT id FROM checkpoint ORDER BY id DESC")
        while try statement.step() { ids.append(statement.integer(0)) }
        var records: [CheckpointRecord] = []
        guard format > EarlierFormats.last else {
            let earlier = try EarlierFormats(database)
            for id in ids { records.append(try earlier.read(id, database)) }
            return records
        }
        for id in ids { records.append(try CheckpointReading.read(id, database)) }
        return records
    }

    /// Changes of the state other than by scoring, the oldest first.
    package func audits() throws(StoreError) -> [AuditRow] {
        guard format >= 2 else { return [] }
        var statement = try database.prepare("SELECT at_ms, action, checkpoint, users FROM audit ORDER BY id")
        var rows: [AuditRow] = []
        while try statement.step() {
            rows.append(
                AuditRow(
                    at: statement.integer(0), action: statement.text(1), checkpoint: statement.integer(2),
                    users: statement.integer(3)))
        }
        return rows
    }

    /// The log of the first function that keeps state.
    package var log: LogExtent? { checkpoint?.stage.logs.first }

    /// Calls `body` with each page of that log, the newest first, after verifying its checksum and that it belongs to
    /// the checkpoint.
    package func readPages(
        _ body: (_ id: Int64, _ entryCount: Int64, UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        guard let log else { return }
        try VerifiedPage.readAll(of: log, database, body)
    }

    /// Reads all pages of all logs, and verifies them.
    package func verifyPages() throws(StoreError) {
        for log in checkpoint?.stage.logs ?? [] { try VerifiedPage.readAll(of: log, database) { _, _, _ in } }
    }

    /// Calls `body` with a page that was read before.
    package func withPage<Result>(
        _ id: Int64, _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(StoreError) -> Result {
        try selectPage.bind(log?.function ?? 0)
        try selectPage.bind(id)
        defer { selectPage.reset() }
        guard try selectPage.step() else { throw StoreError(.damaged, "reading page \(id)", "it is missing") }
        return body(selectPage.bytes(3))
    }

    // MARK: Problems

    /// One page as stored, with its problem if there is one.
    package struct ExaminedPage {
        /// The function whose log it belongs to.
        package let function: Int64
        package let id: Int64
        package let entryCount: Int64
        /// Valid inside the closure.
        package let entries: UnsafeRawBufferPointer
        package let problem: String?
    }

    /// Calls `body` with every readable page, the newest first, whether it is whole or not. Returns the problems of the
    /// rest.
    package func examinePages(_ body: (ExaminedPage) -> Void) -> [String] {
        checkpoint?.stage.logs.flatMap { examine($0, body) } ?? []
    }

    private func examine(_ log: LogExtent, _ body: (ExaminedPage) -> Void) -> [String] {
        var problems: [String] = []
        var sum: UInt64 = 0
        for id in (log.firstPage..<log.firstPage + log.pageCount).reversed() {
            do throws(StoreError) {
                try selectPage.bind(log.function)
                try selectPage.bind(id)
                defer { selectPage.reset() }
                guard try selectPage.step() else {
                    problems.append("page \(id) is missing")
                    continue
                }
                let checksum = selectPage.unsigned(4)
                sum &+= checksum
                let entries = selectPage.bytes(3)
                let actual = StatePage.checksum(
                    id: selectPage.integer(0), function: selectPage.integer(1), entryCount: selectPage.integer(2),
                    entries)
                body(
                    ExaminedPage(
                        function: log.function, id: id, entryCount: selectPage.integer(2), entries: entries,
                        problem: actual == checksum ? nil : "its checksum does not hold"))
            } catch {
                problems.append("page \(id) cannot be read: \(error.description)")
            }
        }
        if problems.isEmpty, sum != log.pageSum {
            problems.append("the pages are not those of checkpoint \(checkpoint?.id ?? 0)")
        }
        return problems
    }

    /// What is in the database that no version of this program put there: it could change the state when it is written.
    package func foreignObjects() throws(StoreError) -> [String] {
        var statement = try database.prepare(
            "SELECT type, name FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY name")
        var found: [String] = []
        while try statement.step() { found.append("\(statement.text(0)) '\(statement.text(1))'") }
        let known = Set(StateSchema.tableNames)
        var tables = try database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        while try tables.step() {
            let name = tables.text(0)
            if !known.contains(name), !name.hasPrefix("sqlite_") { found.append("table '\(name)'") }
        }
        return found
    }

    /// The problems that SQLite's own check finds in the file.
    package func integrityProblems() throws(StoreError) -> [String] {
        var problems: [String] = []
        var statement = try database.prepare("PRAGMA integrity_check")
        while try statement.step() {
            let line = statement.text(0)
            if line != "ok" { problems.append(line) }
        }
        return problems
    }
}

extension StateView: StatePages {
    package func read(
        _ page: Int64, of function: Int64,
        _ body: (_ entryCount: Int64, _ checksum: UInt64, UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        try selectPage.bind(function)
        try selectPage.bind(page)
        defer { selectPage.reset() }
        guard try selectPage.step() else { throw StoreError(.damaged, "reading page \(page)", "it is missing") }
        let verified = try VerifiedPage(selectPage)
        body(verified.entryCount, verified.checksum, verified.entries)
    }

    package func readAll(
        of log: LogExtent,
        _ body: (Int64, _ entryCount: Int64, UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        try VerifiedPage.readAll(of: log, database, body)
    }
}
