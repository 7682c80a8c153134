import AssayCore
import Glibc
import StateStore

/// The state-owning thread's part of checkpoints: performs what the state machine decides.
final class Saving {
    private var machine = CheckpointMachine()
    private let saved: SavedState
    private var committer: Committer?
    private let intervalSeconds: Double
    private let every: UInt64?
    private let report: @Sendable (String) -> Void

    /// What the next record starts from.
    private var record: CheckpointRecord
    /// The checkpoint under way, with everything it will write once it is complete.
    private var cut: CheckpointRecord
    private var changes: [LogChanges]?
    private var files: [Int32] = []
    private var cutBegun = 0.0
    private var isCollected = true
    private var wantsCut: CheckpointRecord.Reason?
    private var nextAttempt: Double

    private var nextConfiguration: String?
    /// By source.
    private var positions: [SourcePosition]
    private let numbers: [StageRecord.Field]
    /// By source, how many lines it was behind, where that is known.
    private var lags: [Int: UInt64] = [:]
    private var hasMoved = false
    /// The number of the order log's next entry; nil with a single source.
    private var order: UInt64?
    private var sequenceAtCut: UInt64
    private(set) var last: CheckpointRecord?
    private(set) var committed = 0
    private(set) var failures = 0
    /// The last attempt has failed.
    private(set) var isFailing = false
    private(set) var isFinished = false
    private var hasGivenUp = false

    /// The states written between two batches: about a tenth of a millisecond's work.
    private static let statesAtOnce = 512
    private static let retrySeconds = 0.1

    /// What a run saves, and how often.
    struct Plan {
        let saved: SavedState
        /// What the next checkpoint builds on.
        var record: CheckpointRecord
        /// The checkpoint whose states are to be loaded.
        let loaded: CheckpointRecord?
        /// Where each source begins.
        let positions: [SourcePosition]
        /// The numbers of several sources.
        var numbers: [StageRecord.Field] = []
        var isNewInput = false
        /// The number of the order log's next entry.
        var order: UInt64?
        /// Files that the first checkpoint waits for.
        var files: [Int32] = []
        var memoryLimit = Int.max
        var intervalSeconds: Double
        var every: UInt64?
        var snapshots: SnapshotPlan?
        var report: @Sendable (String) -> Void
    }

    /// The field of a checkpoint with the number of the order log's next entry.
    static let orderName = "order"

    /// Loads the states, makes the checkpoint before the first line, and starts the committing thread.
    init(
        _ plan: Plan, stage: inout some CheckpointedStage & ~Copyable,
        outcome: @escaping @Sendable (Committer.Outcome) -> Void
    ) throws(RunFailure) {
        var record = plan.record
        let saved = plan.saved
        do throws(StoreError) {
            let pages = try StatePageReader(path: saved.store.path)
            if let loaded = plan.loaded {
                try stage.load(loaded.stage, from: pages, memoryLimit: plan.memoryLimit)
            }
            if plan.isNewInput { stage.beginInput() }
            record.stage = Self.stamped(stage.record, plan.numbers, order: plan.order)
            record = try Self.commitFirst(record, saved.store, plan.files)
            stage.attach(pages)
        } catch {
            throw RunFailure(error, folder: saved.folder)
        }
        self.saved = saved
        self.record = record
        cut = record
        last = record
        report = plan.report
        intervalSeconds = plan.intervalSeconds
        every = plan.every
        sequenceAtCut = record.stage.sequence
        positions = plan.positions
        numbers = plan.numbers
        order = plan.order
        nextAttempt = MonotonicClock.seconds + plan.intervalSeconds
        committer = Committer(store: saved.store, folder: saved.folder, snapshots: plan.snapshots, report: outcome)
    }

    private static func stamped(
        _ record: StageRecord, _ numbers: [StageRecord.Field], _ lags: [StageRecord.Field] = [], order: UInt64?
    ) -> StageRecord {
        var record = record
        record.fields += lags
        if let order { record.fields += numbers + [StageRecord.Field(name: orderName, value: Int64(order))] }
        record.fields.sort { $0.name < $1.name }
        return record
    }

    /// Commits a checkpoint before the first line, so that a run that is killed at once can be repeated.
    private static func commitFirst(
        _ record: CheckpointRecord, _ store: StateStore, _ files: [Int32]
    ) throws(StoreError) -> CheckpointRecord {
        var record = record
        record.stamp()
        record.keysWritten = 0
        record.bytesWritten = 0
        let job = Committer.Job(record: record, changes: [], files: files, begun: MonotonicClock.seconds)
        switch Committer.commit(job, store) {
        case .committed(let committed): return committed
        case .storeFailed(let error): throw error
        case .outputNotDurable(let number):
            throw StoreError(.inputOutput, "making the output durable", String(cString: strerror(number)))
        case .snapshotFailed: preconditionFailure("no snapshot was requested")
        }
    }

    var folder: String { saved.folder }

    /// A commit has begun, and its outcome is not known.
    private(set) var isCommitting = false

    /// When `goOn` has something to do even if no message comes: at once while states are being collected.
    var deadline: Double { isCollected && wantsCut == nil ? nextAttempt : 0 }

