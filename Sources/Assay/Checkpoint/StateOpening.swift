import Glibc
import StateStore

/// The state of a folder, and the right to change it.
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

/// How the input is to be entered.
struct FoundInput {
    var finding: OutputPlan.InputFinding
    var position = InputPosition()
    var readAhead: [UInt8] = []
    var mark = InputDigest.Mark()
    var blockBytes: [UInt8] = []
    /// Bytes behind the mark that were passed over.
    var skipped: [UInt8] = []
    var csvHeader: [UInt8] = []
    var isFinished = false
    /// Somebody wanted it to stop while what was known of a pipe was read again.
    var wasInterrupted = false

    /// Ready to be read on.
    var start: LineReader.Start {
        var digest = InputDigest(from: mark, blockBytes: blockBytes)
        skipped.withUnsafeBytes { digest.update($0) }
        return LineReader.Start(position: position, readAhead: readAhead, digest: digest)
    }
}

/// A folder of state that was locked, with its last checkpoint and the input as that knows it. Nothing is touched
/// before everything that a run needs fits.
struct StateOpening: ~Copyable {
    let last: CheckpointRecord?
    /// What a state that is to be forgotten says.
    let forgotten: CheckpointRecord?
    let input: FoundInput
    private let folder: String
    private let isFresh: Bool
    private let function: (id: Int64, name: String)
    private let present: StateStore?
    private let lock: StoreLock

    static let inputName = "transactions"

    init(_ request: PreparationRequest, function: (id: Int64, name: String)) throws {
        guard let folder = request.folder else { preconditionFailure("there is a state to open") }
        try Self.makeFolder(folder)
        let lock = try StoreLock(folder: folder)
        let forgotten = request.isFresh ? Self.forgottenCheckpoint(folder, function) : nil
        let present = request.isFresh ? nil : try Self.openStore(folder, function)
        let last = try present?.lastCheckpoint()
        let input = try Self.find(request, last)
        (self.folder, self.function, isFresh) = (folder, function, request.isFresh)
        (self.forgotten, self.present, self.last, self.input) = (forgotten, present, last, input)
        self.lock = lock
    }

    /// From here on the state is changed. With a line for people where the one before was moved.
    consuming func take() throws -> (SavedState, notice: String?) {
        var notice: String?
        if isFresh, try Self.setAside(folder) { notice = "the state before is kept as '\(folder)/state.db.old'" }
        let store = try present ?? Self.openStore(folder, function)
        return (SavedState(folder: folder, store: store, lock: lock), notice)
    }

    private static func makeFolder(_ folder: String) throws(RunFailure) {
        var path = ""
        for part in folder.split(separator: "/", omittingEmptySubsequences: false) {
            path += path.isEmpty && !folder.hasPrefix("/") ? part : "/\(part)"
            if mkdir(path, 0o755) != 0, errno != EEXIST, errno != EISDIR {
                let reason = String(cString: strerror(errno))
                throw RunFailure(.cannotCreate, "cannot create the folder '\(folder)': \(reason)")
            }
        }
    }

    private static func openStore(_ folder: String, _ function: (id: Int64, name: String)) throws -> StateStore {
        let store = try StateStore(folder: folder, functions: [function])
        let names = try store.functionNames()
        guard names.contains(function.name) else {
            throw RunFailure(
                .usage,
                "the state in '\(folder)' is that of \(names.joined(separator: ", ")), not of \(function.name); name "
                    + "another folder with --state")
        }
        return store
    }

    /// If it can't be read, it owned none.
    private static func forgottenCheckpoint(
        _ folder: String, _ function: (id: Int64, name: String)
    ) -> CheckpointRecord? {
        guard access("\(folder)/state.db", F_OK) == 0 else { return nil }
        // Damage is a good reason to start afresh, not to refuse it.
        return try? openStore(folder, function).lastCheckpoint()
    }

    /// Moves the database and its log out of the way. False when there was none.
    private static func setAside(_ folder: String) throws(StoreError) -> Bool {
        let path = "\(folder)/state.db"
        guard access(path, F_OK) == 0 else { return false }
        try StateReplacement.keepOld(path)
        return true
    }

    // MARK: The input

    private static func find(
        _ request: PreparationRequest, _ last: CheckpointRecord?
    ) throws(RunFailure) -> FoundInput {
        guard let last, let recorded = last.inputs.first(where: { $0.name == inputName }) else {
            return FoundInput(finding: .first)
        }
        var recognizer = InputRecognizer(
            descriptor: request.input, interruption: request.interruption, recorded: recorded)
        switch try recognizer.recognize(request.expectation) {
        case .interrupted: return FoundInput(finding: .same, isFinished: true, wasInterrupted: true)
        case .new: return FoundInput(finding: .new, readAhead: recognizer.readAhead)
        case .same(let resumed):
            if recorded.format != request.format.rawValue, recorded.offset > 0 {
                throw RunFailure(
                    .usage, "the input was read as \(recorded.format) so far; say --format \(recorded.format)")
            }
            return FoundInput(
                finding: .same,
                position: InputPosition(offset: resumed.offset + UInt64(resumed.skipped.count), line: recorded.line),
                mark: resumed.mark, blockBytes: resumed.blockBytes, skipped: resumed.skipped,
                csvHeader: recorded.csvHeader, isFinished: resumed.isFinished)
        }
    }

    // MARK: What is said

    /// `isRepeated`: whether an output may get lines a second time.
    static func notices(
        _ last: CheckpointRecord?, _ found: FoundInput, keys: String, work: String, isRepeated: Bool
    ) -> [String] {
        guard let last else { return [] }
        switch found.finding {
        case .first: return []
        case .new: return ["the input is new and read from its start; the state of \(last.keys) \(keys) is carried on"]
        case .same where found.isFinished:
            return ["the input was \(work) to its end already (\(found.position.line) lines); nothing to do"]
        case .same:
            var notice =
                "resuming at byte \(found.position.offset), line \(found.position.line + 1), from checkpoint \(last.id)"
            if isRepeated { notice += "; lines from sequence \(last.sequence + 1) on may come out a second time" }
            return [notice]
        }
    }
}
