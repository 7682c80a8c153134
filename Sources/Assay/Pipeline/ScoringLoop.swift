import StateStore

/// What reaches the thread that owns all keyed state.
enum ScoringMessage: Sendable {
    case batch(Batch)
    /// Nothing is waiting to be read.
    case inputIsIdle
    case inputEnded
    case inputFailed(errorNumber: Int32)
    /// A batch is written out; the counts are of everything that is.
    case written(ScoreCounts, bytes: UInt64)
    case outputFailed(ScoreError, ScoreCounts)
    /// Everything that was scored before the cut is written out.
    case drained(OutputLengths)
    case commit(Committer.Outcome)
    case checkpointRequested
    case reload(RuleReload)
}

/// Rules that take the place of others while a run goes on.
package struct RuleReload: Sendable {
    package let rules: RuleSet?
    package let configuration: Configuration
    /// The configuration as checkpoints record it.
    let text: String

    package init(_ configuration: Configuration, rules: RuleSet?) {
        self.rules = rules
        self.configuration = configuration
        text = ReferenceConfiguration.yaml(configuration, commented: false)
    }
}

/// What the writing thread is told.
enum OutputMessage: Sendable {
    case batch(Batch)
    /// Hold nothing back.
    case flush
    /// Tell when everything before this is written.
    case mark
    case stop
}

/// The loop of the scoring thread: takes batches in their order, scores them, passes them on; between two of them it
/// goes on with the checkpoint that is under way.
struct ScoringLoop: ~Copyable {
    private var scoring: ScoringStage
    private let saving: Saving?
    private let inbox: Mailbox<ScoringMessage>
    private let outputBox: Mailbox<OutputMessage>
    private let free: Mailbox<Batch>
    private let turns: Turns
    private let parts: ScoreRun.Parts

    private var result = ScoreRun.Result()
    private var isInputOver = false
    private var isOver = false
    /// Memory is full of what is in no checkpoint yet; batches wait.
    private var isStalled = false
    private var postponed: [Batch] = []
    /// Rules that begin once a checkpoint with everything before them is durable; batches wait.
    private var reload: RuleReload?
    private var toldEnded = 0
    /// This part of the states' memory may be in no checkpoint.
    private static let unsavedPart = 8
    /// Batches that were scored and not yet written.
    private var underWay = 0

    init(
        scoring: consuming ScoringStage, saving: Saving?, inbox: Mailbox<ScoringMessage>,
        outputBox: Mailbox<OutputMessage>, free: Mailbox<Batch>, turns: Turns,
        parts: ScoreRun.Parts
    ) {
        self.scoring = scoring
        self.saving = saving
        self.inbox = inbox
        self.outputBox = outputBox
        self.free = free
        self.turns = turns
        self.parts = parts
    }

    mutating func run() {
        tellEndedSequences()
        while !isOver {
            // After a failure only messages lead to the end.
            let deadline = result.failure == nil ? saving?.deadline ?? .infinity : .infinity
            let message = inbox.receive(until: deadline)
            turns.take()
            if let message { take(message) }
            goOnSaving()
            turns.giveBack()
            endIfDone()
        }
    }

    /// What the run came to; ends the committing thread.
    mutating func finish() -> ScoreRun.Result {
        result.users = scoring.userCount
        result.rules = scoring.ruleTalliesOfRun.sorted { $0.key < $1.key }
            .map { (String($0.key.dropFirst(RuleTally.prefix.count)), $0.value) }
        result.checkpoints = saving?.committed ?? 0
        saving?.stop()
        return result
    }

    private mutating func take(_ message: ScoringMessage) {
        switch message {
        case .batch(let batch):
            if result.failure == nil, isStalled || reload != nil { postponed.append(batch) } else { score(batch) }
        case .inputIsIdle: outputBox.send(.flush)
        case .inputEnded: isInputOver = true
        case .inputFailed(let number):
            isInputOver = true
            fail(.inputFailed(errorNumber: number))
        case .written(let counts, let bytes):
            underWay -= 1
            result.counts = counts
            result.deliveredOffset = bytes
            parts.report(.progress(counts, bytes: bytes, checkpoint: saving?.last?.id))
        case .outputFailed(let error, let counts):
            result.counts = counts
            fail(error)
        case .drained(let lengths): saving?.drained(lengths.applied(to: saving?.outputs ?? []))
        case .commit(let outcome): commitEnded(outcome)
        case .checkpointRequested: saving?.request(.signal)
        case .reload(let reload): begin(reload)
        }
    }

