import StateStore

/// What reaches the thread that owns all keyed state of a pipeline.
enum PipelineMessage: Sendable {
    case batch(EventBatch)
    /// `isWhole`: there is nothing more, ever; else somebody wanted reading to stop.
    case inputEnded(isWhole: Bool)
    case inputFailed(errorNumber: Int32)
    /// A batch is written out; the counts are of everything that is.
    case written(StreamCounts, bytes: UInt64)
    case outputFailed(PipelineError)
    /// Everything that was made before the cut is in the outputs.
    case drained([CheckpointRecord.Output])
    case commit(Committer.Outcome)
    case checkpointRequested
    case reload(PipelineReload)
}

/// What the writing thread is told.
enum RowMessage: Sendable {
    case batch(EventBatch)
    /// Tell when everything before this is durable.
    case mark(isLast: Bool)
    /// The checkpoint that was marked last is durable.
    case release
    case stop
}

/// The loop of the thread that owns a pipeline's state: takes batches in their order and passes on what the streams
/// make of them; between two of them it goes on with the checkpoint that is under way.
struct PipelineLoop: ~Copyable {
    private var stage: StreamStage
    private let saving: Saving?
    private let inbox: Mailbox<PipelineMessage>
    private let outputBox: Mailbox<RowMessage>
    private let free: Mailbox<EventBatch>
    private let parts: PipelineRun.Parts

    private var result: PipelineRun.Result
    private var isInputOver = false
    private var isOver = false
    /// Without checkpoints: everything is written, and the outputs are brought to their end.
    private var isSettling = false
    /// Batches that were worked on and not yet written.
    private var underWay = 0
    /// Batches that wait until something is in a checkpoint: that event time went on without them, or other patterns.
    private var postponed: [EventBatch] = []
    /// Patterns that hold once a checkpoint names them.
    private var reload: PipelineReload?
    /// The end of the input waits as well.
    private var isEndPostponed = false
    private var lastBytes: UInt64 = 0
    /// When the last input came, and when it is next looked at whether event time has to go on alone.
    private var lastInput = MonotonicClock.seconds
    private var nextIdleMoment = Double.infinity

    init(
        stage: consuming StreamStage, saving: Saving?, inbox: Mailbox<PipelineMessage>,
        outputBox: Mailbox<RowMessage>, free: Mailbox<EventBatch>, parts: PipelineRun.Parts
    ) {
        let counts = stage.presentCounts
        result = PipelineRun.Result(counts: counts, earlier: counts)
        self.stage = stage
        self.saving = saving
        self.inbox = inbox
        self.outputBox = outputBox
        self.free = free
        self.parts = parts
        if let idle = parts.plan.idle { nextIdleMoment = lastInput + Double(idle) / 1000 }
    }

    mutating func run() {
        for (stream, ended) in stage.endedAtLoading { parts.report(.sequencesEnded(stream: stream, ended)) }
        if stage.pendingTime != nil { goOnWithoutInput() }
        while !isOver {
            // After a failure only messages lead to the end.
            let deadline =
                result.failure == nil ? min(saving?.deadline ?? .infinity, nextIdleMoment) : Double.infinity
            if let message = inbox.receive(until: deadline) { take(message) }
            lookForIdleness()
            goOnSaving()
            endIfDone()
        }
    }

    /// What the run came to; ends the committing thread.
    mutating func finish() -> PipelineRun.Result {
        result.counts = stage.presentCounts
        result.keys = stage.keyCount
        result.checkpoints = saving?.committed ?? 0
        saving?.stop()
        return result
    }

