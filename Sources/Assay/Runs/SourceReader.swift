import AssayCore

/// Reads one source of a run on a thread of its own, and decodes what it reads.
final class SourceReader<Stage: RunStage & ~Copyable> {
    private let number: Int
    private let path: String
    let source: any Source
    private var decoder: Handover<Stage.Decoder>
    private let interruption: Interruption
    /// Where lines come in larger pieces, reading goes on while they are worked on.
    private static var mostBrought: Int { 1 << 14 }
    /// Whether anyone looks at how long lines take.
    private let isTimed: Bool
    /// Where batches have to end while an earlier order is replayed.
    private var limits: ArraySlice<UInt64>
    private var hasEnded = false
    /// The last batch was nearly full, so that more is likely to be there.
    private(set) var hasMore = false
    /// That of a reader without a thread of its own.
    private var ownDecoder: Stage.Decoder?
    private let turns: Turns
    private let free: Mailbox<Stage.Batch>
    private let post: ReaderPost<Stage>

    init(
        _ number: Int, _ input: FoundInput, _ decoder: consuming Stage.Decoder, _ parts: RunParts, isSaved: Bool,
        limits: [UInt64], patience: Patience?, turns: Turns, free: Mailbox<Stage.Batch>, post: ReaderPost<Stage>
    ) {
        self.number = number
        path = input.input.definition.path
        let found = input.found
        self.decoder = Handover(decoder)
        interruption = parts.interruption
        isTimed = parts.metrics != nil
        self.limits = limits.filter { $0 > found.position.offset }[...]
        self.turns = turns
        self.free = free
        self.post = post
        source = found.open(
            SourceReading(
                interruption: parts.interruption.descriptor, isSaved: isSaved, lingerSeconds: parts.lingerSeconds,
                leavesUnfinished: parts.keepsOpen, end: parts.inputEnd,
                willWait: { post.bring(.inputIsIdle) }, hasGrown: { post.send(.inputHasGrown) },
                notice: { [report = parts.report] in report(.input($0)) }, patience: patience))
    }

    func start() -> WorkerThread {
        let handover = Handover(self)
        return WorkerThread { handover.take().read() }
    }

    private func read() {
        var decoder = decoder.take()
        while !interruption.isTriggered, let batch = free.receive() {
            guard take(batch, &decoder) == .lines else { return }
        }
        post.send(.inputEnded(source: number, isWhole: false))
    }

    /// Reads a batch on the thread of whoever asks; nil when there is no batch to read into, or the input has ended.
    func readOne() -> SourceOutcome? {
        guard !hasEnded, let batch = free.receiveNow() else { return nil }
        if ownDecoder == nil { ownDecoder = decoder.take() }
        guard var decoder = ownDecoder.take() else { preconditionFailure("it was just made") }
        let outcome = interruption.isTriggered ? end() : take(batch, &decoder)
        ownDecoder = consume decoder
        if outcome == .nothing { free.send(batch) }
        return outcome
    }

    private func end() -> SourceOutcome {
        hasEnded = true
        post.send(.inputEnded(source: number, isWhole: false))
        return .interrupted
    }

    /// Reads a batch and passes it on; tells of the end.
    private func take(_ batch: Stage.Batch, _ decoder: inout Stage.Decoder) -> SourceOutcome {
        do throws(RunFailure) {
            batch.reset()
            let outcome = try source.fill(&batch.text, upTo: limits.first ?? .max)
            hasMore = outcome == .lines && batch.text.count > batch.text.capacity / 2
            guard outcome == .lines else {
                if outcome != .nothing {
                    hasEnded = true
                    post.send(.inputEnded(source: number, isWhole: outcome == .end))
                }
                return outcome
            }
            if isTimed { batch.readTime = MonotonicClock.seconds }
            turns.take()
            decoder.decode(batch)
            if let fault = decoder.headerFault {
                turns.giveBack()
                throw RunFailure(.badData, "'\(path)': \(fault)")
            }
            source.sift(batch)
            let position = source.advance(past: batch.text, lines: batch.lineCount, csvHeader: decoder.csvHeader)
            turns.giveBack()
            while let limit = limits.first, position.offset >= limit { limits.removeFirst() }
            let message = RunMessage<Stage>.batch(batch, source: number, position)
            if batch.text.count <= Self.mostBrought { post.bring(message) } else { post.send(message) }
            return .lines
        } catch {
            hasEnded = true
            post.send(.inputFailed(error))
            return .end
        }
    }
}

/// How a reader's messages reach the run.
///
/// @unchecked Sendable: `owner` is set before the readers' threads begin, and unset after they have ended.
final class ReaderPost<Stage: RunStage & ~Copyable>: @unchecked Sendable {
    private let inbox: Mailbox<RunMessage<Stage>>
    /// Who lets the reader work in its place; nil where it does not.
    var owner: RunOwner<Stage>?

    init(_ inbox: Mailbox<RunMessage<Stage>>) {
        self.inbox = inbox
    }

    func send(_ message: RunMessage<Stage>) { inbox.send(message) }

    /// Sends a message that takes little time.
    func bring(_ message: RunMessage<Stage>) {
        if let owner { owner.bring(message) } else { inbox.send(message) }
    }
}
