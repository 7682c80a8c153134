import AssayCore
import CBytes
import Glibc
import StateStore

/// The parts of a run, whatever its stage.
package struct RunParts {
    package var interruption = Interruption()
    /// Whether what is open stays open at the end of the input.
    package var keepsOpen = false
    /// Whether the first rejected line ends the run.
    package var isStrict = false
    /// Where to stop reading the only input: where an earlier run's delivery ended.
    package var inputEnd = UInt64.max
    package var checkpointIntervalSeconds = 10.0
    /// A checkpoint is also due after this many elements.
    package var checkpointEvery: UInt64?
    package var snapshots: SnapshotPlan?
    /// The approximate limit for the memory of the whole process.
    package var memoryBytes = Int.max
    /// The most stages that compute at once.
    package var threads = Turns.most
    /// Lines of a slow input may wait this long, so that they need not be taken one by one.
    package var lingerSeconds = 0.0
    /// The process ends after the run, so the memory of the states need not be freed piece by piece.
    package var isLast = false
    /// The only source, which knows patience, is read, and everything written, by the thread that owns the states. That
    /// is for many small batches, which cost more to pass on than to work on.
    package var isInline = false
    /// Where the run says what it does, if anyone looks.
    package var metrics: RunMetrics?
    /// Receives reports for people, on several threads.
    package var report: @Sendable (RunReport) -> Void = { _ in }

    package init() {}

    /// The part of the memory for states. Less than half, which leaves room for the index of keys that will be away,
    /// since the allocator doesn't give freed memory of states back. The rest is for batches, states that are being
    /// written, and the store's own caches.
    func stateBytes(indexBytes: Int = 0) -> Int {
        if memoryBytes == .max { return .max }
        return min(memoryBytes / 20 * 9, max(memoryBytes / 8, memoryBytes - indexBytes - (48 << 20)))
    }

    /// The text of a batch. Everybody whom it is about is in memory as long as it is worked on, and until there is a
    /// checkpoint behind it, so that with little memory batches are smaller.
    var batchBytes: Int { min(InputText.batchBytes, max(Self.leastBatchBytes, memoryBytes / Self.batchesInMemory)) }

    static let leastBatchBytes = 16 << 10
    private static let batchesInMemory = 2048
}

/// Something to report.
package enum RunReport: Sendable {
    /// A rejected line that is written nowhere else.
    case rejected(RejectedLine)
    /// What this run has done so far, with the bytes of input read.
    /// `lag`: lines that wait to be read, where that is known.
    case progress(RunCounts, bytes: UInt64, lag: UInt64?, checkpoint: Int64?)
    case checkpointFailed(String)
    /// Something about an input.
    case input(String)
    case stage(StageNotice)
    /// A requested change takes effect from the element after this one on.
    case changed(sequence: UInt64)
}

/// What can be replaced during a run.
package struct RunChange<Stage: RunStage & ~Copyable>: Sendable {
    package let change: Stage.Change
    /// The new configuration as checkpoints record it.
    package let configuration: String

    package init(_ change: Stage.Change, configuration: String) {
        self.change = change
        self.configuration = configuration
    }
}

extension RunChange where Stage == StreamStage {
    /// The patterns of a reloaded pipeline.
    package init(_ pipeline: Pipeline) {
        self.init(pipeline.plan, configuration: pipeline.plan.identity)
    }
}

extension RunChange where Stage == ScoringStage {
    package init(_ configuration: Configuration, rules: RuleSet?) {
        self.init(rules, configuration: ReferenceConfiguration.yaml(configuration, commented: false))
    }
}

