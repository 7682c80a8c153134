import Arguments
import Assay
import AssayCore
import CivilTime
import Glibc
import StateStore

/// `assayctl snapshot create`, `list`, `restore` and `prune`.
enum SnapshotCommands {
    static func create(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        let state = try folder.openAny()
        guard let checkpoint = state.view.checkpoint else {
            throw Failure(code: .no, message: "there is no checkpoint yet to make a snapshot of")
        }
        let snapshots = folder.snapshots
        if mkdir(snapshots.path, 0o755) != 0, errno != EEXIST {
            throw Failure(
                code: .cannotCreate, message: "cannot create '\(snapshots.path)': \(Diagnostics.explain(errno))")
        }
        let made = try state.reading { () throws(StoreError) in
            try StateStore.writeSnapshot(of: folder.database, in: snapshots.path)
        }
        if arguments.flag("json") {
            return Page.line(
                JSON.object([("snapshot", .integer(made)), ("path", .string(snapshots.file(made)))]).text)
        }
        Page.line(
            "snapshot \(made) is \(Page.shown(snapshots.file(made)))"
                + (made == checkpoint.id ? "" : ", of a checkpoint taken meanwhile"))
    }

    static func list(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        var rows: [(id: Int64, record: CheckpointRecord?, problem: String?, bytes: UInt64)] = []
        for id in folder.snapshots.ids.reversed() {
            var status = stat()
            let bytes = stat(folder.snapshots.file(id), &status) == 0 ? UInt64(status.st_size) : 0
            do throws(StoreError) {
                rows.append((id, try StateView(path: folder.snapshots.file(id)).checkpoint, nil, bytes))
            } catch {
                rows.append((id, nil, error.description, bytes))
            }
        }
        if arguments.flag("json") {
            let snapshots = rows.map { row in
                JSON.object([
                    ("snapshot", .integer(row.id)), ("bytes", .unsigned(row.bytes)),
                    ("taken_ms", row.record.map { .integer($0.takenAt) } ?? .null),
                    ("users", row.record.map { .integer($0.stage.keys) } ?? .null),
                    ("sequence", row.record.map { .unsigned($0.stage.sequence) } ?? .null),
                    ("problem", row.problem.map { .string($0) } ?? .null),
                ])
            }
            return Page.line(JSON.object([("snapshots", .array(snapshots))]).text)
        }
        if rows.isEmpty { return Page.line("no snapshots in \(Page.shown(folder.snapshots.path))") }
        let clock = TimeText(.utc)
        Page.table(
            ["snapshot", "taken", "age", "users", "transactions", "size", ""],
            rows.map { row in
                [
                    "\(row.id)", row.record.map { clock.text($0.takenAt) } ?? "",
                    row.record.map { Now.age($0.takenAt) } ?? "",
                    row.record.map { Figures.grouped($0.stage.keys) } ?? "",
                    row.record.map { Figures.grouped($0.stage.sequence) } ?? "", Figures.bytes(row.bytes),
                    row.problem.map { Page.shown($0) } ?? "",
                ]
            }, rightAligned: [0, 3, 4, 5])
    }

    static func restore(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        let lock = try folder.lock()
        let (name, source) = try source(arguments.operands.first, folder)
        let state = try folder.openAny(source)
        // Reads everything, so that no damaged snapshot is restored.
        let keys = try state.isPipeline ? state.view.checkpoint?.stage.keys ?? 0 : Int64(state.users().count)
        try state.reading { () throws(StoreError) in try state.view.verifyPages() }
        let function = state.isPipeline ? StoredFunction.pipeline : StoredFunction.scoring
        let unfinished = "\(folder.database).unfinished"
        let audit = AuditRow(
            at: Now.milliseconds, action: "restore", checkpoint: state.view.checkpoint?.id ?? 0,
            users: keys)
        do throws(StoreError) {
            try StateReplacement.copy(source, to: unfinished)
            try StateStore.note(audit, in: unfinished, functions: [function])
            try StateReplacement.replace(folder.database, with: unfinished, keepingOld: true)
        } catch {
            throw Failure(error, file: folder.path)
        }
        extendLifetime(lock)
        let checkpoint = state.view.checkpoint
        if arguments.flag("json") {
            return Page.line(
                JSON.object([
                    ("restored", Self.id(of: source, folder).map { .integer($0) } ?? .string(source)),
                    ("users", .integer(keys)),
                    ("sequence", .unsigned(checkpoint?.stage.sequence ?? 0)),
                ]).text)
        }
        Page.line(
            "\(Page.shown(name)) is restored: \(Figures.grouped(keys)) \(state.isPipeline ? "keys" : "users"), "
                + "transaction "
                + "\(Figures.grouped(checkpoint?.stage.sequence ?? 0)). "
                + "The next 'assay score' resumes from there; the "
                + "previous state is kept as \(Page.shown(folder.database)).old")
    }

    private static func id(of file: String, _ folder: StateFolder) -> Int64? {
        folder.snapshots.ids.first { folder.snapshots.file($0) == file }
    }

    static func prune(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        let lock = try folder.lock()
        let kept = Int(arguments.integer("keep") ?? 3)
        let removed = Array(folder.snapshots.ids.dropLast(kept))
        SnapshotFiles.removeUnfinished(in: folder.snapshots.path)
        for id in removed where unlink(folder.snapshots.file(id)) != 0 {
            throw Failure(
                code: .inputOutput,
                message: "cannot remove '\(folder.snapshots.file(id))': \(Diagnostics.explain(errno))")
        }
        let former = StateReplacement.removeOld(folder.database)
        extendLifetime(lock)
        if arguments.flag("json") {
            return Page.line(
                JSON.object([
                    ("removed_states", .integer(Int64(former))),
                    ("removed", .array(removed.map { .integer($0) })),
                    ("kept", .array(folder.snapshots.ids.map { .integer($0) })),
                ]).text)
        }
        let gone = removed.map { "\($0)" } + (former > 0 ? ["\(former) former states"] : [])
        Page.line(
            gone.isEmpty ? "nothing to remove" : "removed \(gone.joined(separator: ", "))"
        )
    }

    /// The given snapshot or file, or the newest snapshot.
    private static func source(_ text: String?, _ folder: StateFolder) throws(Failure) -> (name: String, file: String) {
        guard let text else {
            guard let newest = folder.snapshots.ids.last else {
                throw Failure(code: .noInput, message: "there are no snapshots in '\(folder.snapshots.path)'")
            }
            return ("snapshot \(newest)", folder.snapshots.file(newest))
        }
        if let id = Int64(text), folder.snapshots.ids.contains(id) {
            return ("snapshot \(id)", folder.snapshots.file(id))
        }
        var status = stat()
        guard stat(text, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(
                code: .noInput,
                message: "there is no snapshot and no file '\(text)'; 'assayctl snapshot list' shows the snapshots")
        }
        var present = stat()
        if stat(folder.database, &present) == 0, (present.st_dev, present.st_ino) == (status.st_dev, status.st_ino) {
            throw Failure(code: .usage, message: "'\(text)' is the present state")
        }
        return ("'\(text)'", text)
    }
}
