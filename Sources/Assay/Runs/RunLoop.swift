import AssayCore
import StateStore

/// The loop of the thread that owns all keyed state: takes batches in order and passes on what the stage makes of them.
/// Between batches it continues the checkpoint that is under way.
struct RunLoop<Stage: RunStage & ~Copyable>: ~Copyable {
    private var stage: Stage
    private let saving: Saving?
    private let inbox: Mailbox<RunMessage<Stage>>
    private let outputBox: Mailbox<WriterMessage<Stage>>
    private let sources: [any Source]
    private let free: [Mailbox<Stage.Batch>]
    /// By source.
    private let inputs: [NamedInput]
    private let turns: Turns
    private let parts: RunParts

    private var result = RunResult()
    private(set) var isOver = false
    /// Whether who works here goes on with what is told to the writer, which need not be woken.
    var isHelped = false
    /// Without checkpoints: everything is written, and the outputs are being ended.
    private var isSettling = false
    /// Batches that were processed and not yet written.
    private var underWay = 0
    private var lastBytes: UInt64 = 0
    /// How far the sources were behind, together and each, and when to sum up again.
    private var lag: UInt64?
    private var lags: [UInt64?]
    private var nextLook = 0.0
    private var publishing: Publishing

    /// Batches that have arrived and were not taken yet, by source.
    private var waiting: [[(batch: Stage.Batch, position: SourcePosition)]]
    private var replay: OrderReplay
    /// The number of the order log's next entry, and the entries that the writer does not have yet.
    private var nextOrder: UInt64?
    private var entries: [OrderEntry] = []
    /// Sources that have not ended.
    private var unended: Set<Int>
    /// Whether all input was read, not only until reading was stopped.
    private var isWhole = true
    private var hasFinished = false

    /// Memory is full of changes that are in no checkpoint.
    private var isStalled = false
    /// A change that takes effect once a checkpoint names it.
    private var change: RunChange<Stage>?
    /// When each source was last active, and when to check next whether event time has to advance alone.
    private var lastInput: [Double]
    private var nextIdleMoment = Double.infinity

    /// One part in this many of the states' memory may be in no checkpoint.
    private static var unsavedPart: Int { 8 }

    init(
        stage: consuming Stage, saving: Saving?, inbox: Mailbox<RunMessage<Stage>>,
        outputBox: Mailbox<WriterMessage<Stage>>, sources: [any Source], free: [Mailbox<Stage.Batch>],
        inputs: [NamedInput], turns: Turns, parts: RunParts, replay: OrderReplay, nextOrder: UInt64?,
        publishing: Publishing
    ) {
        (result.counts, result.earlier) = (stage.counts, stage.counts)
        let now = MonotonicClock.seconds
        if let idle = stage.idleMilliseconds { nextIdleMoment = now + Double(idle) / 1000 }
        self.stage = stage
        self.saving = saving
        self.inbox = inbox
        self.outputBox = outputBox
        self.sources = sources
        self.free = free
        self.inputs = inputs
        self.turns = turns
        self.parts = parts
        self.replay = replay
        self.nextOrder = nextOrder
        self.publishing = publishing
        waiting = free.map { _ in [] }
        unended = Set(free.indices)
        lastInput = free.map { _ in now }
        lags = free.map { _ in nil }
    }

    /// Comes before the first message.
    mutating func begin() {
        // What counters begin with is what was there before the first batch.
        publishing.publishIfDue(stage, saving)
        passOnNotices()
        endFollowersIfAlone()
        if stage.pendingTime != nil { goOnWithoutInput() }
    }

    /// When something is to be done though nobody sends a message. After a failure only messages lead to the end.
    var deadline: Double {
        result.failure == nil ? min(saving?.deadline ?? .infinity, nextIdleMoment, publishing.due) : .infinity
    }

    /// Takes a message, if there is one, and does what is due.
    mutating func step(_ message: RunMessage<Stage>?) {
        turns.take()
        if let message { take(message) }
        lookForIdleness()
        goOnSaving()
        publishing.publishIfDue(stage, saving)
        turns.giveBack()
        endIfDone()
    }

