import AssayCore

/// Reading and writing on the thread that owns the states.
final class InlineStages<Stage: RunStage & ~Copyable> {
    private let reader: SourceReader<Stage>
    private let writer: RowWriter<Stage>
    private let patience: Patience
    private let workOff: () -> Void

    init(
        _ reader: SourceReader<Stage>, _ writer: RowWriter<Stage>, _ patience: Patience, workOff: @escaping () -> Void
    ) {
        (self.reader, self.writer, self.patience, self.workOff) = (reader, writer, patience, workOff)
    }

    /// The next message: what is there; then what can be read without waiting where there was more than a batch can
    /// hold, since what is read together is made durable together; then what writing brings, and what comes after a
    /// while.
    func next(_ inbox: Mailbox<RunMessage<Stage>>, until deadline: Double) -> RunMessage<Stage>? {
        if let message = inbox.receiveNow() { return message }
        if reader.hasMore {
            patience.end = 0
            _ = reader.readOne()
            if let message = inbox.receiveNow() { return message }
        }
        workOff()
        if let message = inbox.receiveNow() { return message }
        patience.end = min(deadline, writer.due)
        if reader.readOne() != nil { return inbox.receiveNow() }
        return inbox.receive(until: patience.end)
    }
}
