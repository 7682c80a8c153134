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
        var known = try forget(wanted, folder, folder.database)
        let former = StateReplacement.oldNames(of: folder.database).filter { access($0, F_OK) == 0 }
        for file in former { known.formUnion(try forget(wanted, folder, file, isOptional: true)) }
        try forgetBeside(wanted, folder)
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

    /// In the databases beside the state: alerts about them, and what came into the queue.
    private static func forgetBeside(_ ids: [[UInt8]], _ folder: StateFolder) throws(Failure) {
        let users = ids.map { String(decoding: $0, as: UTF8.self) }
        try change("\(folder.path)/\(AlertStore.fileName)") { path throws(StoreError) in
            try AlertStore(path: path, .change).forget(users: users)
        }
        try change("\(folder.path)/\(ReviewStore.fileName)") { path throws(StoreError) in
            try ReviewStore(path: path, .change).forget(users: users)
        }
    }

    private static func change(
        _ path: String, _ body: (String) throws(StoreError) -> Void
    ) throws(Failure) {
        guard access(path, F_OK) == 0 else { return }
        do throws(StoreError) {
            try body(path)
        } catch {
            throw Failure(error, file: path)
        }
    }

    /// A state without some users, ready to replace the old one.
    private struct Rewritten {
        let rewriting: StateRewriting
        let record: CheckpointRecord
        let older: [CheckpointRecord]
        let audits: [AuditRow]
        let forgotten: Set<[UInt8]>
        /// How many keys are left out.
        let keys: Int
    }

    /// Returns the users who were known in a file. The whole state is rewritten without them, so that no page, log or
    /// free space has a byte of theirs. `isOptional`: a file that can't be read is left, and named afterwards.
    private static func forget(
        _ ids: [[UInt8]], _ folder: StateFolder, _ file: String, isOptional: Bool = false
    ) throws(Failure) -> Set<[UInt8]> {
        let new: Rewritten?
        do throws(Failure) {
            new = try rewrite(without: ids, folder, file)
        } catch {
            if isOptional, error.code == .badData { return [] }
            throw error
        }
        guard let new else { return [] }
        do throws(StoreError) {
            try new.rewriting.finish(
                new.record, older: new.older, audits: new.audits, action: .forget, users: Int64(new.keys),
                at: Now.milliseconds)
        } catch {
            throw Failure(error, file: file)
        }
        return new.forgotten
    }

    /// Returns nil when none of them is known. The old state is only read in here: the new one can't replace it while
    /// it is being read.
    private static func rewrite(
        without ids: [[UInt8]], _ folder: StateFolder, _ file: String
    ) throws(Failure) -> Rewritten? {
        let state = try folder.openAny(file)
        let users = try state.users()
        let (keys, known) = try self.keys(of: ids, state)
        guard let record = state.view.checkpoint, !keys.isEmpty else { return nil }
        let model = try state.reading { () throws(StoreError) in
            try LearnedState.model(of: state.view, state.settings.learning)
        }
        let functions =
            state.isPipeline ? [StoredFunction.pipeline] : [StoredFunction.scoring, StoredFunction.learning]
        return try state.reading { () throws(StoreError) in
            let rewriting = try StateRewriting(of: file, functions: functions)
            try users.forEach { entry throws(StoreError) in
                if keys.contains(entry.idBytes) { return }
                try rewriting.add(key: UnsafeRawBufferPointer(entry.id), value: entry.state)
            }
            if let model {
                for id in ids { _ = model.forget(id, ofKey: "user_id") }
                try rewriting.add(model)
            }
            return Rewritten(
                rewriting: rewriting, record: record, older: try state.view.checkpoints(),
                audits: try state.view.audits(), forgotten: known, keys: keys.count)
        }
    }

    /// The keys that are one of the users, or have one as a part, and the users that they have.
    private static func keys(
        of ids: [[UInt8]], _ state: OpenState
    ) throws(Failure) -> (keys: Set<[UInt8]>, users: Set<[UInt8]>) {
        let users = try state.users()
        guard state.isPipeline else {
            let known = Set(ids.filter { users.place(of: $0) != nil })
            return (known, known)
        }
        var keys: Set<[UInt8]> = []
        var known: Set<[UInt8]> = []
        try state.reading { () throws(StoreError) in
            try users.forEach { entry in
                for id in ids where PipelineKeys.names(entry.idBytes, String(decoding: id, as: UTF8.self)) {
                    keys.insert(entry.idBytes)
                    known.insert(id)
                }
            }
        }
        return (keys, known)
    }

    /// The other files in which one of the users is still known, or may be.
    private static func holders(of ids: [[UInt8]], _ folder: StateFolder) -> [String] {
        let files =
            folder.snapshots.ids.map { folder.snapshots.file($0) } + StateReplacement.oldNames(of: folder.database)
        return files.filter { file in
            guard access(file, F_OK) == 0 else { return false }
            do throws(Failure) {
                return try !keys(of: ids, folder.openAny(file)).users.isEmpty
            } catch {
                // An unreadable file may have them.
                return true
            }
        }
    }
}