    private func tell(_ message: WriterMessage<Stage>) {
        if isHelped { outputBox.sendQuietly(message) } else { outputBox.send(message) }
    }

    /// Returns the result of the run, and ends the committing thread.
    mutating func finish() -> RunResult {
        result.rules = stage.ruleCounts
        result.keys = stage.keyCount
        result.checkpoints = saving?.committed ?? 0
        saving?.stop()
        if parts.isLast { stage.abandonStates() }
        return result
    }

    private mutating func take(_ message: RunMessage<Stage>) {
        switch message {
        case .batch(let batch, let source, let position):
            lastInput[source] = MonotonicClock.seconds
            noteInput()
            guard result.failure == nil else { return giveBack(batch) }
            waiting[source].append((batch, position))
            lags[source] = position.lag
            if let lag = position.lag { saving?.note(lag: lag, of: source) }
            replay.noteBatch(of: source, upTo: position.offset)
            workOnWaiting()
        case .inputIsIdle: tell(.flush)
        case .inputHasGrown: endForMore()
        case .inputEnded(let source, let isWhole):
            unended.remove(source)
            self.isWhole = self.isWhole && isWhole
            if isWhole { replay.noteEnd(of: source) }
            endFollowersIfAlone()
            workOnWaiting()
        case .inputFailed(let failure):
            unended.removeAll()
            fail(failure)
        case .written(let counts, let bytes):
            underWay -= 1
            if bytes > 0 { lastBytes = bytes }
            result.counts = counts
            result.deliveredOffset = lastBytes
            lookAtLag()
            parts.report(
                .progress(
                    counts.since(result.earlier), bytes: lastBytes, lag: lag, checkpoint: saving?.last?.id))
        case .outputFailed(let failure, let unread):
            result.unread = unread
            fail(failure)
        case .drained(let sinks):
            saving?.drained(sinks)
            if isSettling { isOver = true }
        case .commit(let outcome): commitEnded(outcome)
        case .checkpointRequested: saving?.request(.signal)
        case .change(let change): begin(change)
        case .question(let question): question(stage)
        }
    }

    /// Ends the run, so that another one takes what has joined its inputs.
    private mutating func endForMore() {
        guard result.failure == nil, !parts.interruption.isTriggered else { return }
        guard saving != nil else {
            return parts.report(.input("an input has more parts now; start again to read them too"))
        }
        result.hasGrown = true
        parts.interruption.trigger()
    }

    /// Sums up what the sources said last, now and then.
    private mutating func lookAtLag() {
        let now = MonotonicClock.seconds
        guard now >= nextLook else { return }
        let known = lags.compactMap(\.self)
        nextLook = now + Self.lookSeconds
        guard !known.isEmpty else { return }
        lag = known.reduce(0, +)
    }

    private static var lookSeconds: Double { 0.2 }

    private func giveBack(_ batch: Stage.Batch) {
        if let source = batch.source { free[source].send(batch) }
    }

    // MARK: Batches

    /// Nothing is taken while something has to be in a checkpoint first.
    private var isHeld: Bool { isStalled || change != nil || stage.pendingTime != nil }

    private mutating func workOnWaiting() {
        while result.failure == nil, !isHeld {
            switch replay.next() {
            case .take(let source, let place):
                let (batch, position) = waiting[source].removeFirst()
                note(.lines(source: source, upTo: position.offset), place)
                work(on: batch, from: source, position)
            case .idle(let source, let place):
                // With a single source there is nothing to hold back.
                guard free.count > 1 else { continue }
                note(.idle(source: source), place)
                advance { (stage, batch) throws(StoreError) in try stage.noteIdle(source: source, into: batch) }
            case .missing(let source):
                fail(
                    RunFailure(
                        .badData,
                        "input '\(inputs[source].name)' ended before what the previous run read of it; give all "
                            + "of it again, or start over with --fresh"))
            case .wait: return finishIfEnded()
            }
        }
    }

