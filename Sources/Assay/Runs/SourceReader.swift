import AssayCore

/// Reads one source of a run on a thread of its own, and decodes what it reads.
final class SourceReader<Stage: RunStage & ~Copyable> {
    private let number: Int
    private let path: String
    let source: any Source
    private var decoder: Handover<Stage.Decoder>
    private let interruption: Interruption
    /// Where batches have to end while an earlier order is replayed.
    private let limits: [UInt64]
    private let turns: Turns
    private let free: Mailbox<Stage.Batch>
    private let inbox: Mailbox<RunMessage<Stage>>

    init(
        _ number: Int, _ input: FoundInput, _ decoder: consuming Stage.Decoder, _ parts: RunParts, isSaved: Bool,
        limits: [UInt64], turns: Turns, free: Mailbox<Stage.Batch>, inbox: Mailbox<RunMessage<Stage>>
    ) {
        self.number = number
        path = input.input.definition.path
        let found = input.found
        self.decoder = Handover(decoder)
        interruption = parts.interruption
        self.limits = limits.filter { $0 > found.position.offset }
        self.turns = turns
        self.free = free
        self.inbox = inbox
        source = found.open(
            SourceReading(
                interruption: parts.interruption.descriptor, isSaved: isSaved, lingerSeconds: parts.lingerSeconds,
                leavesUnfinished: parts.keepsOpen, end: parts.inputEnd,
                willWait: { inbox.send(.inputIsIdle) }, hasGrown: { inbox.send(.inputHasGrown) },
                notice: { [report = parts.report] in report(.input($0)) }))
    }

    func start() -> WorkerThread {
        let handover = Handover(self)
        return WorkerThread { handover.take().read() }
    }

    private func read() {
        var decoder = decoder.take()
        var limits = limits[...]
        var isWhole = false
        do throws(RunFailure) {
            while !interruption.isTriggered, let batch = free.receive() {
                batch.reset()
                let outcome = try source.fill(&batch.text, upTo: limits.first ?? .max)
                isWhole = outcome == .end
                guard outcome == .lines else { break }
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
                inbox.send(.batch(batch, source: number, position))
            }
        } catch {
            inbox.send(.inputFailed(error))
            return
        }
        inbox.send(.inputEnded(source: number, isWhole: isWhole))
    }
}
