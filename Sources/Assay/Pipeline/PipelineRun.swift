import CBytes
import Glibc
import StateStore

/// What ended a run of a pipeline before its input ended.
package enum PipelineError: Error, Equatable, Sendable {
    case inputFailed(errorNumber: Int32)
    case outputFailed(SinkFault)
    case rejectsFailed(errorNumber: Int32)
    case stateDamaged(RunFailure)
    /// Checkpoints failed again and again.
    case checkpointsFailed(RunFailure)
    case outputNotDurable(errorNumber: Int32)
}

/// Runs a pipeline over one input from beginning to end: three threads that pass batches on, and a fourth that commits
/// checkpoints.
package struct PipelineRun: ~Copyable {
    /// What a run is made of. The descriptors stay the caller's.
    package struct Parts {
        package let plan: StreamPlan
        package var input: Int32 = STDIN_FILENO
        package var interruption = Interruption()
        package var waitsForGrowth = false
        /// The end of the input is not the end of time: what is open stays open.
        package var keepsOpen = false
        package var checkpointIntervalSeconds = 10.0
        /// So many events call for a checkpoint, too.
        package var checkpointEvery: UInt64?
        package var snapshots: SnapshotPlan?
        /// Told of what people should know.
        package var report: @Sendable (Report) -> Void = { _ in }

        package init(_ plan: StreamPlan) {
            self.plan = plan
        }
    }

    package enum Report: Sendable {
        case rejected(RejectedLine)
        /// What the run has done so far, and the bytes of input behind it.
        case progress(StreamCounts, bytes: UInt64, checkpoint: Int64?)
        case checkpointFailed(String)
        /// The first time that an expression of a stream fails for a cause.
        case expressionFailed(stream: String, message: String)
        /// Other patterns hold, from behind so many events on.
        case patternsInForce(changed: [String], sequence: UInt64)
        /// What a pattern had begun, and has ended because it was changed.
        case sequencesEnded(stream: String, EndedSequences)
        /// A key has more open than a pattern's limits allow.
        case runsDropped(stream: String, limits: PatternLimits)
    }

    /// What a run came to.
    package struct Result: Sendable {
        /// Of all runs of this state.
        package var counts: StreamCounts
        /// When it began.
        package var earlier: StreamCounts
        package var keys = 0
        package var checkpoints = 0
        package var failure: PipelineError?
    }

    private static let batchCount = 16
    /// Nobody waits for a single line: what windows tell waits far longer for the watermark.
    private static let lingerSeconds = 0.05

    private let inbox = Mailbox<PipelineMessage>()
    private let parts: Parts

    package init(_ parts: Parts) {
        self.parts = parts
    }

    /// A checkpoint as soon as possible. May be called from any thread.
    package var requestCheckpoint: @Sendable () -> Void {
        { [inbox] in inbox.send(.checkpointRequested) }
    }

    /// Other patterns as soon as possible. May be called from any thread.
    package var reload: @Sendable (PipelineReload) -> Void {
        { [inbox] reload in inbox.send(.reload(reload)) }
    }

    package consuming func run(_ preparation: consuming PipelinePreparation) -> Result {
        let (parts, inbox) = (parts, inbox)
        let free = Mailbox<EventBatch>()
        for _ in 0..<Self.batchCount { free.send(EventBatch(outputs: parts.plan.buffers)) }
        let outputBox = Mailbox<RowMessage>()
        var stage = StreamStage(parts.plan, isSaved: preparation.saved != nil)
        let output = RowOutputStage(preparation, parts.report)
        var saving: Saving?
        do throws(RunFailure) {
            if let saved = preparation.saved {
                var record = preparation.record
                record.outputs = try output.begin()
                let plan = Saving.Plan(
                    saved: saved, record: record, loaded: preparation.loaded, start: preparation.input.position,
                    isNewInput: preparation.input.finding == .new,
                    intervalSeconds: parts.checkpointIntervalSeconds, every: parts.checkpointEvery,
                    snapshots: parts.snapshots, report: { [report = parts.report] in report(.checkpointFailed($0)) })
                saving = try Saving(plan, stage: &stage, outcome: { inbox.send(.commit($0)) })
            }
        } catch {
            let counts = stage.presentCounts
            return Result(
                counts: counts, earlier: counts,
                failure: error.kind == .badData ? .stateDamaged(error) : .checkpointsFailed(error))
        }
        if !parts.waitsForGrowth { BulkWork.begin(reading: parts.input) }
        let reading = Self.startReading(parts, preparation, free: free, inbox: inbox)
        let writing = Self.startWriting(output, box: outputBox, free: free, inbox: inbox)
        var loop = PipelineLoop(
            stage: stage, saving: saving, inbox: inbox, outputBox: outputBox, free: free, parts: parts)
        loop.run()
        let result = loop.finish()
        free.close()
        outputBox.send(.stop)
        reading.join()
        writing.join()
        return result
    }

    private static func startReading(
        _ parts: Parts, _ preparation: borrowing PipelinePreparation, free: Mailbox<EventBatch>,
        inbox: Mailbox<PipelineMessage>
    ) -> WorkerThread {
        let interruption = parts.interruption
        let stage = Handover(
            EventInputStage(
                parts.plan,
                reader: LineReader(
                    descriptor: parts.input, interruption: interruption.descriptor,
                    waitsForGrowth: parts.waitsForGrowth, isDigested: preparation.saved != nil,
                    lingerSeconds: Self.lingerSeconds, leavesUnfinished: parts.keepsOpen,
                    start: preparation.input.start),
                csvHeader: preparation.input.csvHeader))
        return WorkerThread {
            var input = stage.take()
            var isWhole = false
            while !interruption.isTriggered, let batch = free.receive() {
                batch.reset()
                do throws(InputError) {
                    let outcome = try input.fill(batch)
                    isWhole = outcome == .end
                    guard outcome == .lines else { break }
                } catch {
                    inbox.send(.inputFailed(errorNumber: error.errorNumber))
                    return
                }
                inbox.send(.batch(batch))
            }
            inbox.send(.inputEnded(isWhole: isWhole))
        }
    }

    private static func startWriting(
        _ stage: RowOutputStage, box: Mailbox<RowMessage>, free: Mailbox<EventBatch>, inbox: Mailbox<PipelineMessage>
    ) -> WorkerThread {
        let stage = Handover(stage)
        return WorkerThread {
            let output = stage.take()
            var hasFailed = false
            while true {
                let message = box.receive(until: hasFailed ? .infinity : output.due)
                do throws(PipelineError) {
                    switch message {
                    case .batch(let batch)?:
                        defer { free.send(batch) }
                        if hasFailed { continue }
                        try output.write(batch)
                        inbox.send(.written(batch.counts, bytes: batch.text.endOffset))
                    case .mark(let isLast)?:
                        if hasFailed { continue }
                        inbox.send(.drained(try output.settle(isLast: isLast)))
                    case .release?: if !hasFailed { try output.release() }
                    case .stop?: return
                    case nil: if !hasFailed { try output.flushDue() }
                    }
                    if !hasFailed { try output.flushDue() }
                } catch {
                    hasFailed = true
                    inbox.send(.outputFailed(error))
                }
            }
        }
    }
}