    /// The writer makes the order durable before any of it becomes visible.
    private mutating func note(_ entry: OrderEntry, _ place: OrderReplay.Place) {
        guard let number = nextOrder, place != .part else { return }
        nextOrder = number + 1
        saving?.note(order: number + 1)
        if place == .new { entries.append(entry) }
    }

    private mutating func work(on batch: Stage.Batch, from source: Int, _ position: SourcePosition) {
        do throws(StoreError) {
            try stage.take(batch, from: source)
        } catch {
            giveBack(batch)
            return fail(RunFailure(error, folder: saving?.folder ?? ""))
        }
        saving?.note(position, of: source)
        if let configuration = batch.configuration {
            saving?.recordNext(configuration: configuration)
            result.configuration = configuration
        }
        publishing.note(position, of: source)
        pass(on: batch)
        if let saving, parts.memoryBytes < .max { keepWithinMemory(saving) }
    }

    private mutating func pass(on batch: Stage.Batch) {
        passOnNotices()
        underWay += 1
        tell(.batch(batch, entries, stage.counts, isNoted: false))
        if !entries.isEmpty { entries = [] }
    }

    private mutating func passOnNotices() {
        for notice in stage.takeNotices() { parts.report(.stage(notice)) }
    }

    /// Rows that no batch of input causes go in a batch of their own.
    private mutating func advance(_ body: (inout Stage, Stage.Batch) throws(StoreError) -> Void) {
        let batch = stage.makeBatch()
        do throws(StoreError) {
            try body(&stage, batch)
        } catch {
            return fail(RunFailure(error, folder: saving?.folder ?? ""))
        }
        pass(on: batch)
    }

    /// Ends the sources that follow others once these have ended.
    private func endFollowersIfAlone() {
        guard unended.allSatisfy({ inputs[$0].definition.isFollower }) else { return }
        for number in unended { sources[number].endWithOthers() }
    }

    /// Finishes the stage if all inputs have ended and were taken completely.
    private mutating func finishIfEnded() {
        guard unended.isEmpty, isWhole, !hasFinished, !parts.keepsOpen, stage.endsTime else { return }
        hasFinished = true
        nextIdleMoment = .infinity
        advance { (stage, batch) throws(StoreError) in try stage.finish(into: batch) }
    }

    // MARK: Memory

    private mutating func keepWithinMemory(_ saving: Saving) {
        let limit = parts.stateBytes(indexBytes: stage.indexBytes)
        if stage.changedBytes > limit / Self.unsavedPart { saving.relieve() }
        guard stage.memoryBytes > limit else { return }
        stage.shrink(to: limit - limit / 32)
        // What is not written cannot be evicted: then the run waits for the checkpoint.
        isStalled = stage.memoryBytes > limit + limit / 16 && stage.changedBytes > limit / Self.unsavedPart / 4
        if isStalled { saving.relieve() }
    }

    /// What was just written down can go before anybody else comes in.
    private mutating func makeRoom() {
        guard parts.memoryBytes < .max else { return }
        let limit = parts.stateBytes(indexBytes: stage.indexBytes)
        if stage.memoryBytes > limit { stage.shrink(to: limit - limit / 32) }
    }

    // MARK: Time without input

    private mutating func noteInput() {
        guard let idle = stage.idleMilliseconds else { return }
        nextIdleMoment = (lastInput.min() ?? 0) + Double(idle) / 1000
    }

    /// With checkpoints, idleness is committed before it has any effect: a run that resumes there has it at the same
    /// place among its events.
    private mutating func lookForIdleness() {
        guard nextIdleMoment < .infinity, result.failure == nil, let idle = stage.idleMilliseconds else { return }
        let now = MonotonicClock.seconds
        guard now >= nextIdleMoment, !replay.isReplaying else { return }
        let bound = now - Double(idle) / 1000
        let silent = lastInput.indices.filter { lastInput[$0] <= bound && waiting[$0].isEmpty }
        nextIdleMoment = now + Double(idle) / 1000
        if silent.count < lastInput.count {
            // The other sources continue without the silent ones.
            for source in silent { replay.noteIdle(source) }
            return workOnWaiting()
        }
        guard stage.pendingTime == nil, change == nil else { return }
        stage.postpone(by: Int64((now - (lastInput.max() ?? now)) * 1000))
        guard stage.pendingTime != nil else { return }
        if let saving { saving.request(.interval) } else { goOnWithoutInput() }
    }

