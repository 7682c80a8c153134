import AssayCore
import Glibc

/// Writes a complete new state beside the current one, and replaces it: this is how single states are removed without a
/// trace, and how states from elsewhere are imported.
package final class StateRewriting {
    /// The action in an audit row.
    package enum Action: String, Sendable {
        case forget, `import`, restore
        case resetModel = "reset_model"
        case restoreModel = "restore_model"
    }

    private let target: String
    private let unfinished: String
    private let store: StateStore
    private var builder = StatePageBuilder()
    private var nextPage: Int64 = 1
    private var pageSum: UInt64 = 0
    private var keys: Int64 = 0
    private var functionNumber: Int64
    /// Of functions that are complete.
    private var logs: [LogExtent] = []
    private var isFinished = false

    /// Begins the state of some functions, which will replace `target`: that of the first one. The caller holds the
    /// folder's lock.
    package init(of target: String, functions: [(id: Int64, name: String)]) throws(StoreError) {
        guard let first = functions.first else { preconditionFailure("a state is of one function at least") }
        self.target = target
        unfinished = "\(target).unfinished"
        for suffix in ["", "-wal", "-shm"] { unlink(unfinished + suffix) }
        store = try StateStore(path: unfinished, functions: functions)
        functionNumber = first.id
        try store.database.execute("BEGIN IMMEDIATE")
    }

    deinit {
        // A failed attempt must not stay: it is full of users.
        if !isFinished { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(unfinished + suffix) } }
    }

    package func add(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) throws(StoreError) {
        if builder.isFull(for: key.count + value.count + 16) { try finishPage() }
        builder.append(previousPage: 0, key: key, value: value)
        if logs.isEmpty { keys += 1 }
    }

    /// Goes on with the state of another function, whose entries are no keys.
    package func turn(to function: Int64) throws(StoreError) {
        try finishLog()
        (functionNumber, nextPage, pageSum) = (function, 1, 0)
    }

    private func finishLog() throws(StoreError) {
        if !builder.isEmpty { try finishPage() }
        var log = LogExtent(function: functionNumber)
        (log.pageCount, log.pageSum) = (nextPage - 1, pageSum)
        if logs.isEmpty { log.keys = keys }
        logs.append(log)
    }

    private func finishPage() throws(StoreError) {
        let page = builder.finish(id: nextPage, function: functionNumber)
        pageSum &+= page.checksum
        nextPage += 1
        try store.write(LogChanges(function: functionNumber, pages: [page], firstPage: 1))
    }

    /// Replaces the old state by the new one, at a checkpoint that differs only in the states. `older` are the
    /// checkpoints before it, `audits` the earlier changes.
    package func finish(
        _ record: CheckpointRecord, older: [CheckpointRecord], audits: [AuditRow], action: Action, users: Int64,
        at now: Int64, keepingOld: Bool = false
    ) throws(StoreError) {
        try finishLog()
        var record = record
        record.stage.logs = logs
        for checkpoint in older.sorted(by: { $0.id < $1.id }) where checkpoint.id < record.id {
            try store.write(checkpoint)
        }
        try store.write(record)
        for audit in audits { try store.write(audit) }
        try store.write(AuditRow(at: now, action: action.rawValue, checkpoint: record.id, users: users))
        try store.database.execute("COMMIT")
        try store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        try store.database.execute("PRAGMA journal_mode = DELETE")
        try StateReplacement.replace(target, with: unfinished, keepingOld: keepingOld)
        isFinished = true
    }
}

/// A change of a state other than by scoring.
package struct AuditRow: Sendable {
    package let at: Int64
    package let action: String
    package let checkpoint: Int64
    package let users: Int64

    package init(at: Int64, action: String, checkpoint: Int64, users: Int64) {
        self.at = at
        self.action = action
        self.checkpoint = checkpoint
        self.users = users
    }
}

extension StateStore {
    /// Records a change of a database that nobody else uses.
    package static func note(
        _ row: AuditRow, in path: String, functions: [(id: Int64, name: String)]
    ) throws(StoreError) {
        let store = try StateStore(path: path, functions: functions)
        try store.write(row)
        try store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        try store.database.execute("PRAGMA journal_mode = DELETE")
    }

