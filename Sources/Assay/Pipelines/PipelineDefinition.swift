import AssayCore

/// A pipeline as its file defines it, before its expressions are compiled.
package struct PipelineDefinition: Sendable {
    struct Input: Sendable {
        var format = InputFormat.jsonl
        var time = "timestamp"
        var timePosition: TextPosition?
        var unit = EventSchema.TimeUnit.auto
        var zoneName = "UTC"
        var zonePosition: TextPosition?
        /// How much older than the newest event others may be, in milliseconds.
        var outOfOrder: Int64 = 30_000
        /// An event further ahead than this of the newest one, in milliseconds, is not believed.
        var ahead: Int64?
        /// After this long without input, event time advances with the clock.
        var idle: Int64?
        /// The declared fields; nil when any may come.
        var fields: [(name: String, type: FieldType)]?
    }

    struct Stream: Sendable {
        var name: String
        var position: TextPosition
        /// Empty for the input; several streams are read as one.
        var from: [SourceText] = []
        var condition: SourceText?
        var columns: [NamedExpression] = []
        var kind = Kind.rows
        var having: SourceText?

        /// The streams that it makes besides its own.
        var sideStreams: [SourceText] {
            switch kind {
            case .windows(let keyed): [keyed.late].compactMap(\.self)
            case .pattern(let sequences): [sequences.late, sequences.pattern.timeouts].compactMap(\.self)
            case .rows, .score: []
            }
        }
    }

    enum Kind: Sendable {
        /// The rows that meet the condition, unchanged or with other columns.
        case rows
        case windows(Keyed)
        /// An assessment per event, with the settings of a file.
        case score(SourceText)
        /// Sequences of a key's events.
        case pattern(Sequences)
    }

    struct Sequences: Sendable {
        var keys: [NamedExpression] = []
        var pattern: PatternDefinition
        /// The name of the stream of late events.
        var late: SourceText?
    }

    /// Results over many events, by key.
    struct Keyed: Sendable {
        var keys: [NamedExpression] = []
        var shape: WindowShape
        /// Emitted at each event, with the results up to it.
        var isRunning = false
        var lateness: Int64 = 0
        /// The name of the stream of late events.
        var late: SourceText?
    }

    var input = Input()
    /// Where events come from, unless the command line names an input.
    var inputs: [NamedInput] = []
    var lists: [ListDefinition] = []
    var derived: [NamedExpression] = []
    var streams: [Stream] = []
    var outputs: [OutputEntry] = []
    /// Who is told of what.
    var alerts = AlertSettings()
    /// Where streams without a reader go, when no output is named.
    let standardOutput: any OutputDefinition
    /// The path of the file as given.
    package let path: String

    init(path: String, standardOutput: any OutputDefinition) {
        self.path = path
        self.standardOutput = standardOutput
    }

    static let mostStreams = 200
    static let mostColumns = 1000
}
