import CEL

/// The row of a found sequence: the columns of `emit`, or all that is known of it.
package final class SequenceEmission: Sendable {
    let program: Program
    let emitted: [ExpressionPart]
    let having: Int?
    /// Stages whose events the expressions read.
    let usedStages: [Int]
    let layout: Layout
    package let columns: [StreamColumn]

    package init(
        program: Program, emitted: [ExpressionPart], having: Int?, usedStages: [Int], layout: Layout,
        columns: [StreamColumn]
    ) {
        self.program = program
        self.emitted = emitted
        self.having = having
        self.usedStages = usedStages
        self.layout = layout
        self.columns = columns
    }

    /// The slots of the values that its expressions see, the events of the stages first.
    package struct Layout: Sendable {
        let stages: Int
        let keys: Int
        let emitted: Int

        package init(stages: Int, keys: Int, emitted: Int) {
            self.stages = stages
            self.keys = keys
            self.emitted = emitted
        }

        package var began: Int { stages }
        package var ended: Int { stages + 1 }
        package var pattern: Int { stages + 2 }
        /// The key, whole.
        package var key: Int { stages + 3 }
        package var firstKey: Int { stages + 4 }
        package var firstEmitted: Int { firstKey + keys }
        var slotCount: Int { firstEmitted + emitted }
    }

    /// The columns without an `emit`.
    package static func wholeColumns(key: CEL.`Type`) -> [StreamColumn] {
        [
            StreamColumn(name: "pattern", type: .string),
            StreamColumn(name: "key", type: key),
            StreamColumn(name: "began", type: .timestamp),
            StreamColumn(name: "ended", type: .timestamp),
            StreamColumn(name: "stages", type: .map(.string, .dyn)),
        ]
    }
}

/// Makes rows from the sequences of a stream.
final class SequenceTelling {
    private let sequences: StreamPlan.Sequences
    private let row: ValueRow
    private let wholeRow: ValueRow
    private let emission: EmissionRow
    private let failures: FailureLog

    init(_ sequences: StreamPlan.Sequences, failures: FailureLog) {
        self.sequences = sequences
        self.failures = failures
        row = ValueRow(names: sequences.emission.columns.map(\.name))
        wholeRow = ValueRow(names: SequenceEmission.wholeColumns(key: .dyn).map(\.name))
        emission = EmissionRow(slotCount: sequences.emission.layout.slotCount)
    }

    /// Returns the row of a found or timed-out sequence; nil where `having` does not hold.
    func tell(_ sequence: PatternMatcher.Sequence, keys: [Value], at time: EventTime) -> ValueRow? {
        guard sequence.isComplete, !sequences.emission.emitted.isEmpty || sequences.emission.having != nil else {
            return whole(sequence, keys, time)
        }
        let plan = sequences.emission
        emission.begin(event: nil, at: time)
        fill(sequence, keys, time)
        for (index, part) in plan.emitted.enumerated() {
            emission[slot: plan.layout.firstEmitted + index] = value(part.root)
        }
        if let having = plan.having, !holds(having) { return nil }
        guard !plan.emitted.isEmpty else { return whole(sequence, keys, time) }
        row.begin(plan.emitted.indices.map { emission[slot: plan.layout.firstEmitted + $0] }, at: time)
        return row
    }

    private func fill(_ sequence: PatternMatcher.Sequence, _ keys: [Value], _ time: EventTime) {
        let layout = sequences.emission.layout
        for stage in sequences.emission.usedStages {
            emission[slot: stage] = .list(events(sequence, of: stage, asItCame: false))
        }
        emission[slot: layout.began] = RunningStream.moment(sequence.began)
        emission[slot: layout.ended] = RunningStream.moment(time.milliseconds)
        emission[slot: layout.pattern] = .string(sequences.pattern.name)
        emission[slot: layout.key] = key(keys)
        for (index, key) in keys.enumerated() { emission[slot: layout.firstKey + index] = key }
    }

    private func events(_ sequence: PatternMatcher.Sequence, of stage: Int, asItCame: Bool) -> [Value] {
        sequence.taken.filter { $0.stage == stage }.map {
            KeptContent.event($0.event, slots: sequences.pattern.keptSlots.count, asItCame: asItCame)
        }
    }

    private func whole(_ sequence: PatternMatcher.Sequence, _ keys: [Value], _ time: EventTime) -> ValueRow {
        var stages: [(key: Value, value: Value)] = []
        for (stage, name) in sequences.pattern.automaton.names.enumerated() {
            let events = events(sequence, of: stage, asItCame: true)
            if !events.isEmpty { stages.append((.string(name), .list(events))) }
        }
        guard let map = MapValue(stages) else { preconditionFailure("stages have different names") }
        wholeRow.begin(
            [
                .string(sequences.pattern.name), key(keys), RunningStream.moment(sequence.began),
                RunningStream.moment(time.milliseconds), .map(map),
            ], at: time)
        return wholeRow
    }

    /// Returns a single part as it is, several as a map.
    private func key(_ keys: [Value]) -> Value {
        if keys.count == 1 { return keys[0] }
        if keys.isEmpty { return .null }
        return MapValue(zip(sequences.keys, keys).map { (.string($0.name), $1) }).map(Value.map) ?? .null
    }

    private func value(_ root: Int) -> Value {
        do throws(EvaluationError) {
            return try sequences.emission.program.value(root, host: emission)
        } catch {
            failures.note(error)
            return .null
        }
    }

    private func holds(_ having: Int) -> Bool {
        do throws(EvaluationError) {
            return try sequences.emission.program.bool(having, host: emission)
        } catch {
            failures.note(error)
            return false
        }
    }
}
