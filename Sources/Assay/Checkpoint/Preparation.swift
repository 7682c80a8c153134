import Glibc
import StateStore

/// What a run with checkpoints is asked to do.
package struct PreparationRequest {
    /// Where state is kept; nil to keep none.
    package var folder: String?
    package var input: Int32 = STDIN_FILENO
    package var inputPath = "-"
    package var format = InputFormat.jsonl
    package var output = OutputTarget(path: nil)
    package var rejects: OutputTarget?
    package var expectation = InputExpectation.auto
    package var isFresh = false
    package var mayOverwrite = false
    package var configuration = Configuration()
    /// Becomes readable when a replayed pipe shall not be waited for any longer.
    package var interruption: Int32 = -1

    package init() {}
}

/// State, input and outputs brought together before the first line is read: the lock is taken, the last checkpoint
/// found, the input recognised, and only when all of that fits anything is touched.
package struct Preparation: ~Copyable {
    /// Where the state is, if any is kept.
    let saved: SavedState?
    /// What the next checkpoint builds on.
    let record: CheckpointRecord
    /// Whose states are to be loaded.
    let loaded: CheckpointRecord?
    let output: OpenedOutput
    let rejects: OpenedOutput?
    let input: FoundInput
    /// Lines for people, about every decision.
    package let notices: [String]
    package let warnings: [String]

    /// Nothing is left to do.
    package var isFinished: Bool { input.isFinished }

    /// There is something to read before an offset of the input.
    package func resumesBefore(_ offset: UInt64) -> Bool { input.position.offset < offset }

    static let inputName = "transactions"
    static let assessmentsName = "assessments"
    static let rejectsName = "rejects"

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

        /// Ready to be read on.
        var start: LineReader.Start {
            var digest = InputDigest(from: mark, blockBytes: blockBytes)
            skipped.withUnsafeBytes { digest.update($0) }
            return LineReader.Start(position: position, readAhead: readAhead, digest: digest)
        }
    }

    package static func make(_ request: PreparationRequest) throws(RunFailure) -> Preparation {
        do {
            return try bringTogether(request)
        } catch let failure as RunFailure {
            throw failure
        } catch let error as StoreError {
            throw RunFailure(error, folder: request.folder ?? "")
        } catch {
            preconditionFailure("only typed errors are thrown: \(error)")
        }
    }

    private static func bringTogether(_ request: PreparationRequest) throws -> Preparation {
        try checkDistinct(request)
        guard let folder = request.folder else { return try withoutState(request) }
        try makeFolder(folder)
        let lock = try StoreLock(folder: folder)
        let forgotten = request.isFresh ? forgottenCheckpoint(folder) : nil
        let present = request.isFresh ? nil : try openStore(folder)
        let last = try present?.lastCheckpoint()
        let input = try find(request, last)
        let known = last ?? forgotten
        func plan(_ target: OutputTarget, _ name: String) throws(RunFailure) -> OutputPlan {
            try OutputPlan.of(
                target.situation(), recorded: known?.outputs.first { $0.name == name }, checkpoint: known?.id ?? 0,
                input: input.finding, mayOverwrite: request.mayOverwrite, isForgotten: request.isFresh)
        }
        let outputPlan = try plan(request.output, assessmentsName)
        let rejectsPlan = try request.rejects.map { try plan($0, rejectsName) }
        var notices = notices(request, last, input)
        if let notice = cutNotice(request.output, outputPlan) { notices.append(notice) }
        if let rejects = request.rejects, let rejectsPlan, let notice = cutNotice(rejects, rejectsPlan) {
            notices.append(notice)
        }
        if request.isFresh, try setAside(folder) {
            notices.append("the state before is kept as '\(folder)/state.db.old'")
        }
        let store = try present ?? openStore(folder)
        let output = try request.output.open(outputPlan)
        let rejects = try rejectsPlan.map { try request.rejects!.open($0) }
        return Preparation(
            saved: SavedState(folder: folder, store: store, lock: lock),
            record: nextRecord(request, last, input, output, rejects), loaded: last, output: output, rejects: rejects,
            input: input, notices: notices,
            warnings: last.map { ConfigurationChange.warnings(from: $0.configuration, to: request.configuration) } ?? []
        )
    }

    /// A file that is read can't be written, nor one file twice, nor the state's own.
    private static func checkDistinct(_ request: PreparationRequest) throws(RunFailure) {
        var taken = [("the input", FileIdentity("/proc/self/fd/\(request.input)"))]
        for name in ["state.db", "state.db-wal", "state.db-shm", "state.db.old", "lock"] {
            if let folder = request.folder { taken.append(("a file of the state", FileIdentity("\(folder)/\(name)"))) }
        }
        for (role, target) in [("the output", request.output), ("the rejects", request.rejects)] {
            guard let target else { continue }
            let situation = target.situation()
            guard situation.isRegularFile, !situation.realPath.isEmpty else { continue }
            let identity = FileIdentity(situation.realPath)
            if let other = taken.first(where: { $0.1.isSame(as: identity) }) {
                throw RunFailure(.usage, "\(situation.name) is also \(other.0); name another file")
            }
            taken.append((role, identity))
        }
    }

    /// What tells a file from others, whatever its names; of one that is not there, where it will lie.
    private struct FileIdentity {
        private let path: String
        private let device: UInt64
        private let number: UInt64

        init(_ path: String) {
            var status = stat()
            let isThere = stat(path, &status) == 0
            let real = OutputTarget.realPath(path)
            self.path = real.isEmpty ? OutputTarget.futurePath(path) : real
            (device, number) = isThere ? (UInt64(status.st_dev), UInt64(status.st_ino)) : (0, 0)
        }

        func isSame(as other: FileIdentity) -> Bool {
            !path.isEmpty && path == other.path || number != 0 && (device, number) == (other.device, other.number)
        }
    }

    private static func withoutState(_ request: PreparationRequest) throws(RunFailure) -> Preparation {
        func plan(_ target: OutputTarget) throws(RunFailure) -> OutputPlan {
            try OutputPlan.of(
                target.situation(), recorded: nil, checkpoint: 0, input: .first, mayOverwrite: request.mayOverwrite,
                isForgotten: false)
        }
        let outputPlan = try plan(request.output)
        var rejectsPlan: OutputPlan?
        if let rejects = request.rejects { rejectsPlan = try plan(rejects) }
        let output = try request.output.open(outputPlan)
        var rejects: OpenedOutput?
        if let rejectsPlan { rejects = try request.rejects?.open(rejectsPlan) }
        return Preparation(
            saved: nil, record: CheckpointRecord(), loaded: nil, output: output, rejects: rejects,
            input: FoundInput(finding: .first), notices: [], warnings: [])
    }

    // MARK: The state

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

    private static func openStore(_ folder: String) throws(StoreError) -> StateStore {
        try StateStore(
            folder: folder, functions: [(ScoringStage.functionNumber, ScoringStage.functionName)])
    }

    /// What a state that is to be forgotten says of its outputs. If it can't be read, it owned none.
    private static func forgottenCheckpoint(_ folder: String) -> CheckpointRecord? {
        guard access("\(folder)/state.db", F_OK) == 0 else { return nil }
        // Damage is a good reason to start afresh, not to refuse it.
        return try? openStore(folder).lastCheckpoint()
    }

    /// Moves the database and its log out of the way. False when there was none.
    private static func setAside(_ folder: String) throws(StoreError) -> Bool {
        let path = "\(folder)/state.db"
        guard access(path, F_OK) == 0 else { return false }
        try StateReplacement.keepOld(path)
        return true
    }

    // MARK: The input

    private static func find(_ request: PreparationRequest, _ last: CheckpointRecord?) throws(RunFailure) -> FoundInput
    {
        guard let last, let recorded = last.inputs.first(where: { $0.name == inputName }) else {
            return FoundInput(finding: .first)
        }
        var recognizer = InputRecognizer(
            descriptor: request.input, interruption: request.interruption, recorded: recorded)
        switch try recognizer.recognize(request.expectation) {
        case .interrupted: return FoundInput(finding: .same, isFinished: true)
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

    private static func nextRecord(
        _ request: PreparationRequest, _ last: CheckpointRecord?, _ found: FoundInput, _ output: OpenedOutput,
        _ rejects: OpenedOutput?
    ) -> CheckpointRecord {
        var record = last ?? CheckpointRecord()
        record.reason = .start
        record.configuration = ReferenceConfiguration.yaml(request.configuration, commented: false)
        var input = CheckpointRecord.Input(name: inputName)
        if found.finding == .same, let recorded = last?.inputs.first { input = recorded }
        input.path = request.inputPath
        input.format = request.format.rawValue
        record.inputs = [input]
        record.outputs = [CheckpointRecord.Output(name: assessmentsName, path: output.realPath, length: output.length)]
        if let rejects {
            record.outputs.append(
                CheckpointRecord.Output(name: rejectsName, path: rejects.realPath, length: rejects.length))
        }
        return record
    }

    // MARK: What is said

    private static func notices(
        _ request: PreparationRequest, _ last: CheckpointRecord?, _ found: FoundInput
    ) -> [String] {
        guard let last else { return [] }
        switch found.finding {
        case .first: return []
        case .new:
            return ["the input is new and read from its start; the state of \(last.keys) users is carried on"]
        case .same where found.isFinished:
            return ["the input was scored to its end already (\(found.position.line) lines); nothing to do"]
        case .same:
            var notice =
                "resuming at byte \(found.position.offset), line \(found.position.line + 1), from checkpoint \(last.id)"
            if !request.output.situation().isRegularFile {
                notice += "; lines from sequence \(last.sequence + 1) on may come out a second time"
            }
            return [notice]
        }
    }

    private static func cutNotice(_ target: OutputTarget, _ plan: OutputPlan) -> String? {
        let situation = target.situation()
        guard case .file(let length) = plan, situation.length > length else { return nil }
        return "\(situation.name) is cut back from \(situation.length) to \(length) bytes"
    }
}
