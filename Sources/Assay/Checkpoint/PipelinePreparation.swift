import Glibc
import StateStore

/// State, input and outputs of a pipeline brought together before the first line is read: only when all of that fits
/// anything is touched.
package struct PipelinePreparation: ~Copyable {
    /// Where the state is, if any is kept.
    let saved: SavedState?
    /// What the next checkpoint builds on.
    let record: CheckpointRecord
    let loaded: CheckpointRecord?
    let input: FoundInput
    /// By number of buffer: outputs that share one share a sink.
    let sinks: [any RowSink]
    let rejects: OpenedOutput?
    /// Lines for people, about every decision.
    package let notices: [String]

    /// Nothing is left to do: everything was read, and what was open then was told.
    package var isFinished: Bool { input.wasInterrupted || (input.isFinished && hasEnded) }

    private let hasEnded: Bool

    static let rejectsName = "rejects"

    package static func make(
        _ request: PreparationRequest, _ plan: StreamPlan, outputFolder: String
    ) throws(RunFailure) -> PipelinePreparation {
        do {
            return try bringTogether(request, plan, outputFolder)
        } catch let failure as RunFailure {
            throw failure
        } catch let error as StoreError {
            throw RunFailure(error, folder: request.folder ?? "")
        } catch {
            preconditionFailure("only typed errors are thrown: \(error)")
        }
    }

    private static func bringTogether(
        _ request: PreparationRequest, _ plan: StreamPlan, _ outputFolder: String
    ) throws -> PipelinePreparation {
        let paths = SinkPlan.Situation(
            known: nil, input: .first, mayOverwrite: false, isFresh: false, folder: outputFolder)
        try checkDistinct(request, plan, paths)
        guard request.folder != nil else {
            let situation = SinkPlan.Situation(
                known: nil, input: .first, mayOverwrite: request.mayOverwrite, isFresh: false, folder: outputFolder)
            let (outputs, rejects) = try plans(request, plan, situation)
            return PipelinePreparation(
                saved: nil, record: CheckpointRecord(), loaded: nil, input: FoundInput(finding: .first),
                sinks: try open(outputs, plan, isSaved: false),
                rejects: try rejects.map { try request.rejects!.open($0) },
                notices: [], hasEnded: false)
        }
        let state = try StateOpening(request, function: (StreamStage.functionNumber, StreamStage.functionName))
        let (last, input, known) = (state.last, state.input, state.last ?? state.forgotten)
        let hasEnded = last.map(StreamStage.hasEnded) ?? false
        if let last { try checkIdentity(last.configuration, plan, request) }
        let situation = SinkPlan.Situation(
            known: known, input: input.finding, mayOverwrite: request.mayOverwrite, isFresh: request.isFresh,
            folder: outputFolder)
        let (outputs, rejectsPlan) = try plans(request, plan, situation)
        // What is left of an input that was read to its end goes without saying.
        var notices =
            input.isFinished && !hasEnded
            ? []
            : StateOpening.notices(
                last, input, keys: "keys", work: "read", isRepeated: outputs.contains { $0.isStream })
        notices += outputs.compactMap(\.notice)
        // What was read to its end needs nothing of its outputs.
        let (saved, notice) = try state.take()
        if let notice { notices.append(notice) }
        let sinks = try open(outputs, plan, isSaved: true)
        let rejects = try rejectsPlan.map { try request.rejects!.open($0) }
        return PipelinePreparation(
            saved: saved, record: nextRecord(request, plan, last, input), loaded: last, input: input, sinks: sinks,
            rejects: rejects, notices: notices, hasEnded: hasEnded)
    }

    /// The states belong to the streams as they were.
    private static func checkIdentity(
        _ recorded: String, _ plan: StreamPlan, _ request: PreparationRequest
    ) throws(RunFailure) {
        // Patterns may be other ones: what had begun of them ends, and that is said.
        guard let difference = PipelineIdentity.difference(from: recorded, to: plan.identity).other else { return }
        throw RunFailure(
            .badData,
            "the pipeline is not that of the last checkpoint, it differs in '\(difference)'; go on with the one "
                + "before, name another folder with --state, or start over with --fresh")
    }

    /// One for each buffer, and that of the rejects.
    private static func plans(
        _ request: PreparationRequest, _ plan: StreamPlan, _ situation: SinkPlan.Situation
    ) throws(RunFailure) -> ([SinkPlan], OutputPlan?) {
        var plans: [SinkPlan] = []
        for output in plan.bufferOutputs { plans.append(try SinkPlan(plan.outputs[output], situation)) }
        var rejectsPlan: OutputPlan?
        if let rejects = request.rejects {
            rejectsPlan = try OutputPlan.of(
                rejects.situation(), recorded: situation.recorded(rejectsName), checkpoint: situation.known?.id ?? 0,
                input: situation.input, mayOverwrite: request.mayOverwrite, isForgotten: request.isFresh)
        }
        return (plans, rejectsPlan)
    }

    private static func open(
        _ plans: [SinkPlan], _ plan: StreamPlan, isSaved: Bool
    ) throws(RunFailure) -> [any RowSink] {
        var stores: [String: TableStore] = [:]
        var sinks: [any RowSink] = []
        for sink in plans { sinks.append(try sink.open(isSaved: isSaved, zone: plan.zone, stores: &stores)) }
        return sinks
    }

    /// A file that is read can't be written, nor one file twice; several tables may share a database.
    private static func checkDistinct(
        _ request: PreparationRequest, _ plan: StreamPlan, _ paths: SinkPlan.Situation
    ) throws(RunFailure) {
        var outputs: [(role: String, target: OutputTarget?)] = []
        var names: Set<String> = []
        for output in plan.bufferOutputs {
            let output = plan.outputs[output]
            let path = SinkPlan.path(output, paths)
            switch output.target {
            case .table(let table):
                guard names.insert("\(path ?? "") \(table.table.lowercased())").inserted else {
                    throw RunFailure(.usage, "table '\(table.table)' of '\(path ?? "")' is an output twice")
                }
                if let path, names.insert(path).inserted {
                    outputs.append(("the database of '\(output.stream)'", OutputTarget(path: path)))
                }
            default: outputs.append(("an output of '\(output.stream)'", OutputTarget(path: path)))
            }
        }
        outputs.append(("the rejects", request.rejects))
        try checkOutsideParts(outputs.compactMap(\.target), plan, paths)
        try Preparation.checkDistinct(request, outputs: outputs)
    }

    /// Whatever looks like a part in a folder of parts is one.
    private static func checkOutsideParts(
        _ targets: [OutputTarget], _ plan: StreamPlan, _ paths: SinkPlan.Situation
    ) throws(RunFailure) {
        for output in plan.outputs {
            guard case .parts(let parts) = output.target else { continue }
            let folder = paths.path(parts.folder)
            for target in targets {
                guard let path = target.path else { continue }
                let real = (OutputTarget.futurePath(folder), OutputTarget.futurePath(path))
                if path.hasPrefix(folder + "/") || !real.0.isEmpty && real.1.hasPrefix(real.0 + "/") {
                    throw RunFailure(
                        .usage, "'\(path)' is in the folder of the parts of '\(output.stream)'; put it elsewhere")
                }
            }
        }
    }

    private static func nextRecord(
        _ request: PreparationRequest, _ plan: StreamPlan, _ last: CheckpointRecord?, _ found: FoundInput
    ) -> CheckpointRecord {
        var record = last ?? CheckpointRecord()
        record.reason = .start
        record.configuration = plan.identity
        var input = CheckpointRecord.Input(name: StateOpening.inputName)
        if found.finding == .same, let recorded = last?.inputs.first { input = recorded }
        input.path = request.inputPath
        input.format = request.format.rawValue
        record.inputs = [input]
        return record
    }
}