    private mutating func take(_ message: PipelineMessage) {
        switch message {
        case .batch(let batch):
            noteInput()
            if result.failure == nil, isWaiting { postponed.append(batch) } else { work(on: batch) }
        case .inputEnded(let isWhole): end(isWhole: isWhole)
        case .inputFailed(let number):
            isInputOver = true
            fail(.inputFailed(errorNumber: number))
        case .written(let counts, let bytes):
            underWay -= 1
            if bytes > 0 { lastBytes = bytes }
            parts.report(.progress(counts, bytes: lastBytes, checkpoint: saving?.last?.id))
        case .outputFailed(let error): fail(error)
        case .drained(let outputs):
            saving?.drained(outputs)
            if isSettling { isOver = true }
        case .commit(let outcome): commitEnded(outcome)
        case .checkpointRequested: saving?.request(.signal)
        case .reload(let reload): begin(reload)
        }
    }

    private var isWaiting: Bool { stage.pendingTime != nil || reload != nil }

    // MARK: Batches

    private mutating func work(on batch: EventBatch) {
        guard result.failure == nil else { return free.send(batch) }
        let isDone = attempt { (stage: inout StreamStage) throws(StoreError) in try stage.process(batch) }
        guard isDone else { return free.send(batch) }
        saving?.note(batch.standing)
        pass(on: batch)
    }

    private mutating func pass(on batch: EventBatch) {
        for failure in stage.takeFailures() {
            parts.report(.expressionFailed(stream: failure.stream, message: failure.error.message))
        }
        for overflow in stage.takeOverflows() {
            parts.report(.runsDropped(stream: overflow.stream, limits: overflow.limits))
        }
        batch.counts = stage.presentCounts
        underWay += 1
        outputBox.send(.batch(batch))
    }

    /// False after a failure, which ends the run.
    private mutating func attempt(_ body: (inout StreamStage) throws(StoreError) -> Void) -> Bool {
        do throws(StoreError) {
            try body(&stage)
            return true
        } catch {
            fail(.stateDamaged(RunFailure(error, folder: saving?.folder ?? "")))
            return false
        }
    }

    /// Rows that no batch of input causes go in one of their own.
    private mutating func advance(_ body: (inout StreamStage, [RowBuffer]) throws(StoreError) -> Void) {
        let batch = EventBatch(outputs: parts.plan.buffers)
        let isDone = attempt { (stage: inout StreamStage) throws(StoreError) in try body(&stage, batch.outputs) }
        if isDone { pass(on: batch) }
    }

    private mutating func end(isWhole: Bool) {
        isInputOver = true
        nextIdleMoment = .infinity
        guard isWhole, !parts.keepsOpen, result.failure == nil else { return }
        if stage.pendingTime != nil { goOnWithoutInput() }
        if reload != nil {
            isEndPostponed = true
        } else {
            finishStreams()
        }
    }

    private mutating func finishStreams() {
        advance { (stage, outputs) throws(StoreError) in try stage.finish(into: outputs) }
    }

    // MARK: Time without input

    private mutating func noteInput() {
        guard let idle = parts.plan.idle else { return }
        lastInput = MonotonicClock.seconds
        nextIdleMoment = lastInput + Double(idle) / 1000
    }

    /// With checkpoints it is written down before anything comes of it: a run that goes on from there has it at the
    /// same place among its events.
    private mutating func lookForIdleness() {
        let now = MonotonicClock.seconds
        guard let idle = parts.plan.idle, now >= nextIdleMoment, result.failure == nil else { return }
        nextIdleMoment = now + Double(idle) / 1000
        guard stage.pendingTime == nil, stage.sequence > 0, stage.hasOpenTimers else { return }
        stage.pendingTime = stage.greatestTime.milliseconds + Int64((now - lastInput) * 1000)
        if let saving { saving.request(.interval) } else { goOnWithoutInput() }
    }

    private mutating func goOnWithoutInput() {
        guard let time = stage.pendingTime else { return }
        stage.pendingTime = nil
        advance { (stage, outputs) throws(StoreError) in
            try stage.advance(to: EventTime(milliseconds: time), into: outputs)
        }
        workOnPostponed()
    }