    /// A batch was taken: the new position of its source.
    func note(_ position: SourcePosition, of source: Int) {
        positions[source] = position
        hasMoved = true
    }

    /// How many lines a source is behind, for people.
    func note(lag: UInt64, of source: Int) { lags[source] = lag }

    func note(order: UInt64) {
        self.order = order
        hasMoved = true
    }

    func request(_ reason: CheckpointRecord.Reason) {
        if isFinished || (machine.waitsForRetry && MonotonicClock.seconds < nextAttempt) { return }
        act(machine.handle(.requested(reason)))
    }

    /// Takes effect with the next cut.
    func recordNext(configuration: String) {
        nextConfiguration = configuration
    }

    /// Everything from before the cut is in the outputs, whose lengths are known now.
    func drained(_ sinks: [SettledSink]) {
        cut.outputs = sinks.map(\.output)
        files = sinks.compactMap(\.unsynced)
        act(machine.handle(.outputDrained))
    }

    /// Whether the checkpoint under way is the last one.
    var isLastCut: Bool { cut.reason.isLast }

    /// Begins what is due, or continues what is under way. Returns true when the output is to be marked here.
    func goOn(_ stage: inout some CheckpointedStage & ~Copyable) throws(RunFailure) -> Bool {
        let now = MonotonicClock.seconds
        if machine.isResting, hasMoved {
            if let every, stage.sequence - sequenceAtCut >= every { request(.count) }
        }
        if now >= nextAttempt {
            if hasMoved || !machine.isResting { request(.interval) }
            nextAttempt = now + intervalSeconds
        }
        var isMarked = false
        if let reason = wantsCut {
            wantsCut = nil
            beginCut(reason, &stage, now)
            isMarked = true
        }
        if !isCollected { try collect(&stage) }
        return isMarked
    }

    private func beginCut(
        _ reason: CheckpointRecord.Reason, _ stage: inout some CheckpointedStage & ~Copyable, _ now: Double
    ) {
        cut = record
        if let nextConfiguration { cut.configuration = nextConfiguration }
        cut.reason = reason
        cut.stamp()
        for (index, position) in positions.enumerated() {
            (cut.inputs[index].offset, cut.inputs[index].line) = (position.offset, position.line)
            cut.inputs[index].position = position.bytes
        }
        cut.stage = Self.stamped(stage.beginCut(), numbers, lagFields, order: order)
        hasMoved = false
        sequenceAtCut = cut.stage.sequence
        cutBegun = now
        isCollected = false
    }

    private var lagFields: [StageRecord.Field] {
        lags.map {
            StageRecord.Field(
                name: StageRecord.lagPrefix + record.inputs[$0.key].name, value: Int64(clamping: $0.value))
        }
    }

    private func collect(_ stage: inout some CheckpointedStage & ~Copyable) throws(RunFailure) {
        do throws(StoreError) {
            guard try stage.continueCut(states: Self.statesAtOnce) else { return }
        } catch {
            throw RunFailure(error, folder: saved.folder)
        }
        let taken = stage.takeCut()
        cut.stage.logs = taken.logs
        (cut.keysWritten, cut.bytesWritten) = (taken.keysWritten, taken.bytesWritten)
        changes = taken.changes
        isCollected = true
        act(machine.handle(.statesCollected))
    }

    /// Requests a checkpoint, unless one is under way, because unsaved changes keep memory from being freed.
    func relieve() {
        if machine.isResting { request(.memory) }
    }

    /// Returns why the run has to end, if it has to.
    func commitEnded(_ outcome: Committer.Outcome) -> RunFailure? {
        isCommitting = false
        switch outcome {
        case .committed(let committed):
            record = committed
            last = committed
            self.committed += 1
            isFailing = false
            changes = nil
            act(machine.handle(.committed))
        case .storeFailed(let error):
            let failure = RunFailure(error, folder: saved.folder)
            failures += 1
            isFailing = true
            report("checkpoint \(cut.id) was not made, \(error.description)")
            if error.kind == .damaged { return failure }
            act(machine.handle(.failed))
            if hasGivenUp { return failure }
        case .outputNotDurable(let number):
            return RunFailure(
                .inputOutput,
                "the output cannot be made durable: \(String(cString: strerror(number))); run the same command again "
                    + "to resume from the last checkpoint")
        case .snapshotFailed: preconditionFailure("not an end of a commit")
        }
        return nil
    }

    private func act(_ actions: [CheckpointMachine.Action]) {
        for action in actions {
            switch action {
            case .cut(let reason): wantsCut = reason
            case .commit:
                guard let changes else { preconditionFailure("the states are not collected") }
                isCommitting = true
                committer?.commit(Committer.Job(record: cut, changes: changes, files: files, begun: cutBegun))
            case .waitForRetry:
                nextAttempt = MonotonicClock.seconds + (machine.isEnding ? Self.retrySeconds : intervalSeconds)
            case .giveUp: hasGivenUp = true
            case .finish: isFinished = true
            }
        }
    }

    /// Waits for the committing thread.
    func stop() {
        committer.take()?.stop()
    }
}

extension CheckpointRecord {
    /// Sets a new number and the current time.
    fileprivate mutating func stamp() {
        id += 1
        takenAt = WallClock.milliseconds
    }
}