/// The result of a run.
package struct RunResult: Sendable {
    /// Totals of all runs of this state.
    package var counts = RunCounts()
    /// The totals at the start.
    package var earlier = RunCounts()
    /// How often rules fired, and failed by cause, in order of their names.
    package var rules: [(name: String, count: UInt64)] = []
    package var keys = 0
    package var checkpoints = 0
    package var failure: RunFailure?
    /// It ended because its inputs have more parts: another run takes them too.
    package var hasGrown = false
    /// The last change of the configuration, as checkpoints record it.
    package var configuration: String?
    /// The only input up to here is written out, or held for a file.
    package var deliveredOffset: UInt64 = 0
    /// By output, what the readers of pipes had not taken of that when one went away.
    package var unread: [String: [UInt8]] = [:]

    /// The same as the end of a run that had another part before.
    package mutating func follow(_ former: RunResult) {
        earlier = former.earlier
        checkpoints += former.checkpoints
        if configuration == nil { configuration = former.configuration }
    }
}

/// Runs a stage over its inputs from beginning to end: one thread reads each source, one owns all states, one writes,
/// and one commits checkpoints. Batches are passed from one to the next; where they are small, who reads does it all
/// (`RunOwner`).
package struct Run<Stage: RunStage & ~Copyable>: ~Copyable {
    /// Batches under way: one in each stage, and enough between them that a stage does several before it has to wait.
    /// With five, the stages woke each other four times as often and took a tenth longer.
    private static var batchCount: Int { 16 }
    /// The least for each of several sources.
    private static var leastBatchCount: Int { 4 }

    private let inbox = Mailbox<RunMessage<Stage>>()
    private let parts: RunParts

    package init(_ parts: RunParts) {
        self.parts = parts
    }

    /// Requests a checkpoint as soon as possible. May be called from any thread.
    package var requestCheckpoint: @Sendable () -> Void {
        { [inbox] in inbox.send(.checkpointRequested) }
    }

    /// Applies a change at the next boundary between two elements where it can be exact. May be called from any thread.
    package var change: @Sendable (RunChange<Stage>) -> Void {
        { [inbox] change in inbox.send(.change(change)) }
    }

    /// Asks the thread that owns the state, which answers between two batches; never after the end of the run. May be
    /// called from any thread.
    package var ask: @Sendable (@escaping @Sendable (borrowing Stage) -> Void) -> Void {
        { [inbox] question in inbox.send(.question(question)) }
    }

    @specialized(where Stage == ScoringStage)
    @specialized(where Stage == StreamStage)
    package consuming func run(_ stage: consuming Stage, _ preparation: consuming RunPreparation) -> RunResult {
        let (parts, inbox) = (parts, inbox)
        var result = RunResult()
        let writing = RowWriter<Stage>(
            stage.makeFormatter(), sinks: preparation.sinks, rejects: preparation.rejects, ledger: preparation.ledger,
            inputs: preparation.inputs.all.map(\.input.whole), parts)
        let inputs = preparation.inputs.all
        parts.metrics?.begin(sinks: preparation.sinkNames)
        var saving: Saving?
        do throws(RunFailure) {
            if preparation.saved != nil {
                let sinks = try writing.begin()
                saving = try Self.beginSaving(&stage, preparation, sinks, parts) { inbox.send(.commit($0)) }
            }
        } catch {
            result.failure = error
            (result.counts, result.earlier) = (stage.counts, stage.counts)
            return result
        }
        if preparation.totalBytes != nil { BulkWork.begin() }
        let turns = Turns(min(parts.threads, Turns.most))
        let outputBox = Mailbox<WriterMessage<Stage>>()
        let count = max(Self.leastBatchCount, Self.batchCount / inputs.count)
        let batchBytes = max(parts.batchBytes * Self.batchCount / (count * inputs.count), RunParts.leastBatchBytes)
        var free: [Mailbox<Stage.Batch>] = []
        var readers: [SourceReader<Stage>] = []
        let isInline = parts.isInline && inputs.count == 1
        let patience = isInline ? Patience() : nil
        let posts = inputs.map { _ in ReaderPost<Stage>(inbox) }
        for (number, input) in inputs.enumerated() {
            let box = Self.batches(count, of: number, stage, bytes: batchBytes)
            free.append(box)
            let decoder = stage.makeDecoder(
                input.input.definition.format, input.input.definition.dialect, csvHeader: input.found.csvHeader)
            readers.append(
                SourceReader<Stage>(
                    number, input, decoder, parts, isSaved: preparation.saved != nil,
                    limits: OrderReplay.limits(of: number, in: preparation.replayed), patience: patience, turns: turns,
                    free: box, post: posts[number]))
        }
        writing.keep(preparation.order)
        // Who writes to anything else may be held up for long.
        let isQuick = preparation.sinks.allSatisfy { $0 is FileSink }
        let loop = RunLoop(
            stage: stage, saving: saving, inbox: inbox, outputBox: outputBox, sources: readers.map(\.source),
            free: free, inputs: inputs.map(\.input), turns: turns, parts: parts,
            replay: OrderReplay(preparation.replayed, sources: inputs.count), nextOrder: preparation.nextOrder,
            publishing: Publishing(parts.metrics, inputs))
        let owner = RunOwner(loop, writing, inbox: inbox, outputBox: outputBox, free: free, turns: turns)
        owner.begin()
        if let patience {
            return owner.run(
                InlineStages(readers[0], writing, patience) { [free] in
                    _ = writing.workOff(outputBox, free: free, inbox: inbox, turns: turns)
                })
        }
        let writer = StageThread(owner.startWriting())
        for (input, post) in zip(inputs, posts)
        where isQuick && input.input.definition is FileInput && input.found.totalBytes == nil { post.owner = owner }
        let threads = readers.map { StageThread($0.start()) }
        result = owner.run()
        for box in free { box.close() }
        outputBox.send(.stop)
        for thread in threads { thread.join() }
        writer.join()
        for post in posts { post.owner = nil }
        return result
    }

    private static func batches(
        _ count: Int, of source: Int, _ stage: borrowing Stage, bytes: Int
    ) -> Mailbox<Stage.Batch> {
        let box = Mailbox<Stage.Batch>()
        for _ in 0..<count {
            let batch = stage.makeBatch()
            batch.text = InputText(capacity: bytes)
            batch.source = source
            box.send(batch)
        }
        return box
    }

    /// Loads the states and makes the checkpoint before the first line; nil where none is kept.
    private static func beginSaving(
        _ stage: inout Stage, _ preparation: borrowing RunPreparation, _ sinks: [SettledSink], _ parts: RunParts,
        outcome: @escaping @Sendable (Committer.Outcome) -> Void
    ) throws(RunFailure) -> Saving? {
        guard let saved = preparation.saved else { return nil }
        var record = preparation.record
        record.outputs = sinks.map(\.output)
        let plan = Saving.Plan(
            saved: saved, record: record, loaded: preparation.loaded,
            positions: preparation.inputs.all.map(\.found.position), numbers: preparation.inputs.numbers,
            isNewInput: preparation.finding == .new, order: preparation.nextOrder,
            files: sinks.compactMap(\.unsynced), memoryLimit: parts.stateBytes(),
            intervalSeconds: parts.checkpointIntervalSeconds, every: parts.checkpointEvery, snapshots: parts.snapshots,
            report: { [report = parts.report] in report(.checkpointFailed($0)) })
        return try Saving(plan, stage: &stage, outcome: outcome)
    }
}

/// A thread as an element of a list.
private final class StageThread {
    private var thread: WorkerThread?

    init(_ thread: consuming WorkerThread) {
        self.thread = consume thread
    }

    func join() { thread.take()?.join() }
}

enum BulkWork {
    /// When all inputs are files, everything is there and nobody waits for a single line. Then threads started from
    /// here on need not interrupt each other for every message, which saves a twentieth. A refusal does no harm.
    static func begin() { _ = assay_schedule_in_batches() }
}
