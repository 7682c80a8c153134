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
    let inputs: [any FoundSource]
    let finding: InputFinding
    /// By number.
    let sinks: [any RowSink]
    let rejects: FileSink?
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
    package func resumesBefore(_ offset: UInt64) -> Bool { inputs[0].position.offset < offset }

    /// The bytes of all inputs, if they are known.
    package var totalBytes: UInt64? {
        var total: UInt64 = 0
        for input in inputs {
            guard let bytes = input.totalBytes else { return nil }
            total += bytes
        }
        return total
    }

    static let rejectsName = "rejects"

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
            let inputs = try find(request, nil)
            let plans = try OutputPlans(request, known: nil, finding: .first)
            return try RunPreparation(
                saved: nil, record: CheckpointRecord(), loaded: nil, inputs: inputs, finding: .first,
                sinks: plans.openSinks(), rejects: plans.openRejects(), order: nil, nextOrder: nil, replayed: [],
                notices: [], warnings: [], isFinished: false)
        }
        let state = try StateOpening(folder: folder, isFresh: request.isFresh, function: request.function)
        let (last, known) = (state.last, state.last ?? state.forgotten)
        let warnings = try last.map { try request.compare($0.configuration) } ?? []
        let inputs = try find(request, last)
        let finding = finding(of: inputs)
        let hasEnded = last.map { request.hasEnded($0.stage) } ?? false
        let plans = try OutputPlans(request, known: known, finding: finding)
        let isRead = inputs.allSatisfy(\.isFinished)
        // An input that was read to its end needs no notice.
        var notices = isRead && !hasEnded ? [] : notices(request, last, inputs, finding, plans)
        notices += plans.notices
        let (saved, notice) = try state.take()
        if let notice { notices.append(notice) }
        let order = try openOrder(request, folder, last, finding)
        return try RunPreparation(
            saved: saved, record: nextRecord(request, last, inputs), loaded: last, inputs: inputs, finding: finding,
            sinks: plans.openSinks(), rejects: plans.openRejects(), order: order?.log, nextOrder: order?.next,
            replayed: order?.entries ?? [], notices: notices, warnings: warnings,
            isFinished: isRead && !plans.hasUnread && (hasEnded || inputs.contains { $0.wasInterrupted }))
    }

    // MARK: Inputs

    private static func find(_ request: RunRequest, _ last: CheckpointRecord?) throws -> [any FoundSource] {
        if let last,
            last.inputs.count != request.inputs.count
                || Set(last.inputs.map(\.name)) != Set(request.inputs.map(\.name))
        {
            let names = last.inputs.map { "'\($0.name)'" }.joined(separator: ", ")
            throw RunFailure(
                .badData,
                "the last checkpoint has the inputs \(names); give those again, or start over with --fresh")
        }
        var opening = SourceOpening()
        opening.expectation = request.expectation
        opening.interruption = request.interruption
        return try request.inputs.map { input in
            try input.definition.find(last?.inputs.first { $0.name == input.name }, opening)
        }
    }

    private static func finding(of inputs: [any FoundSource]) -> InputFinding {
        if inputs.contains(where: { $0.finding == .new }) { return .new }
        return inputs.contains { $0.finding == .same } ? .same : .first
    }

    /// Opens the order of several sources, which continues where the checkpoint is.
    private static func openOrder(
        _ request: RunRequest, _ folder: String, _ last: CheckpointRecord?, _ finding: InputFinding
    ) throws(RunFailure) -> (log: Handover<OrderLog>, next: UInt64, entries: [OrderEntry])? {
        guard request.inputs.count > 1 else { return nil }
        let number = last?.stage[field: Saving.orderName].map { UInt64($0) } ?? 0
        // A new input has no order with the others yet.
        let log = try OrderLog.open(in: folder, from: number, isSame: finding == .same)
        let entries = log.replayed
        return (Handover(log), number, entries)
    }

    // MARK: Records and notices

    private static func nextRecord(
        _ request: RunRequest, _ last: CheckpointRecord?, _ inputs: [any FoundSource]
    ) -> CheckpointRecord {
        var record = last ?? CheckpointRecord()
        record.reason = .start
        record.configuration = request.configuration
        record.inputs = zip(request.inputs, inputs).map { input, found in
            var recorded = CheckpointRecord.Input(name: input.name)
            if found.finding == .same, let before = last?.inputs.first(where: { $0.name == input.name }) {
                recorded = before
            }
            recorded.path = input.definition.path
            recorded.format = input.definition.format.rawValue
            if found.finding != .same { recorded.position = found.position.bytes }
            return recorded
        }
        return record
    }

    private static func notices(
        _ request: RunRequest, _ last: CheckpointRecord?, _ inputs: [any FoundSource], _ finding: InputFinding,
        _ plans: OutputPlans
    ) -> [String] {
        guard let last else { return [] }
        var notices: [String] = []
        for (input, found) in zip(request.inputs, inputs) {
            let name = inputs.count > 1 ? "input '\(input.name)'" : "the input"
            switch found.finding {
            case .first: continue
            case .new:
                notices.append(
                    "\(name) is new and read from its start; the state of \(last.stage.keys) \(request.words.keys) is "
                        + "carried on")
            case .same where found.isFinished:
                notices.append(
                    "\(name) was \(request.words.done) to its end already (\(found.position.line) lines)"
                        + (plans.hasUnread
                            ? "; its last lines, which nobody took, are written again"
                            : inputs.count > 1 ? "" : "; nothing to do"))
            case .same:
                let place = "byte \(found.position.offset), line \(found.position.line + 1)"
                var notice =
                    (inputs.count > 1 ? "\(name): " : "") + "resuming at \(place), from checkpoint \(last.id)"
                if plans.isRepeated {
                    notice += "; lines from sequence \(last.stage.sequence + 1) on may come out a second time"
                }
                notices.append(notice)
            }
        }
        return notices
    }
}

