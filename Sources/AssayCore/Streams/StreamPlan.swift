import CEL
import CivilTime

/// A pipeline ready to run: what each stream reads, what it makes of it, and where it goes. Immutable.
package final class StreamPlan: Sendable {
    /// Where a stream's rows come from.
    package enum Source: Equatable, Sendable {
        case input
        case stream(Int)
        /// The late events of a stream.
        case late(Int)
        /// The sequences of a stream that did not end in time.
        case timeouts(Int)
    }

    /// Several sources read as one: the names that any of them knows.
    package final class Union: Sendable {
        let names: [String]
        /// By source and name, the source's slot for the name.
        let slots: [[Int?]]
        let sources: [String]

        package init(names: [String], slots: [[Int?]], sources: [String]) {
            self.names = names
            self.slots = slots
            self.sources = sources
        }
    }

    package final class Keyed: Sendable {
        package let keys: [ExpressionPart]
        package let function: WindowFunction<WindowAggregates>
        package let isRunning: Bool
        let aggregates: AggregatePlan
        /// Columns and `having`, over the results of aggregates.
        let emission: Program
        package let emitted: [ExpressionPart]
        package let having: Int?
        let layout: EmissionLayout
        /// The name of its late events, if the pipeline uses them.
        let lateName: String?

        package init(
            keys: [ExpressionPart], function: WindowFunction<WindowAggregates>, isRunning: Bool,
            aggregates: AggregatePlan,
            emission: Program, emitted: [ExpressionPart], having: Int?, layout: EmissionLayout, lateName: String?
        ) {
            self.keys = keys
            self.function = function
            self.isRunning = isRunning
            self.aggregates = aggregates
            self.emission = emission
            self.emitted = emitted
            self.having = having
            self.layout = layout
            self.lateName = lateName
        }
    }

    package final class Sequences: Sendable {
        package let keys: [ExpressionPart]
        package let pattern: PatternPlan
        /// The condition for the events it sees, in the stream's program.
        package let audience: Int?
        package let emission: SequenceEmission
        let lateName: String?
        let timeoutsName: String?

        package init(
            keys: [ExpressionPart], pattern: PatternPlan, audience: Int?, emission: SequenceEmission, lateName: String?,
            timeoutsName: String?
        ) {
            self.keys = keys
            self.pattern = pattern
            self.audience = audience
            self.emission = emission
            self.lateName = lateName
            self.timeoutsName = timeoutsName
        }
    }

    package enum Operator: Sendable {
        /// All of a row, or selected columns.
        case rows(selected: [ExpressionPart]?)
        case keyed(Keyed)
        case pattern(Sequences)
        case score(ScoredSettings)
    }

    package struct ScoredSettings: Sendable {
        let settings: ScoringSettings
        let zone: TimeZoneRules
        let fields: TransactionFields
        package let rules: RuleSet?

        package init(settings: ScoringSettings, zone: TimeZoneRules, fields: TransactionFields, rules: RuleSet?) {
            self.settings = settings
            self.zone = zone
            self.fields = fields
            self.rules = rules
        }
    }

    package struct Stream: Sendable {
        package let name: String
        package let sources: [Source]
        /// Set where there are several sources.
        package let union: Union?
        /// `where`, keys, arguments and selected columns.
        let program: Program
        package let condition: Int?
        package let operation: Operator
        /// Nil for rows that are passed on unchanged.
        package let columns: [StreamColumn]?

        package init(
            name: String, sources: [Source], union: Union?, program: Program, condition: Int?, operation: Operator,
            columns: [StreamColumn]?
        ) {
            self.name = name
            self.sources = sources
            self.union = union
            self.program = program
            self.condition = condition
            self.operation = operation
            self.columns = columns
        }

        package var isScored: Bool { if case .score = operation { true } else { false } }

        /// The keys of a stream that combines many events.
        package var keys: [ExpressionPart] {
            switch operation {
            case .keyed(let keyed): keyed.keys
            case .pattern(let sequences): sequences.keys
            case .rows, .score: []
            }
        }

        /// The names of its side outputs, each with whether it has late events.
        package var sides: [(name: String, isLate: Bool)] {
            let (late, timeouts): (String?, String?) =
                switch operation {
                case .keyed(let keyed): (keyed.lateName, nil)
                case .pattern(let sequences): (sequences.lateName, sequences.timeoutsName)
                case .rows, .score: (nil, nil)
                }
            return (late.map { [($0, true)] } ?? []) + (timeouts.map { [($0, false)] } ?? [])
        }
    }

    package let schema: EventSchema
    package let format: InputFormat
    package let derived: DerivedFields
    /// A stream comes after the streams that it reads.
    package let streams: [Stream]
    package let outputs: [StreamOutput]
    package let outOfOrder: Int64
    /// An event further ahead than this of the greatest time, in milliseconds, is not believed.
    package let ahead: Int64?
    /// In milliseconds.
    let idle: Int64?
    /// The identity that states belong to.
    package let identity: String
    package let zone: TimeZoneRules

    package init(
        schema: EventSchema, format: InputFormat, derived: DerivedFields, streams: [Stream],
        outputs: [StreamOutput], outOfOrder: Int64, ahead: Int64?, idle: Int64?, identity: String
    ) {
        self.schema = schema
        self.format = format
        self.derived = derived
        self.streams = streams
        self.outputs = outputs
        self.identity = identity
        self.outOfOrder = outOfOrder
        self.ahead = ahead
        self.idle = idle
        zone = schema.zone
    }

    /// The stream whose settings score transactions.
    var scored: (index: Int, settings: ScoredSettings)? {
        for (index, stream) in streams.enumerated() {
            if case .score(let settings) = stream.operation { return (index, settings) }
        }
        return nil
    }

    /// By output, the number of the sink that its rows go to; outputs may share a sink.
    var sinks: [Int] { outputs.map(\.sink) }
}

/// Where the rows of a stream go.
package struct StreamOutput: Sendable {
    package let source: StreamPlan.Source
    let stream: String
    let form: RowForm
    /// The number of its sink.
    package let sink: Int
    let columns: [StreamColumn]?
    /// The columns of its key, if it has one.
    let keys: [String]

    package init(
        source: StreamPlan.Source, stream: String, form: RowForm, sink: Int, columns: [StreamColumn]?,
        keys: [String] = []
    ) {
        self.keys = keys
        self.source = source
        self.stream = stream
        self.form = form
        self.sink = sink
        self.columns = columns
    }
}
