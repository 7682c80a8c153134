import AssayCore

/// A pipeline as its file says it, before anybody looks at what its expressions mean.
package struct PipelineDefinition: Sendable {
    struct Input: Sendable {
        var format = InputFormat.jsonl
        var time = "timestamp"
        var timePosition: TextPosition?
        var unit = EventSchema.TimeUnit.auto
        var zoneName = "UTC"
        var zonePosition: TextPosition?
        /// How much later events may come than one with a greater time, in milliseconds.
        var outOfOrder: Int64 = 30_000
        /// After so long without input event time goes on with the clock.
        var idle: Int64?
        /// Those that were declared; nil when any may come.
        var fields: [(name: String, type: FieldType)]?
    }

    struct Stream: Sendable {
        var name: String
        var position: TextPosition
        /// None for the input; several streams are taken as one.
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
        /// Those that meet the condition, as they are or with other columns.
        case rows
        case windows(Keyed)
        /// An assessment for each event, with the settings of a file.
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

    /// What is known of many events together, by key.
    struct Keyed: Sendable {
        var keys: [NamedExpression] = []
        var shape: WindowShape
        /// Told at each event, with what is known up to it.
        var isRunning = false
        var lateness: Int64 = 0
        /// The name of the stream of late events.
        var late: SourceText?
    }

    var input = Input()
    /// Where events come from, unless the command line says it.
    var inputs: [NamedInput] = []
    var lists: [ListDefinition] = []
    var derived: [NamedExpression] = []
    var streams: [Stream] = []
    var outputs: [OutputEntry] = []
    /// Where streams go that nobody reads, when no output is named.
    let standardOutput: any OutputDefinition
    /// Where the file is, as it was named.
    package let path: String

    init(path: String, standardOutput: any OutputDefinition) {
        self.path = path
        self.standardOutput = standardOutput
    }

    static let mostStreams = 200
    static let mostColumns = 1000
}
