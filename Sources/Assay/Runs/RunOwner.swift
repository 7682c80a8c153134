import AssayCore

/// The loop of a run and its writer, worked on by the threads that wait for their messages.
///
/// Where lines come slowly, these threads have nothing to do when one comes, and to wake them takes longer than all
/// that is done with the line. Then the thread that has read it does their work itself: what is brought with `bring`
/// is worked on by whoever has the duty, in the order of the box. So the results are the same, whoever does what.
///
/// @unchecked Sendable: `loop` is only used by who has `duty`, `writer` by who has `writing`, and nothing else changes.
final class RunOwner<Stage: RunStage & ~Copyable>: @unchecked Sendable {
    @exclusivity(unchecked) private var loop: RunLoop<Stage>
    private let writer: RowWriter<Stage>
    private let inbox: Mailbox<RunMessage<Stage>>
    private let outputBox: Mailbox<WriterMessage<Stage>>
    private let free: [Mailbox<Stage.Batch>]
    private let turns: Turns
    private let duty = Duty()
    private let writing = Duty()

    init(
        _ loop: consuming RunLoop<Stage>, _ writer: RowWriter<Stage>, inbox: Mailbox<RunMessage<Stage>>,
        outputBox: Mailbox<WriterMessage<Stage>>, free: [Mailbox<Stage.Batch>], turns: Turns
    ) {
        self.loop = loop
        (self.writer, self.inbox, self.outputBox) = (writer, inbox, outputBox)
        (self.free, self.turns) = (free, turns)
    }

    /// Comes before any other thread brings something.
    func begin() {
        duty.take()
        loop.begin()
        duty.giveBack()
    }

    /// Works until the run is over.
    func run() -> RunResult {
        duty.take()
        while !loop.isOver {
            let message = inbox.receiveNow()
            if message != nil || loop.deadline <= MonotonicClock.seconds {
                loop.step(message)
                continue
            }
            let deadline = loop.deadline
            duty.sleepsUntil = deadline
            duty.giveBack()
            inbox.wait(until: deadline)
            duty.take()
        }
        let result = loop.finish()
        duty.giveBack()
        return result
    }

    /// Reading and writing on the thread of the run, until it is over.
    func run(_ inline: InlineStages<Stage>) -> RunResult {
        while !loop.isOver {
            loop.step(inline.next(inbox, until: loop.deadline) ?? inbox.receiveNow())
        }
        return loop.finish()
    }

    /// Begins to write on a thread of its own, until it is told to stop.
    func startWriting() -> WorkerThread {
        WorkerThread { [self] in
            while true {
                writing.take()
                let isStopped = writer.workOff(outputBox, free: free, inbox: inbox, turns: turns)
                let due = writer.nextDue
                writing.sleepsUntil = due
                writing.giveBack()
                if isStopped { return }
                outputBox.wait(until: due)
            }
        }
    }

    // MARK: In place of others

    /// Brings a message of a reader, and works on it here and now unless somebody is at it.
    func bring(_ message: RunMessage<Stage>) {
        inbox.sendQuietly(message)
        repeat {
            guard duty.takeNow() else { return inbox.wake() }
            loop.isHelped = true
            while !loop.isOver, let message = inbox.receiveNow() { loop.step(message) }
            loop.isHelped = false
            let isOver = loop.isOver
            let isCalled = isOver || loop.deadline < duty.sleepsUntil
            duty.giveBack()
            if isCalled { inbox.wake() }
            guard !isOver, writing.takeNow() else { return outputBox.wake() }
            writer.help(outputBox, free: free, inbox: inbox, turns: turns)
            let isDue = writer.nextDue < writing.sleepsUntil
            writing.giveBack()
            if isDue { outputBox.wake() }
            // What was written is told to the run.
        } while !inbox.isEmpty
    }
}