    private mutating func workOnPostponed() {
        guard !isWaiting else { return }
        let batches = postponed
        postponed = []
        for batch in batches { work(on: batch) }
        guard isEndPostponed else { return }
        isEndPostponed = false
        finishStreams()
    }

    // MARK: Other patterns

    /// With checkpoints they wait for one that has all events before them and names them: whichever run goes on from
    /// there, or from a later one, finds what this one does.
    private mutating func begin(_ reload: PipelineReload) {
        guard result.failure == nil, !isInputOver || !postponed.isEmpty else { return }
        guard let saving else { return install(reload) }
        self.reload = reload
        saving.recordNext(configuration: reload.plan.identity)
        saving.request(.signal)
    }

    private mutating func install(_ reload: PipelineReload) {
        let (changed, ended) = stage.install(reload.plan)
        parts.report(.patternsInForce(changed: changed, sequence: stage.sequence))
        for (stream, ended) in ended { parts.report(.sequencesEnded(stream: stream, ended)) }
    }

    private mutating func endReload(behind record: CheckpointRecord) {
        guard let reload else { return }
        guard record.configuration == reload.plan.identity else {
            // That was a checkpoint from before: the one with the new patterns is still to come.
            saving?.request(.signal)
            return
        }
        self.reload = nil
        install(reload)
        workOnPostponed()
    }

    // MARK: Checkpoints

    private mutating func commitEnded(_ outcome: Committer.Outcome) {
        switch outcome {
        case .committed, .storeFailed, .outputNotDurable:
            if case .committed = outcome {
                stage.noteCommitted()
                outputBox.send(.release)
            }
            if let failure = saving?.commitEnded(outcome) { fail(PipelineError(failure)) }
            if case .committed(let record) = outcome {
                endReload(behind: record)
                if stage.pendingTime != nil { goOn(behind: record) }
            }
        case .snapshotFailed(let error):
            parts.report(.checkpointFailed("no snapshot was made, \(error.description)"))
        }
    }

    /// That was the checkpoint with the time to come, or one from before.
    private mutating func goOn(behind record: CheckpointRecord) {
        if StreamStage.knowsPendingTime(record) { goOnWithoutInput() } else { saving?.request(.interval) }
    }

    private mutating func goOnSaving() {
        guard let saving, result.failure == nil else { return }
        do throws(RunFailure) {
            // A run that was stopped leaves its parts to the next one.
            if try saving.goOn(&stage) {
                outputBox.send(.mark(isLast: saving.isLastCut && stage.hasEnded))
            }
        } catch {
            fail(.stateDamaged(error))
        }
    }

    // MARK: The end

    /// The first failure counts; nothing is worked on after it.
    private mutating func fail(_ error: PipelineError) {
        if result.failure == nil { result.failure = error }
        parts.interruption.trigger()
        reload = nil
        isEndPostponed = false
        for batch in postponed { free.send(batch) }
        postponed = []
    }

    private mutating func endIfDone() {
        guard isInputOver, postponed.isEmpty, !isEndPostponed else { return }
        if result.failure != nil {
            // What is being committed is let finish; the rest is done again by the next run.
            isOver = saving?.isCommitting != true
        } else if let saving {
            saving.request(.end)
            isOver = saving.isFinished
        } else if underWay == 0, !isSettling {
            // What outputs hold back, they hold no longer.
            isSettling = true
            outputBox.send(.mark(isLast: true))
        }
    }
}

extension PipelineError {
    /// What a checkpoint's end means.
    fileprivate init(_ error: ScoreError) {
        switch error {
        case .stateDamaged(let failure): self = .stateDamaged(failure)
        case .checkpointsFailed(let failure): self = .checkpointsFailed(failure)
        case .outputNotDurable(let number): self = .outputNotDurable(errorNumber: number)
        case .inputFailed, .outputFailed, .outputClosed, .badLine:
            preconditionFailure("a checkpoint neither reads nor writes lines")
        }
    }
}
