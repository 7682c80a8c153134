import AssayCore
import Glibc
import StateStore

/// Brings state, inputs and outputs together before the first line is read: takes the lock, finds the last checkpoint
/// and recognises the inputs. Nothing is changed unless all of that fits.
package struct RunPreparation: ~Copyable {
    /// The state, if any is kept.
    let saved: SavedState?
    /// What the next checkpoint builds on.
    let record: CheckpointRecord
    /// The checkpoint whose states are to be loaded.
    let loaded: CheckpointRecord?
    let inputs: FoundInputs
    let finding: InputFinding
    /// By number.
    let sinks: [any RowSink]
    let rejects: [RejectSink]
    let ledger: (any Ledger)?
    /// Of both, in their order.
    let sinkNames: [String]
    /// The order of several sources: its log, and what an earlier run has taken since the checkpoint.
    let order: Handover<OrderLog>?
    let nextOrder: UInt64?
    let replayed: [OrderEntry]
    /// Notices for people about every decision.
    package let notices: [String]
    package let warnings: [String]

    /// There is nothing left to do.
    package let isFinished: Bool

    /// Whether the only input has something to read before an offset.
    package func resumesBefore(_ offset: UInt64) -> Bool { inputs.all[0].found.position.offset < offset }

    /// The bytes of all inputs, if they are known.
    package var totalBytes: UInt64? {
        var total: UInt64 = 0
        for input in inputs.all {
            guard let bytes = input.found.totalBytes else { return nil }
            total += bytes
        }
        return total
    }

    /// The configuration of the checkpoint, if it came from a mark in the input.
    package var markedConfiguration: String? {
        loaded.flatMap { $0.stage[field: ScoringStage.marksName] == nil ? nil : $0.configuration }
    }

    /// How many sources there are.
    package var sourceCount: Int { inputs.all.count }

    package static func make(_ request: RunRequest) throws(RunFailure) -> RunPreparation {
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

    private static func bringTogether(_ request: RunRequest) throws -> RunPreparation {
        var claims = RunClaims(request)
        try claims.check(request)
        guard let folder = request.folder else {
            let inputs = try FoundInputs(request, nil)
            let plans = try OutputPlans(request, known: nil, finding: .first)
            return try RunPreparation(
                saved: nil, record: CheckpointRecord(), loaded: nil, inputs: inputs, finding: .first,
                sinks: plans.openSinks(), rejects: plans.openRejects(), ledger: nil, sinkNames: request.sinkNames,
                order: nil,
                nextOrder: nil, replayed: [],
                notices: inputs.notices(request, nil, hasUnread: false, isRepeated: false), warnings: [],
                isFinished: false)
        }
        let state = try StateOpening(folder: folder, isFresh: request.isFresh, functions: request.functions)
        let (last, known) = (state.last, state.last ?? state.forgotten)
        if let labels = request.labels, let last, !labels.continues(last.stage) {
            throw RunFailure(
                .badData,
                "'\(labels.path)' does not begin with the labels that the last checkpoint knows; rows may only be "
                    + "added at its end. Use the previous file, or start over with --fresh")
        }
        let followsMarks = last?.stage[field: ScoringStage.marksName] != nil && request.ledger == nil
        let warnings = followsMarks ? [] : try last.map { try request.compare($0.configuration) } ?? []
        let inputs = try FoundInputs(request, last)
        let finding = inputs.finding
        let hasEnded = last.map { request.hasEnded($0.stage) } ?? false
        let plans = try OutputPlans(request, known: known, finding: finding)
        // An input that was read to its end needs no notice.
        var notices =
            inputs.isRead && !hasEnded
            ? [] : inputs.notices(request, last, hasUnread: plans.hasUnread, isRepeated: plans.isRepeated)
        notices += plans.notices
        let (saved, notice) = try state.take()
        if let notice { notices.append(notice) }
        let order = try openOrder(inputs, folder, last)
        return try RunPreparation(
            saved: saved, record: nextRecord(request, last, inputs), loaded: last, inputs: inputs, finding: finding,
            sinks: plans.openSinks(), rejects: plans.openRejects(),
            ledger: request.ledger.map { try $0.open(last?.outputs.first { $0.name == request.ledger?.name }) },
            sinkNames: request.sinkNames, order: order?.log, nextOrder: order?.next, replayed: order?.entries ?? [],
            notices: notices,
            warnings: warnings,
            isFinished: inputs.isRead && !plans.hasUnread && (hasEnded || inputs.wasInterrupted))
    }

    /// Opens the order of several sources, which continues where the checkpoint is.
    private static func openOrder(
        _ inputs: FoundInputs, _ folder: String, _ last: CheckpointRecord?
    ) throws(RunFailure) -> (log: Handover<OrderLog>, next: UInt64, entries: [OrderEntry])? {
        guard inputs.all.count > 1 else { return nil }
        let number = last?.stage[field: Saving.orderName].map { UInt64($0) } ?? 0
        // A new input has no order with the others yet.
        let log = try OrderLog.open(in: folder, from: number, isSame: inputs.isRepeatable)
        let entries = log.replayed
        return (Handover(log), number, entries)
    }

    private static func nextRecord(
        _ request: RunRequest, _ last: CheckpointRecord?, _ inputs: FoundInputs
    ) -> CheckpointRecord {
        var record = last ?? CheckpointRecord()
        record.reason = .start
        // What a mark in the input said holds until another one comes.
        if last?.stage[field: ScoringStage.marksName] == nil { record.configuration = request.configuration }
        record.inputs = inputs.records(last)
        return record
    }
}

/// What a run does with its outputs, decided before any is changed.
private struct OutputPlans {
    private let plans: [any PlannedOutput]
    private let rejects: [(plan: any PlannedOutput, form: RowForm)]
    private var lateNotice: String?

    init(_ request: RunRequest, known: CheckpointRecord?, finding: InputFinding) throws(RunFailure) {
        func situation(_ output: NamedOutput) -> OutputSituation {
            OutputSituation(
                name: output.name, stream: output.stream, columns: output.columns,
                recorded: known?.outputs.first { $0.name == output.name },
                checkpoint: known?.id ?? 0, finding: finding, mayOverwrite: request.mayOverwrite,
                isFresh: request.isFresh, isSaved: request.folder != nil, stateFolder: request.folder,
                folder: request.outputFolder,
                zone: request.zone, interruption: request.interruption)
        }
        var plans: [any PlannedOutput] = []
        for output in request.outputs { plans.append(try output.definition.plan(situation(output))) }
        self.plans = plans
        var rejects: [(any PlannedOutput, RowForm)] = []
        for output in request.rejects {
            var rejected = situation(output)
            rejected.isOptional = true
            rejects.append((try output.definition.plan(rejected), output.form))
            if known != nil, finding == .same, rejected.recorded == nil {
                lateNotice = "the rejects begin here: those of earlier lines are not in them"
            }
        }
        self.rejects = rejects
    }

    private var all: [any PlannedOutput] { plans + rejects.map(\.plan) }

    var isRepeated: Bool { plans.contains { $0.isStream } }

    var hasUnread: Bool { plans.contains { $0.hasUnread } }

    var notices: [String] { all.compactMap(\.notice) + (lateNotice.map { [$0] } ?? []) }

    func openSinks() throws(RunFailure) -> [any RowSink] {
        var shared: [String: any AnyObject & Sendable] = [:]
        var sinks: [any RowSink] = []
        for plan in plans { sinks.append(try plan.open(&shared)) }
        return sinks
    }

    func openRejects() throws(RunFailure) -> [RejectSink] {
        var shared: [String: any AnyObject & Sendable] = [:]
        var sinks: [RejectSink] = []
        for reject in rejects { sinks.append(RejectSink(sink: try reject.plan.open(&shared), form: reject.form)) }
        return sinks
    }
}
