/// A text of a pipeline file, with where it stands.
struct SourceText: Sendable {
    let text: String
    /// Of the value.
    let position: TextPosition
    /// Of the text itself, where it stands in the file as it is.
    let textPosition: TextPosition?
}

/// A column with the expression that makes it.
struct NamedExpression: Sendable {
    let name: String
    let position: TextPosition
    let expression: SourceText
}

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

    struct Output: Sendable {
        enum Target: Sendable {
            case standardOutput
            case file(String, FileFormat)
            case parts(PartSettings)
            case table(TableSettings)
        }

        var stream: SourceText
        var target: Target
        var position: TextPosition
    }

    enum FileFormat: String, CaseIterable, Sendable {
        case jsonl, csv
    }

    /// A folder of files that are begun anew now and then.
    struct PartSettings: Sendable {
        var folder: String
        var format = FileFormat.jsonl
        var bytes: Int64 = 64 << 20
        var milliseconds: Int64?
        var rows: UInt64?
    }

    struct TableSettings: Sendable {
        var path: String
        var table: String
        var indexes: [SourceText] = []
        /// Rows that are there from elsewhere stay.
        var appends = false
    }

    var input = Input()
    var lists: [ListDefinition] = []
    var derived: [NamedExpression] = []
    var streams: [Stream] = []
    var outputs: [Output] = []
    /// Where the file is, as it was named.
    package let path: String

    init(path: String) {
        self.path = path
    }

    static let mostStreams = 200
    static let mostColumns = 1000
}
