import AssayCore
import StateStore

/// The position of a source after a batch.
package struct SourcePosition: Equatable, Sendable {
    /// For people: bytes and lines of a file. The offset only grows, and marks the end of a batch when the order of
    /// several sources is replayed.
    package var offset: UInt64 = 0
    package var line: UInt64 = 0
    /// What the source resumes from. Only the source reads it.
    package var bytes: [UInt8] = []
    /// How many lines are there and were not read yet, for people; nil where nobody knows. No checkpoint has it.
    package var lag: UInt64?

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
    /// Nothing came for as long as it may wait.
    case nothing
}

/// How long a source may wait that is read on the thread of the run: that thread has other things to do.
package final class Patience {
    /// On the monotonic clock.
    package var end = 0.0

    init() {}
}

/// An input of a run, read by a thread of its own.
///
/// A source can be read again from any position that it has returned, and then gives the same lines in the same order.
package protocol Source: AnyObject {
    /// Fills a text with whole lines: at least one, and as many more as are there and fit. Waits while there is none.
    /// Nothing is returned from `limit` on, which is the end of a line.
    func fill(_ text: inout InputText, upTo limit: UInt64) throws(RunFailure) -> SourceOutcome

    /// Takes what was decoded of the text; the rest begins the next batch. Returns the new position.
    func advance(past text: borrowing InputText, lines: UInt64, csvHeader: [UInt8]) -> SourcePosition

    /// May take transactions out of a decoded batch that need not be taken again. Comes before `advance`.
    func sift(_ batch: LineBatch)

    /// A checkpoint with this position is durable: nothing before it is read again. May be called while another thread
    /// is in `fill`. Not called for checkpoints of earlier runs.
    func committed(_ position: SourcePosition)

    /// Only sources that follow others are left: it ends with what is there. May be called from another thread.
    func endWithOthers()
}

extension Source {
    package func sift(_ batch: LineBatch) {}
    package func committed(_ position: SourcePosition) {}
    package func endWithOthers() {}
}

/// What a run found out about an input.
package enum InputFinding: Equatable, Sendable {
    /// There is no checkpoint.
    case first
    /// It is the input of the checkpoint.
    case same
    case new
}

/// What the user says about the input.
package enum InputExpectation: String, CaseIterable, Sendable {
    case auto, same, new
}

/// What a source is opened with, besides its own settings.
package struct SourceOpening {
    package var expectation = InputExpectation.auto
    /// Whether the run goes on where the input has lost what the checkpoint names.
    package var acceptsGap = false
    /// Whether an endless input ends where it ends now.
    package var stopsAtEnd = false
    /// Whether it joins others of its input that the checkpoint has: then nothing of it was read.
    package var isAdded = false
    /// Becomes readable when waiting has to end; -1 for never.
    package var interruption: Int32 = -1
    /// Of the state that the run goes on with; nil without one.
    package var stateFolder: String?

    package init() {}
}

/// How a source is read once everything that a run needs fits.
package struct SourceReading {
    package var interruption: Int32
    /// Whether checkpoints record what the input looked like.
    package var isSaved: Bool
    /// Lines of a slow source may wait this long, so that they need not be taken one by one.
    package var lingerSeconds: Double
    /// Whether a last line without its end is left to the next reader.
    package var leavesUnfinished: Bool
    /// Nothing past this offset is read.
    package var end: UInt64
    /// Called before waiting for input that is not there yet.
    package var willWait: () -> Void
    /// Called once there are parts of the input that the run does not have.
    package var hasGrown: () -> Void = {}
    /// Tells people of something about the input.
    package var notice: (String) -> Void = { _ in }
    /// Nil for one that is read on a thread of its own, and waits as long as it likes.
    package var patience: Patience?

    /// The end in a file that comes after so many bytes of others.
    func end(after earlier: UInt64) -> UInt64 { end == .max ? end : end - min(end, earlier) }
}

/// An input as named in a file or on a command line.
package protocol SourceDefinition: Sendable {
    /// A name for people.
    var path: String { get }
    var format: InputFormat { get }
    /// Of CSV.
    var dialect: CSVDialect { get }
    /// Whether there may be more after its end.
    var isEndless: Bool { get }
    /// Whether it has nothing to say once the other inputs have ended, and ends with them.
    var isFollower: Bool { get }
    /// Fields that its events have besides those of their lines.
    var addedFields: [String] { get }
    /// Its file, which no output may be.
    var file: String? { get }

    /// Its parts, where it has several that are read side by side; none where it is read as a whole. Waits until they
    /// are known.
    func parts(_ opening: SourceOpening) throws(RunFailure) -> [SourcePart]

    /// Opens the input and compares it with what a checkpoint recorded of it. Changes nothing.
    func find(_ recorded: CheckpointRecord.Input?, _ opening: SourceOpening) throws(RunFailure) -> any FoundSource

    /// Tries whether it could be read, for so many seconds at most, and reads nothing. Returns a title for people.
    func probe(seconds: Double) throws(RunFailure) -> String
}

extension SourceDefinition {
    package var dialect: CSVDialect { CSVDialect() }
    package var isFollower: Bool { false }
    package var addedFields: [String] { [] }
    package func parts(_ opening: SourceOpening) throws(RunFailure) -> [SourcePart] { [] }

    package func probe(seconds: Double) throws(RunFailure) -> String {
        _ = try find(nil, SourceOpening())
        return path
    }
}

/// A part of an input that is read on its own, such as a partition.
package struct SourcePart {
    /// Its name within the input.
    package let name: String
    package let definition: any SourceDefinition

    package init(name: String, _ definition: any SourceDefinition) {
        self.name = name
        self.definition = definition
    }
}

/// An input that was found, but not read yet.
package protocol FoundSource: AnyObject {
    var finding: InputFinding { get }
    var position: SourcePosition { get }
    var csvHeader: [UInt8] { get }
    /// Whether all of it was read already.
    var isFinished: Bool { get }
    /// Whether it was interrupted while known input was read again.
    var wasInterrupted: Bool { get }
    /// The size, if everything is already there.
    var totalBytes: UInt64? { get }

    /// Where it is read from, for people.
    var place: String { get }
    /// Whether it goes on behind lines that are lost.
    var hasGap: Bool { get }
    /// Something about it that people should know.
    var notice: String? { get }

    func open(_ reading: SourceReading) -> any Source
}

extension FoundSource {
    package var place: String { "byte \(position.offset), line \(position.line + 1)" }
    package var hasGap: Bool { false }
    package var notice: String? { nil }
}

/// A kind of input that files can name.
package protocol SourceKind: Sendable {
    /// The syntax in a file: `{file: PATH}`.
    var form: String { get }

    /// The member that an input of this kind has with a map of its settings: a member of that name at the top of the
    /// file has what they share. Nil for kinds without.
    var key: String? { get }

    /// Reads an input of this kind; nil when the map is of another kind.
    func read(_ members: inout YAMLMembers, format: InputFormat) throws(ConfigurationError) -> (any SourceDefinition)?
}

extension SourceKind {
    package var key: String? { nil }
}
