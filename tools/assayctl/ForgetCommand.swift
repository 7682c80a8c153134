import Arguments
import Assay
import Glibc
import StateStore

/// `assayctl forget`.
enum ForgetCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        let lock = try folder.lock()
        let state = try folder.open()
        let users = try state.users()
        let wanted = Set(arguments.operands)
        let known = wanted.filter { users.place(of: Array($0.utf8)) != nil }
        if let record = state.view.checkpoint, !known.isEmpty { try rewrite(folder, state, users, record, known) }
        let holders = try holders(of: wanted, folder)
        extendLifetime(lock)
        let unknown = wanted.subtracting(known).sorted()
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
                    "still known in \(Page.shown(holder)); remove it when it is no longer needed, or with "
                        + "'assayctl snapshot prune'")
            }
        }
        if !unknown.isEmpty {
            throw Failure(
                code: .no,
                message: "not known: \(unknown.map { "'\(Page.shown($0))'" }.joined(separator: ", "))")
        }
    }

    /// The whole state is written anew without them, so that no page, log or free space has a byte of theirs.
    private static func rewrite(
        _ folder: StateFolder, _ state: OpenState, _ users: UserStates, _ record: CheckpointRecord,
        _ forgotten: Set<String>
    ) throws(Failure) {
        let ids = Set(forgotten.map { Array($0.utf8) })
        do throws(StoreError) {
            let rewriting = try StateRewriting(folder: folder.path, function: StoredFunction.scoring)
            try users.forEach { entry throws(StoreError) in
                if ids.contains(entry.idBytes) { return }
                try rewriting.add(key: UnsafeRawBufferPointer(entry.id), value: entry.state)
            }
            try rewriting.finish(
                record, older: try state.view.checkpoints(), audits: try state.view.audits(), action: .forget,
                users: Int64(forgotten.count), at: Now.milliseconds)
        } catch {
            throw Failure(error, file: folder.path)
        }
    }

    /// The other files in which one of the users is still known.
    private static func holders(of ids: Set<String>, _ folder: StateFolder) throws(Failure) -> [String] {
        let files = folder.snapshots.ids.map { folder.snapshots.file($0) } + ["\(folder.database).old"]
        var holders: [String] = []
        for file in files where access(file, F_OK) == 0 {
            let users = try folder.open(file).users()
            if ids.contains(where: { users.place(of: Array($0.utf8)) != nil }) { holders.append(file) }
        }
        return holders
    }
}
