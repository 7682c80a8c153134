import CEL
import CivilTime

/// A pipeline ready to run: what each stream reads, what it makes of it, and where it goes. Never changed.
package final class StreamPlan: Sendable {
    /// Where a stream's rows come from.
    enum Source: Equatable, Sendable {
        case input
        case stream(Int)
        /// The late events of a stream.
        case late(Int)
        /// The sequences of a stream that did not end in time.
        case timeouts(Int)
    }

    /// Several sources taken as one: the names that any of them knows.
    final class Union: Sendable {
        let names: [String]
        /// By source and name, the slot by which that source knows it.
        let slots: [[Int?]]
        let sources: [String]

        init(names: [String], slots: [[Int?]], sources: [String]) {
            self.names = names
            self.slots = slots
            self.sources = sources
        }
    }

    struct Column: Sendable {
        let name: String
        let type: CEL.`Type`
    }

    /// A value that an expression of some program makes.
    struct Part: Sendable {
        let name: String
        let type: CEL.`Type`
        let root: Int
        /// Where it is nothing but a field of the input: the field's number.
        let field: Int?
    }

    final class Keyed: Sendable {
        let keys: [Part]
        let function: WindowFunction<WindowAggregates>
        let isRunning: Bool
        let aggregates: AggregatePlan
        /// Columns and `having`, over the outcomes of aggregates.
        let emission: Program
        let emitted: [Part]
        let having: Int?
        let layout: EmissionLayout
        /// Of its late events, if the pipeline names them.
        let lateName: String?

        init(
            keys: [Part], function: WindowFunction<WindowAggregates>, isRunning: Bool, aggregates: AggregatePlan,
            emission: Program, emitted: [Part], having: Int?, layout: EmissionLayout, lateName: String?
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

    final class Sequences: Sendable {
        let keys: [Part]
        let pattern: PatternPlan
        /// Which events it is about, in the stream's program.
        let audience: Int?
        let emission: SequenceEmission
        let lateName: String?
        let timeoutsName: String?

        init(
            keys: [Part], pattern: PatternPlan, audience: Int?, emission: SequenceEmission, lateName: String?,
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

    enum Operator: Sendable {
        /// All of a row, or some columns of it.
        case rows(selected: [Part]?)
        case keyed(Keyed)
        case pattern(Sequences)
        case score(ScoredSettings)
    }

    struct ScoredSettings: Sendable {
        let configuration: Configuration
        let settings: ScoringSettings
        let zone: TimeZoneRules
        let fields: FieldNames
        let rules: RuleSet?
    }

    struct Stream: Sendable {
        let name: String
        let sources: [Source]
        /// Where there are several.
        let union: Union?
        /// `where`, keys, arguments and selected columns.
        let program: Program
        let condition: Int?
        let operation: Operator
        /// Nil for rows that are passed on as they are, whatever they have.
        let columns: [Column]?

        var isScored: Bool { if case .score = operation { true } else { false } }

        /// Of a stream that knows of many events together.
        var keys: [Part] {
            switch operation {
            case .keyed(let keyed): keyed.keys
            case .pattern(let sequences): sequences.keys
            case .rows, .score: []
            }
        }

        /// What it makes besides its own rows: the names, each with whether it is of late events.
        var sides: [(name: String, isLate: Bool)] {
            let (late, timeouts): (String?, String?) =
                switch operation {
                case .keyed(let keyed): (keyed.lateName, nil)
                case .pattern(let sequences): (sequences.lateName, sequences.timeoutsName)
                case .rows, .score: (nil, nil)
                }
            return (late.map { [($0, true)] } ?? []) + (timeouts.map { [($0, false)] } ?? [])
        }
    }

    let schema: EventSchema
    let format: InputFormat
    let derived: DerivedFields
    /// Whoever is read comes before whoever reads.
    let streams: [Stream]
    package let outputs: [StreamOutput]
    let outOfOrder: Int64
    /// In milliseconds.
    let idle: Int64?
    /// States belong to it.
    let identity: String
    let zone: TimeZoneRules

    init(
        schema: EventSchema, format: InputFormat, derived: DerivedFields, streams: [Stream],
        outputs: [StreamOutput], input: PipelineDefinition.Input, identity: String
    ) {
        self.schema = schema
        self.format = format
        self.derived = derived
        self.streams = streams
        self.outputs = outputs
        self.identity = identity
        outOfOrder = input.outOfOrder
        idle = input.idle
        zone = schema.zone
    }

    /// The stream whose settings score transactions.
    var scored: (index: Int, settings: ScoredSettings)? {
        for (index, stream) in streams.enumerated() {
            if case .score(let settings) = stream.operation { return (index, settings) }
        }
        return nil
    }

    /// The outputs that have a buffer and a sink of their own, by number: all that goes to standard output shares one,
    /// so that it comes out in the order in which it was made.
    var bufferOutputs: [Int] {
        let standard = outputs.firstIndex { $0.isStandardOutput }
        return outputs.indices.filter { !outputs[$0].isStandardOutput || $0 == standard }
    }

    /// The buffer of each output.
    var buffers: [Int] {
        let own = bufferOutputs
        return outputs.indices.map { index in
            own.firstIndex { $0 == index || outputs[$0].isStandardOutput && outputs[index].isStandardOutput } ?? 0
        }
    }
}

/// Where the rows of a stream go.
package struct StreamOutput: Sendable {
    let source: StreamPlan.Source
    let stream: String
    let target: PipelineDefinition.Output.Target
    let columns: [StreamPlan.Column]?

    var isStandardOutput: Bool { if case .standardOutput = target { true } else { false } }
}
