import AssayCore
import StateStore

/// Where a source stands after a batch.
package struct SourcePosition: Equatable, Sendable {
    /// For people: bytes and lines of a file. The offset only grows, and says where a batch ends when the order of
    /// several sources is taken again.
    package var offset: UInt64 = 0
    package var line: UInt64 = 0
    /// What the source goes on from. Only the source reads it.
    package var bytes: [UInt8] = []

    package init(offset: UInt64 = 0, line: UInt64 = 0, bytes: [UInt8] = []) {
        self.offset = offset
        self.line = line
        self.bytes = bytes
    }

    init(_ recorded: CheckpointRecord.Input) {
        self.init(offset: recorded.offset, line: recorded.line, bytes: recorded.position)
    }
}

package enum SourceOutcome: Sendable {
    case lines
    /// There is nothing more, ever.
    case end
    /// A request to stop came while waiting.
    case interrupted
}

/// An input of a run, read by a thread of its own.
///
/// A source can be read again from any position that it has given, and gives the same lines in the same order then.
package protocol Source: AnyObject {
    /// Fills a text with whole lines: at least one, and as many more as are there and fit. Waits while there is none.
    /// Nothing is handed out from `limit` on, which is the end of a line.
    func fill(_ text: inout InputText, upTo limit: UInt64) throws(RunFailure) -> SourceOutcome

    /// What was decoded of the text is taken; the rest begins the next batch. Returns where the source stands.
    func advance(past text: borrowing InputText, lines: UInt64, csvHeader: [UInt8]) -> SourcePosition

    /// A checkpoint with this position is durable: nothing before it is read again. Another thread may be in `fill`
    /// at the time. What the checkpoints before this run had committed is not repeated.
    func committed(_ position: SourcePosition)
}

extension Source {
    package func committed(_ position: SourcePosition) {}
}

/// What a run found out about an input.
package enum InputFinding: Equatable, Sendable {
    /// There is no checkpoint.
    case first
    /// The one that the checkpoint knows.
    case same
    case new
}

/// What the user says of the input.
package enum InputExpectation: String, CaseIterable, Sendable {
    case auto, same, new
}

/// What a source is opened with, besides its own settings.
package struct SourceOpening {
    package var expectation = InputExpectation.auto
    /// Becomes readable when nobody waits any longer; -1 for never.
    package var interruption: Int32 = -1

    package init() {}
}

/// How a source is read once everything that a run needs fits.
package struct SourceReading {
    package var interruption: Int32
    /// Checkpoints want to know what the input looked like.
    package var isSaved: Bool
    /// Lines of a slow source may wait so long, so that they need not be taken one by one.
    package var lingerSeconds: Double
    /// A last line without its end is left to whoever reads on.
    package var leavesUnfinished: Bool
    /// Nothing beyond this offset is read.
    package var end: UInt64
    /// Called before waiting for input that is not there yet.
    package var willWait: () -> Void
}

/// An input as a file or command line names it.
package protocol SourceDefinition: Sendable {
    /// For people.
    var path: String { get }
    var format: InputFormat { get }
    /// Its end is not final: there may be more later.
    var isEndless: Bool { get }
    /// The file that it is, which no output may be.
    var file: String? { get }

    /// Opens the input and compares it with what a checkpoint recorded of it. Changes nothing.
    func find(_ recorded: CheckpointRecord.Input?, _ opening: SourceOpening) throws(RunFailure) -> any FoundSource
}

/// An input that was found, and not yet read on.
package protocol FoundSource: AnyObject {
    var finding: InputFinding { get }
    var position: SourcePosition { get }
    var csvHeader: [UInt8] { get }
    /// Everything that is there was read already.
    var isFinished: Bool { get }
    /// Somebody wanted it to stop while what was known of it was read again.
    var wasInterrupted: Bool { get }
    /// When everything is there already, and how much.
    var totalBytes: UInt64? { get }

    func open(_ reading: SourceReading) -> any Source
}

/// A kind of input that files can name.
package protocol SourceKind: Sendable {
    /// How a file names one: `{file: PATH}`.
    var form: String { get }

    /// Reads an input of this kind; nil when the map is of another.
    func read(_ members: inout YAMLMembers, format: InputFormat) throws(ConfigurationError) -> (any SourceDefinition)?
}