    private mutating func goOnWithoutInput() {
        guard stage.pendingTime != nil else { return }
        advance { (stage, batch) throws(StoreError) in try stage.goOn(into: batch) }
        workOnWaiting()
    }

    // MARK: Changes during a run

    /// With checkpoints it waits for one that has all earlier elements and names the change: any run that resumes from
    /// it or a later one then does the same as this one.
    private mutating func begin(_ change: RunChange<Stage>) {
        guard result.failure == nil, !unended.isEmpty || waiting.contains(where: { !$0.isEmpty }) else { return }
        guard let saving else { return install(change) }
        self.change = change
        saving.recordNext(configuration: change.configuration)
        saving.request(.signal)
    }

    private mutating func install(_ change: RunChange<Stage>) {
        stage.install(change.change)
        tell(.formatter(Handover(stage.makeFormatter())))
        result.configuration = change.configuration
        parts.report(.changed(sequence: stage.sequence))
        passOnNotices()
    }

    private mutating func endChange() {
        guard let change else { return }
        guard saving?.last?.configuration == change.configuration else {
            // An earlier checkpoint: the one with the change is still to come.
            saving?.request(.signal)
            return
        }
        self.change = nil
        install(change)
    }

    // MARK: Checkpoints

    private mutating func commitEnded(_ outcome: Committer.Outcome) {
        switch outcome {
        case .committed, .storeFailed, .outputNotDurable:
            publishing.noteChange()
            if let failure = saving?.commitEnded(outcome) { fail(failure) }
            isStalled = false
            if case .committed(let record) = outcome {
                stage.noteCommitted()
                makeRoom()
                for (source, input) in zip(sources, record.inputs) { source.committed(SourcePosition(input)) }
                tell(.release(order: record.stage[field: Saving.orderName].map { UInt64($0) }))
                endChange()
                if stage.pendingTime != nil { goOn(after: record) }
            }
            workOnWaiting()
            // The input may have been idle since.
            tell(.flush)
        case .snapshotFailed(let error):
            parts.report(.checkpointFailed("no snapshot was made, \(error.description)"))
        }
    }

    /// Continues after the checkpoint with the planned time, or requests it after an earlier one.
    private mutating func goOn(after record: CheckpointRecord) {
        if record.stage[field: StreamStage.pendingName] != nil {
            goOnWithoutInput()
        } else {
            saving?.request(.interval)
        }
    }

    private mutating func goOnSaving() {
        guard let saving, result.failure == nil else { return }
        do throws(RunFailure) {
            // A run that was stopped leaves open what its outputs hold, for the next one.
            if try saving.goOn(&stage) { tell(.mark(isLast: saving.isLastCut && stage.hasEnded)) }
        } catch {
            fail(error)
        }
    }

    // MARK: The end

    /// Records the first failure; nothing is processed after it.
    private mutating func fail(_ failure: RunFailure) {
        if result.failure == nil { result.failure = failure }
        parts.interruption.trigger()
        change = nil
        isStalled = false
        for source in waiting.indices {
            for (batch, _) in waiting[source] { giveBack(batch) }
            waiting[source] = []
        }
    }

    private mutating func endIfDone() {
        guard unended.isEmpty else { return }
        if result.failure != nil {
            // A commit that is under way may finish; the next run repeats the rest.
            isOver = saving?.isCommitting != true
            return
        }
        guard !isHeld, waiting.allSatisfy(\.isEmpty) else { return }
        if let saving {
            saving.request(parts.inputEnd == .max ? .end : .closed)
            isOver = saving.isFinished
        } else if underWay == 0, !isSettling {
            // The outputs release what they hold back.
            isSettling = true
            tell(.mark(isLast: stage.hasEnded))
        }
    }
}