/// What a run does with its outputs, decided before any is changed.
private struct OutputPlans {
    private let plans: [any PlannedOutput]
    private let rejects: (any PlannedOutput)?
    private var lateNotice: String?

    init(_ request: RunRequest, known: CheckpointRecord?, finding: InputFinding) throws(RunFailure) {
        func situation(
            _ name: String, of stream: String, _ columns: [StreamColumn]?, _ folder: String
        ) -> OutputSituation {
            OutputSituation(
                name: name, stream: stream, columns: columns, recorded: known?.outputs.first { $0.name == name },
                checkpoint: known?.id ?? 0, finding: finding, mayOverwrite: request.mayOverwrite,
                isFresh: request.isFresh, isSaved: request.folder != nil, folder: folder, zone: request.zone,
                interruption: request.interruption)
        }
        var plans: [any PlannedOutput] = []
        for output in request.outputs {
            plans.append(
                try output.definition.plan(
                    situation(output.name, of: output.stream, output.columns, request.outputFolder)))
        }
        self.plans = plans
        var rejects: (any PlannedOutput)?
        if let target = request.rejects {
            let definition = FileOutput(target, form: .json, name: RunPreparation.rejectsName)
            var rejected = situation(RunPreparation.rejectsName, of: RunPreparation.rejectsName, nil, "")
            rejected.isOptional = true
            rejects = try definition.plan(rejected)
            if known != nil, finding == .same, rejected.recorded == nil {
                lateNotice = "the rejects begin here: those of earlier lines are not in them"
            }
        }
        self.rejects = rejects
    }

    var isRepeated: Bool { plans.contains { $0.isStream } }

    var hasUnread: Bool { plans.contains { $0.hasUnread } }

    var notices: [String] {
        (plans + (rejects.map { [$0] } ?? [])).compactMap(\.notice) + (lateNotice.map { [$0] } ?? [])
    }

    func openSinks() throws(RunFailure) -> [any RowSink] {
        var shared: [String: any AnyObject & Sendable] = [:]
        var sinks: [any RowSink] = []
        for plan in plans { sinks.append(try plan.open(&shared)) }
        return sinks
    }

    func openRejects() throws(RunFailure) -> FileSink? {
        var shared: [String: any AnyObject & Sendable] = [:]
        return try rejects?.open(&shared) as? FileSink
    }
}
