import AssayCore
import Glibc
import StateStore

/// The state in a folder, and the right to change it.
final class SavedState {
    let folder: String
    let store: StateStore
    private let lock: StoreLock

    init(folder: String, store: StateStore, lock: consuming StoreLock) {
        self.folder = folder
        self.store = store
        self.lock = lock
    }
}

/// A locked folder of state with its last checkpoint. Nothing is changed before everything that a run needs fits.
struct StateOpening: ~Copyable {
    let last: CheckpointRecord?
    /// The last checkpoint of a state that is to be discarded.
    let forgotten: CheckpointRecord?
    private let folder: String
    private let isFresh: Bool
    private let functions: [(id: Int64, name: String)]
    private let present: StateStore?
    private let lock: StoreLock

    init(folder: String, isFresh: Bool, functions: [(id: Int64, name: String)]) throws {
        try Self.makeFolder(folder)
        let lock = try StoreLock(folder: folder)
        let forgotten = isFresh ? Self.forgottenCheckpoint(folder, functions) : nil
        let present = isFresh ? nil : try Self.openStore(folder, functions)
        let last = try present?.lastCheckpoint()
        (self.folder, self.functions, self.isFresh) = (folder, functions, isFresh)
        (self.forgotten, self.present, self.last) = (forgotten, present, last)
        self.lock = lock
    }

    /// Begins to change the state. Returns a notice if the previous one was moved.
    consuming func take() throws -> (SavedState, notice: String?) {
        var notice: String?
        if isFresh, try Self.setAside(folder) { notice = "the previous state is kept as '\(folder)/state.db.old'" }
        // What a process that was killed had begun to write.
        SnapshotFiles.removeUnfinished(in: "\(folder)/snapshots")
        let store = try present ?? Self.openStore(folder, functions)
        return (SavedState(folder: folder, store: store, lock: lock), notice)
    }

    private static func makeFolder(_ folder: String) throws(RunFailure) {
        var path = ""
        for part in folder.split(separator: "/", omittingEmptySubsequences: false) {
            path += path.isEmpty && !folder.hasPrefix("/") ? part : "/\(part)"
            if mkdir(path, 0o755) != 0, errno != EEXIST, errno != EISDIR {
                throw RunFailure(.cannotCreate, "cannot create the folder '\(folder)'", errorNumber: errno)
            }
        }
    }

    private static func openStore(_ folder: String, _ functions: [(id: Int64, name: String)]) throws -> StateStore {
        let store = try StateStore(folder: folder, functions: functions)
        let names = try store.functionNames()
        guard let main = functions.first, names.contains(main.name) else {
            throw RunFailure(
                .usage,
                "the state in '\(folder)' is that of \(names.joined(separator: ", ")), not of "
                    + "\(functions.first?.name ?? "anything"); name "
                    + "another folder with --state")
        }
        return store
    }

    /// Returns nil if it can't be read: then it owned no outputs.
    private static func forgottenCheckpoint(
        _ folder: String, _ functions: [(id: Int64, name: String)]
    ) -> CheckpointRecord? {
        guard access("\(folder)/state.db", F_OK) == 0 else { return nil }
        // Damage is a good reason to start over, not to refuse to.
        return try? openStore(folder, functions).lastCheckpoint()
    }

    /// Moves the database and its log out of the way. Returns false when there was none.
    private static func setAside(_ folder: String) throws(StoreError) -> Bool {
        let path = "\(folder)/state.db"
        guard access(path, F_OK) == 0 else { return false }
        try StateReplacement.keepOld(path)
        return true
    }
}