    /// Records a change in the same commit as a checkpoint that it leads to.
    package func commit(
        _ record: CheckpointRecord, _ changes: [LogChanges], _ audit: AuditRow
    ) throws(StoreError) {
        try commit(record, changes) { () throws(StoreError) in try write(audit) }
    }

    func write(_ row: AuditRow) throws(StoreError) {
        var insert = try database.prepare("INSERT INTO audit (at_ms, action, checkpoint, users) VALUES (?, ?, ?, ?)")
        try insert.bind(row.at)
        try insert.bind(row.action)
        try insert.bind(row.checkpoint)
        try insert.bind(row.users)
        try insert.run()
    }
}

/// Replaces one database by another.
package enum StateReplacement {
    /// The name always belongs to a whole database, the old one or the new one. `keepingOld` keeps the old one under
    /// the name of `target` with `.old`; what can't be opened is kept as it is, with its log.
    package static func replace(_ target: String, with source: String, keepingOld: Bool) throws(StoreError) {
        try sync(source)
        let folder = target.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        if access(target, F_OK) == 0 {
            do throws(StoreError) {
                try emptyLog(of: target)
                if keepingOld {
                    makeRoomForOld(target)
                    guard link(target, "\(target).old") == 0 else { throw naming("\(target).old") }
                }
            } catch {
                // A broken one can't take in its log: it is moved aside together with the log.
                if case .inUse = error.kind { throw error }
                guard keepingOld else { throw error }
                try keepOld(target)
            }
        }
        guard rename(source, target) == 0 else { throw naming(target) }
        for suffix in ["-wal", "-shm"] { unlink(target + suffix) }
        try sync(folder.isEmpty ? "." : folder)
    }

    /// Moves the log's content into the database, so that no log is left that another database could take for its own.
    private static func emptyLog(of path: String) throws(StoreError) {
        let database = try Database(path: path, access: .readWrite)
        var statement = try database.prepare("PRAGMA wal_checkpoint(TRUNCATE)")
        guard try statement.step(), statement.integer(0) == 0 else {
            throw StoreError(.inUse(pid: nil), "emptying the log of '\(path)'", "another process is reading the state")
        }
    }

    private static func removeFiles(of path: String) {
        // Missing files need not be removed.
        for suffix in ["-wal", "-shm", ""] { unlink(path + suffix) }
    }

    /// The names under which former states are kept, the newest first.
    package static func oldNames(of target: String) -> [String] {
        ["\(target).old", "\(target).old.1", "\(target).old.2"]
    }

    /// Removes all former states. Returns how many there were.
    package static func removeOld(_ target: String) -> Int {
        let there = oldNames(of: target).filter { access($0, F_OK) == 0 }
        for name in there { removeFiles(of: name) }
        return there.count
    }

    /// Moves each former state to the next name; the oldest goes.
    private static func makeRoomForOld(_ target: String) {
        let names = oldNames(of: target)
        guard access(names[0], F_OK) == 0 || access(names[0] + "-wal", F_OK) == 0 else { return }
        removeFiles(of: names[names.count - 1])
        for index in (1..<names.count).reversed() {
            // What is missing leaves a gap.
            for suffix in ["-wal", "-shm", ""] { rename(names[index - 1] + suffix, names[index] + suffix) }
        }
    }

    private static func naming(_ path: String) -> StoreError {
        StoreError(.inputOutput, "naming '\(path)'", String(cString: strerror(errno)))
    }

    /// Renames a database, whole or damaged, and its log.
    package static func keepOld(_ target: String) throws(StoreError) {
        makeRoomForOld(target)
        for suffix in ["-wal", ""] {
            let source = target + suffix
            let old = "\(target).old\(suffix)"
            if rename(source, old) != 0 {
                guard errno == ENOENT else { throw naming(old) }
                // A newer database would take an older log beside it for its own.
                unlink(old)
            }
        }
        unlink("\(target)-shm")
    }

    /// Copies a database that nobody writes, so that the copy can replace another.
    package static func copy(_ source: String, to target: String) throws(StoreError) {
        removeFiles(of: target)
        let database = try Database(path: source, access: .readOnly)
        try database.backUp(to: target)
    }

    private static func sync(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw StoreError(.inputOutput, "syncing '\(path)'", String(cString: strerror(errno)))
        }
    }
}