    private mutating func score(_ batch: Batch) {
        guard result.failure == nil else { return free.send(batch) }
        do throws(StoreError) {
            try scoring.score(batch)
        } catch {
            free.send(batch)
            return fail(.stateDamaged(RunFailure(error, folder: saving?.folder ?? "")))
        }
        for pattern in scoring.takeOverflows() { parts.report(.sequencesDropped(pattern: pattern)) }
        for failure in scoring.takeRuleFailures() {
            parts.report(.ruleFailed(rule: failure.rule, message: failure.error.message))
        }
        saving?.note(batch.standing)
        underWay += 1
        outputBox.send(.batch(batch))
        if let saving, parts.memoryBytes < .max { keepWithinMemory(saving) }
    }

    private mutating func keepWithinMemory(_ saving: Saving) {
        let limit = parts.stateBytes(indexBytes: scoring.indexBytes)
        if scoring.changedBytes > limit / Self.unsavedPart { saving.relieve() }
        guard scoring.memoryBytes > limit else { return }
        scoring.shrink(to: limit - limit / 32)
        // What is not written down cannot go: then scoring waits for the checkpoint.
        isStalled = scoring.memoryBytes > limit + limit / 16 && scoring.changedBytes > limit / Self.unsavedPart / 4
        if isStalled { saving.relieve() }
    }

    /// With checkpoints the new rules wait for one that has all lines before them and names the new rules: whichever
    /// run goes on from there, or from a later one, scores as this one does.
    private mutating func begin(_ reload: RuleReload) {
        guard result.failure == nil, !isInputOver || !postponed.isEmpty else { return }
        guard let saving else { return install(reload) }
        self.reload = reload
        saving.recordNext(configuration: reload.text)
        saving.request(.signal)
    }

    private mutating func install(_ reload: RuleReload) {
        scoring.install(reload.rules)
        result.reload = reload
        parts.report(.rulesInForce(reload.rules?.outlines.count ?? 0, sequence: scoring.sequence))
        tellEndedSequences()
    }

    private mutating func tellEndedSequences() {
        guard scoring.endedSequences > toldEnded else { return }
        parts.report(.sequencesEnded(scoring.endedSequences - toldEnded))
        toldEnded = scoring.endedSequences
    }

    private mutating func endReload() {
        guard let reload else { return }
        guard saving?.last?.configuration == reload.text else {
            // That was a checkpoint from before: the one with the new rules is still to come.
            saving?.request(.signal)
            return
        }
        self.reload = nil
        install(reload)
        goOnAfterStall()
    }

    /// A checkpoint has freed what could not go before.
    private mutating func goOnAfterStall() {
        isStalled = false
        let batches = postponed
        postponed = []
        for batch in batches { take(.batch(batch)) }
        // The input may have been idle since.
        outputBox.send(.flush)
    }

    /// The first failure counts; nothing is scored after it.
    private mutating func fail(_ error: ScoreError) {
        if result.failure == nil { result.failure = error }
        parts.interruption.trigger()
        // Nobody waits for other rules any more.
        reload = nil
        isStalled = false
        for batch in postponed { free.send(batch) }
        postponed = []
    }

    private mutating func commitEnded(_ outcome: Committer.Outcome) {
        switch outcome {
        case .committed, .storeFailed, .outputNotDurable:
            if case .committed = outcome { scoring.noteCommitted() }
            if let failure = saving?.commitEnded(outcome) { fail(failure) }
            if isStalled { goOnAfterStall() }
            if case .committed = outcome { endReload() }
        case .snapshotFailed(let error):
            parts.report(.checkpointFailed("no snapshot was made, \(error.description)"))
        }
    }

    private mutating func goOnSaving() {
        guard let saving, result.failure == nil else { return }
        do throws(RunFailure) {
            if try saving.goOn(&scoring) { outputBox.send(.mark) }
        } catch {
            fail(.stateDamaged(error))
        }
    }

    private mutating func endIfDone() {
        guard isInputOver, postponed.isEmpty else { return }
        if result.failure != nil {
            // What is being committed is let finish; the rest is done again by the next run.
            isOver = saving?.isCommitting != true
        } else if let saving {
            saving.request(parts.inputEnd == .max ? .end : .closed)
            isOver = saving.isFinished
        } else {
            isOver = underWay == 0
        }
    }
}
