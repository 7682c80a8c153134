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
    /// The file that says what is done, which no output may take.
    package var definitionPath: String?
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

    static let assessmentsName = "assessments"
    static let rejectsName = "rejects"

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
        try checkDistinct(
            request, outputs: [("the output", request.output), ("the rejects", request.rejects)])
        guard request.folder != nil else { return try withoutState(request) }
        let state = try StateOpening(request, function: StoredFunction.scoring)
        let (last, input, known) = (state.last, state.input, state.last ?? state.forgotten)
        func plan(_ target: OutputTarget, _ name: String) throws(RunFailure) -> OutputPlan {
            try OutputPlan.of(
                target.situation(), recorded: known?.outputs.first { $0.name == name }, checkpoint: known?.id ?? 0,
                input: input.finding, mayOverwrite: request.mayOverwrite, isForgotten: request.isFresh)
        }
        let outputPlan = try plan(request.output, assessmentsName)
        let rejectsPlan = try request.rejects.map { try plan($0, rejectsName) }
        var notices = StateOpening.notices(
            last, input, keys: "users", work: "scored", isRepeated: !request.output.situation().isRegularFile)
        if let notice = cutNotice(request.output, outputPlan) { notices.append(notice) }
        if let rejects = request.rejects, let rejectsPlan, let notice = cutNotice(rejects, rejectsPlan) {
            notices.append(notice)
        }
        let (saved, notice) = try state.take()
        if let notice { notices.append(notice) }
        let output = try request.output.open(outputPlan)
        let rejects = try rejectsPlan.map { try request.rejects!.open($0) }
        return Preparation(
            saved: saved, record: nextRecord(request, last, input, output, rejects), loaded: last, output: output,
            rejects: rejects, input: input, notices: notices,
            warnings: last.map { ConfigurationChange.warnings(from: $0.configuration, to: request.configuration) } ?? []
        )
    }

    /// A file that is read can't be written, nor one file twice, nor the state's own.
    static func checkDistinct(
        _ request: PreparationRequest, outputs: [(role: String, target: OutputTarget?)]
    ) throws(RunFailure) {
        var taken = [("the input", FileIdentity("/proc/self/fd/\(request.input)"))]
        for name in ["state.db", "state.db-wal", "state.db-shm", "state.db.old", "lock"] {
            if let folder = request.folder { taken.append(("a file of the state", FileIdentity("\(folder)/\(name)"))) }
        }
        if let path = request.definitionPath { taken.append(("the pipeline", FileIdentity(path))) }
        for (role, target) in outputs {
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

    private static func nextRecord(
        _ request: PreparationRequest, _ last: CheckpointRecord?, _ found: FoundInput, _ output: OpenedOutput,
        _ rejects: OpenedOutput?
    ) -> CheckpointRecord {
        var record = last ?? CheckpointRecord()
        record.reason = .start
        record.configuration = ReferenceConfiguration.yaml(request.configuration, commented: false)
        var input = CheckpointRecord.Input(name: StateOpening.inputName)
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

    static func cutNotice(_ target: OutputTarget, _ plan: OutputPlan) -> String? {
        let situation = target.situation()
        guard case .file(let length) = plan, situation.length > length else { return nil }
        return "\(situation.name) is cut back from \(situation.length) to \(length) bytes"
    }
}
