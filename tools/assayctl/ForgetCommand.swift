import Arguments
import Assay
import AssayCore
import Glibc
import StateStore

/// `assayctl forget`.
enum ForgetCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        let lock = try folder.lock()
        // By their bytes: texts that look alike are different users.
        let wanted = Array(Set(arguments.operands.map { Array($0.utf8) }))
        let known = try forget(wanted, folder)
        SnapshotFiles.removeUnfinished(in: folder.snapshots.path)
        let holders = holders(of: wanted, folder)
        extendLifetime(lock)
        let unknown = wanted.filter { !known.contains($0) }.map { String(decoding: $0, as: UTF8.self) }.sorted()
        if arguments.flag("json") {
            Page.line(
                JSON.object([
                    ("forgotten", .integer(Int64(known.count))),
                    ("unknown", .array(unknown.map { .string($0) })),
                    ("still_in", .array(holders.map { .string($0) })),
                ]).text)
        } else {
            if !known.isEmpty {
                let users = known.count == 1 ? "1 user" : "\(Figures.grouped(known.count)) users"
                Page.line("\(users) forgotten: nothing is left of them in the state")
            }
            for holder in holders {
                Page.line(
                    "still known, as far as can be seen, in \(Page.shown(holder)); remove it when it is no longer "
                        + "needed, or with 'assayctl snapshot prune'")
            }
        }
        if !unknown.isEmpty {
            throw Failure(
                code: .no,
                message: "not known: \(unknown.map { "'\(Page.shown($0))'" }.joined(separator: ", "))")
        }
    }

    /// A state without some users, ready to replace the old one.
    private struct Rewritten {
        let rewriting: StateRewriting
        let record: CheckpointRecord
        let older: [CheckpointRecord]
        let audits: [AuditRow]
        let forgotten: Set<[UInt8]>
    }

    /// Returns the users who were known. The whole state is rewritten without them, so that no page, log or free space
    /// has a byte of theirs.
    private static func forget(_ ids: [[UInt8]], _ folder: StateFolder) throws(Failure) -> Set<[UInt8]> {
        guard let new = try rewrite(without: ids, folder) else { return [] }
        do throws(StoreError) {
            try new.rewriting.finish(
                new.record, older: new.older, audits: new.audits, action: .forget, users: Int64(new.forgotten.count),
                at: Now.milliseconds)
        } catch {
            throw Failure(error, file: folder.path)
        }
        return new.forgotten
    }

    /// Returns nil when none of them is known. The old state is only read in here: the new one can't replace it while
    /// it is being read.
    private static func rewrite(without ids: [[UInt8]], _ folder: StateFolder) throws(Failure) -> Rewritten? {
        let state = try folder.open()
        let users = try state.users()
        let known = Set(ids.filter { users.place(of: $0) != nil })
        guard let record = state.view.checkpoint, !known.isEmpty else { return nil }
        return try state.reading { () throws(StoreError) in
            let rewriting = try StateRewriting(folder: folder.path, function: StoredFunction.scoring)
            try users.forEach { entry throws(StoreError) in
                if known.contains(entry.idBytes) { return }
                try rewriting.add(key: UnsafeRawBufferPointer(entry.id), value: entry.state)
            }
            return Rewritten(
                rewriting: rewriting, record: record, older: try state.view.checkpoints(),
                audits: try state.view.audits(), forgotten: known)
        }
    }

    /// The other files in which one of the users is still known, or may be.
    private static func holders(of ids: [[UInt8]], _ folder: StateFolder) -> [String] {
        let files =
            folder.snapshots.ids.map { folder.snapshots.file($0) } + StateReplacement.oldNames(of: folder.database)
        return files.filter { file in
            guard access(file, F_OK) == 0 else { return false }
            do throws(Failure) {
                let users = try folder.open(file).users()
                return ids.contains { users.place(of: $0) != nil }
            } catch {
                // An unreadable file may have them.
                return true
            }
        }
    }
}
