/// Some lines on their way through a run: whole lines, and what each stage makes of them.
///
/// @unchecked Sendable: only one stage holds it at a time, and passes it on through a mailbox.
package class LineBatch: @unchecked Sendable {
    // Used for each line, by one stage at a time.
    @exclusivity(unchecked) package final var text = InputText(capacity: InputText.batchBytes)
    /// The index of the lines' source in the run; nil for rows without lines.
    package final var source: Int?
    /// When its lines were read, on the clock of whoever looks; 0 where nobody does.
    package final var readTime = 0.0
    /// The encoded rejects of its lines.
    package final var rejectLines = OutputBuffer(capacity: 1 << 12)

    /// In order of their lines.
    package var rejects: [Reject] { preconditionFailure("a batch is one of the kinds below") }

    /// The number of all lines, blank ones included.
    package var lineCount: UInt64 { preconditionFailure("a batch is one of the kinds below") }

    /// The configuration that holds from here on: then there are no lines besides the one that says so.
    package var configuration: String? { nil }

    /// Visits the lines that were accepted, without their ends, with the numbers that they got; labels have none.
    package func forEachAccepted(_ body: (_ line: UnsafeBufferPointer<UInt8>, _ sequence: UInt64?) -> Void) {}

    package init() {}

    package func reset() { rejectLines.removeAll() }
}

/// Decodes the text of batches for a stage.
package protocol BatchDecoder: ~Copyable {
    associatedtype Batch: LineBatch

    /// Takes whole records from the batch's text and cuts the text after them; the rest belongs to the next batch.
    mutating func decode(_ batch: Batch)

    /// Why the header of CSV is none that anything can be read under.
    var headerFault: String? { get }

    /// What a later run needs to resume in the middle of an input.
    var csvHeader: [UInt8] { get }
}
