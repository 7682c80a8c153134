import CBytes
import CivilTime
import Glibc
import StateStore

/// What ended a run before its input ended.
package enum ScoreError: Error, Equatable, Sendable {
    package enum Output: Sendable {
        case assessments, rejects
    }
    case inputFailed(errorNumber: Int32)
    case outputFailed(Output, errorNumber: Int32)
    /// Whoever read the assessments has gone.
    case outputClosed
    /// The first rejected line, when rejected lines are not to be had.
    case badLine(RejectedLine)
    case stateDamaged(RunFailure)
    /// Checkpoints failed again and again.
    case checkpointsFailed(RunFailure)
    case outputNotDurable(errorNumber: Int32)
}

/// Scores one input from beginning to end: three threads that pass batches on, and a fourth that commits checkpoints.
package struct ScoreRun: ~Copyable {
    /// What a run is made of. The descriptors stay the caller's.
    package struct Parts {
        package var settings = ScoringSettings()
        package var zone = TimeZoneRules.utc
        package var fields = FieldNames.standard
        package var rules: RuleSet?
        package var format = InputFormat.jsonl
        package var input: Int32 = STDIN_FILENO
        package var interruption = Interruption()
        package var waitsForGrowth = false
        package var isStrict = false
        /// Where to stop reading: what a run before this one had delivered.
        package var inputEnd = UInt64.max
        package var checkpointIntervalSeconds = 10.0
        /// So many transactions call for a checkpoint, too.
        package var checkpointEvery: UInt64?
        package var snapshots: SnapshotPlan?
        /// The memory that the whole process may take, about.
        package var memoryBytes = Int.max
        /// At most so many stages compute at once.
        package var threads = ScoreRun.stageCount
        /// Told of rejected lines that are written nowhere, and of other things that people should know.
        package var report: @Sendable (Report) -> Void = { _ in }

        package init() {}

        /// What users at home may take of it. Less than half, so that there is room for the index of those who will be
        /// away: what was once given to states does not come back, the allocator keeps it in pieces. The rest is for
        /// batches, states that are being written down, and the store's own caches.
        func stateBytes(indexBytes: Int = 0) -> Int {
            if memoryBytes == .max { return .max }
            return min(memoryBytes / 20 * 9, max(memoryBytes / 8, memoryBytes - indexBytes - (48 << 20)))
        }
    }

    package enum Report: Sendable {
        case rejected(RejectedLine)
        /// What the run has done so far, and the bytes of input behind it.
        case progress(ScoreCounts, bytes: UInt64, checkpoint: Int64?)
        case checkpointFailed(String)
        /// The first time that a rule fails for a cause.
        case ruleFailed(rule: String, message: String)
        /// The first time that a user has more open than a pattern's limits allow.
        case sequencesDropped(pattern: String)
        /// So many rules hold from the transaction behind this one on.
        case rulesInForce(Int, sequence: UInt64)
        /// So many sequences that patterns had begun end, because those are not there any more.
        case sequencesEnded(Int)
    }

    /// What a run came to.
    package struct Result: Sendable {
        package var counts = ScoreCounts()
        /// How often rules fired, and failed by cause, in order of their names.
        package var rules: [(name: String, count: UInt64)] = []
        package var users = 0
        package var checkpoints = 0
        package var failure: ScoreError?
        /// The last rules that were taken while the run went on.
        package var reload: RuleReload?
        /// The input up to here is written out, or held for a file.
        package var deliveredOffset: UInt64 = 0

        init(failure: ScoreError? = nil) {
            self.failure = failure
        }
    }

    /// Batches under way: one in each stage, and enough between them that a stage does several before it has to wait.
    /// With five the stages woke each other four times as often and took a tenth longer.
    private static let batchCount = 16

    /// Reading, scoring and writing. More threads would have nothing to do: one of them owns all states.
    package static let stageCount = Turns.most

    private let inbox = Mailbox<ScoringMessage>()
    private let parts: Parts

    package init(_ parts: Parts) {
        self.parts = parts
    }

    /// A checkpoint as soon as possible. May be called from any thread.
    package var requestCheckpoint: @Sendable () -> Void {
        { [inbox] in inbox.send(.checkpointRequested) }
    }

    /// Takes other rules at the next boundary between two transactions where that can be made exact. May be called from
    /// any thread.
    package var reload: @Sendable (RuleReload) -> Void {
        { [inbox] reload in inbox.send(.reload(reload)) }
    }

    package consuming func run(_ preparation: consuming Preparation) -> Result {
        let parts = parts
        let inbox = inbox
        let free = Mailbox<Batch>()
        for _ in 0..<Self.batchCount { free.send(Batch()) }
        let outputBox = Mailbox<OutputMessage>()
        let turns = Turns(min(parts.threads, Turns.most))
        var scoring = ScoringStage(
            settings: parts.settings, zone: parts.zone, sequence: preparation.loaded?.sequence ?? 0)
        scoring.install(parts.rules)
        var saving: Saving?
        do throws(RunFailure) {
            if let plan = Self.savingPlan(preparation, parts) {
                saving = try Saving(plan, stage: &scoring, outcome: { inbox.send(.commit($0)) })
            }
        } catch {
            return Result(failure: error.kind == .badData ? .stateDamaged(error) : .checkpointsFailed(error))
        }
        if !parts.waitsForGrowth { BulkWork.begin(reading: parts.input) }
        let reading = Self.startReading(parts, preparation, turns, free: free, inbox: inbox)
        let writing = Self.startWriting(parts, preparation, turns, box: outputBox, free: free, inbox: inbox)
        var loop = ScoringLoop(
            scoring: scoring, saving: saving, inbox: inbox, outputBox: outputBox, free: free, turns: turns,
            parts: parts)
        loop.run()
        let result = loop.finish()
        free.close()
        outputBox.send(.stop)
        reading.join()
        writing.join()
        return result
    }

    private static func savingPlan(_ preparation: borrowing Preparation, _ parts: Parts) -> Saving.Plan? {
        guard let saved = preparation.saved else { return nil }
        let files = ([preparation.output] + [preparation.rejects].compactMap { $0 })
            .filter(\.isRegularFile).map(\.descriptor)
        return Saving.Plan(
            saved: saved, record: preparation.record, loaded: preparation.loaded, start: preparation.input.position,
            files: files, memoryLimit: parts.stateBytes(), intervalSeconds: parts.checkpointIntervalSeconds,
            every: parts.checkpointEvery, snapshots: parts.snapshots,
            report: { [report = parts.report] in report(.checkpointFailed($0)) })
    }

    private static func startReading(
        _ parts: Parts, _ preparation: borrowing Preparation, _ turns: Turns, free: Mailbox<Batch>,
        inbox: Mailbox<ScoringMessage>
    ) -> WorkerThread {
        let interruption = parts.interruption
        var decoder = TransactionDecoder(format: parts.format, fields: parts.fields, zone: parts.zone)
        decoder.resume(csvHeader: preparation.input.csvHeader)
        let stage = Handover(
            InputStage(
                reader: LineReader(
                    descriptor: parts.input, interruption: interruption.descriptor,
                    waitsForGrowth: parts.waitsForGrowth, isDigested: preparation.saved != nil,
                    end: parts.inputEnd,
                    start: preparation.input.start, willWait: { inbox.send(.inputIsIdle) }),
                decoder: decoder, turns: turns))
        return WorkerThread {
            var input = stage.take()
            while !interruption.isTriggered, let batch = free.receive() {
                batch.reset()
                do throws(InputError) {
                    guard try input.fill(batch) == .lines else { break }
                } catch {
                    inbox.send(.inputFailed(errorNumber: error.errorNumber))
                    return
                }
                inbox.send(.batch(batch))
            }
            inbox.send(.inputEnded)
        }
    }

    private static func startWriting(
        _ parts: Parts, _ preparation: borrowing Preparation, _ turns: Turns, box: Mailbox<OutputMessage>,
        free: Mailbox<Batch>, inbox: Mailbox<ScoringMessage>
    ) -> WorkerThread {
        let rejects = preparation.rejects
        let stage = Handover(
            OutputStage(
                assessments: OutputSink(preparation.output, isDurable: preparation.saved != nil),
                rejects: rejects.map { OutputSink($0, isDurable: false) },
                rejectsStart: rejects?.length ?? 0, settings: parts.settings, isStrict: parts.isStrict, turns: turns,
                report: parts.report))
        return WorkerThread {
            var output = stage.take()
            var hasFailed = false
            while let message = box.receive() {
                do throws(ScoreError) {
                    switch message {
                    case .batch(let batch):
                        defer { free.send(batch) }
                        if hasFailed { continue }
                        try output.write(batch)
                        inbox.send(.written(output.counts, bytes: batch.text.endOffset))
                    case .flush: if !hasFailed { try output.flush() }
                    case .mark:
                        if hasFailed { continue }
                        try output.flush()
                        inbox.send(.drained(output.lengths))
                    case .stop: return
                    }
                } catch {
                    hasFailed = true
                    inbox.send(.outputFailed(error, output.counts))
                }
            }
        }
    }
}
