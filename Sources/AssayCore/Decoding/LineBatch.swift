/// Some lines on their way through a run: the text of whole lines, and what each stage makes of them.
///
/// @unchecked Sendable: it is always in one stage's hands, and passed on through a mailbox.
package class LineBatch: @unchecked Sendable {
    // Touched for each line, by one stage at a time.
    @exclusivity(unchecked) package final var text = InputText(capacity: InputText.batchBytes)
    /// Of the run's sources, the one whose lines these are; none where rows have no lines that made them.
    package final var source: Int?
    /// The rejected lines as they are to be written.
    package final var rejectLines = OutputBuffer(capacity: 1 << 12)

    /// In the order of their lines.
    package var rejects: [Reject] { preconditionFailure("a batch is one of the kinds below") }

    /// All lines, blank ones included.
    package var lineCount: UInt64 { preconditionFailure("a batch is one of the kinds below") }

    package init() {}

    package func reset() { rejectLines.removeAll() }
}

/// Turns the text of batches into what a stage takes.
package protocol BatchDecoder: ~Copyable {
    associatedtype Batch: LineBatch

    /// Takes whole records from the batch's text and shortens it to them; what is left belongs to the next batch.
    mutating func decode(_ batch: Batch)

    /// What a later run needs to go on in the middle of an input.
    var csvHeader: [UInt8] { get }
}
