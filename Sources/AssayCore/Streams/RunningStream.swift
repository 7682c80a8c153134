import CEL

/// A stream while it runs: its rows, who reads them, and what went wrong.
final class RunningStream {
    let index: Int
    let plan: StreamPlan.Stream
    /// The row that a selection makes.
    let row: ValueRow?
    let failures: FailureLog
    /// Set where it has several sources.
    let union: UnionRow?
    var taken: UInt64 = 0
    var late: UInt64 = 0
    var made: UInt64 = 0
    let readers: StreamReaders
    /// Readers of its late events.
    let lateReaders: StreamReaders
    /// Readers of the sequences that did not end in time.
    let timeoutReaders: StreamReaders
    /// Set for a stream that combines many events.
    let windows: WindowEmission?
    let sequences: StreamPlan.Sequences?
    let telling: SequenceTelling?
    /// Sequences that did not end in time, and runs dropped because there were too many, in earlier runs.
    var timedOut: UInt64 = 0
    var dropped: UInt64 = 0
    var hasSaidDropped = false
    /// Runs ended by a change of their pattern.
    var ended: UInt64 = 0
    // The result of its last step. Only the thread that owns the stage uses it.
    @exclusivity(unchecked) var step = WindowFunction<WindowAggregates>.Output()
    private let program: Program
    private let condition: Int?
    private let audience: Int?
    /// What every row gets that is added to windows.
    private let aggregates: Unmanaged<AggregatePlan>?
    private let noted: Unmanaged<FailureLog>
    private let keys: [ExpressionPart]
    let kind: Kind
    /// The number of the field, for a key that is a single text of the input.
    let keyField: Int?

    /// What it does, without the details.
    enum Kind {
        case whole, selected, keyed, pattern, score
    }

    init(_ index: Int, of pipeline: StreamPlan) {
        self.index = index
        plan = pipeline.streams[index]
        union = plan.union.map(UnionRow.init)
        // With several sources, not every one has every name.
        failures = FailureLog(ignoring: plan.union == nil ? nil : .noSuchKey)
        row = plan.columns.map { ValueRow(names: $0.map(\.name)) }
        readers = StreamReaders(of: .stream(index), in: pipeline)
        lateReaders = StreamReaders(of: .late(index), in: pipeline)
        timeoutReaders = StreamReaders(of: .timeouts(index), in: pipeline)
        (program, condition) = (plan.program, plan.condition)
        if case .keyed(let keyed) = plan.operation, let columns = plan.columns {
            windows = WindowEmission(keyed, columns: columns, failures: failures)
            aggregates = Unmanaged.passUnretained(keyed.aggregates)
        } else {
            (windows, aggregates) = (nil, nil)
        }
        if case .pattern(let sequences) = plan.operation {
            self.sequences = sequences
            telling = SequenceTelling(sequences, failures: failures)
        } else {
            (sequences, telling) = (nil, nil)
        }
        audience = sequences?.audience
        keys = plan.keys
        noted = Unmanaged.passUnretained(failures)
        kind =
            switch plan.operation {
            case .rows(let selected): selected == nil ? .whole : .selected
            case .keyed: .keyed
            case .pattern: .pattern
            case .score: .score
            }
        keyField = plan.keys.count == 1 ? plan.keys[0].field : nil
    }

    /// Whether a row meets the condition.
    func takes(_ row: Row) -> Bool {
        if let condition, !holds(condition, row) { return false }
        if let audience, !holds(audience, row) { return false }
        return true
    }

    private func holds(_ root: Int, _ row: Row) -> Bool {
        do throws(EvaluationError) {
            return try program.bool(root, host: row)
        } catch {
            failures.note(error)
            return false
        }
    }

    /// The value of a part; null when it fails.
    func value(_ root: Int, of program: Program, _ row: Row) -> Value {
        Self.value(root, of: program, row, failures)
    }

    static func value(_ root: Int, of program: Program, _ row: Row, _ failures: FailureLog) -> Value {
        do throws(EvaluationError) {
            let value = try program.value(root, host: row)
            guard value.depth <= deepestValue else {
                throw EvaluationError(.tooCostly, "a value with more than \(deepestValue) levels of nesting")
            }
            return value
        } catch {
            failures.note(error)
            return .null
        }
    }

    /// Somewhat more than a line of input can have.
    private static let deepestValue = 200
    /// The limit for all parts together.
    private static let longestKey = 1 << 16

    /// Appends the key of a row. Returns false when it has none.
    func appendKey(of row: Row, to buffer: inout OutputBuffer) -> Bool {
        StreamKey.begin(index, in: &buffer)
        if let keyField, let text = row.textBytes(keyField), text.count < Self.longestKey {
            StreamKey.append(text: text, isLast: true, to: &buffer)
            return true
        }
        do throws(EvaluationError) {
            for (position, key) in keys.enumerated() {
                let isLast = position == keys.count - 1
                try StreamKey.append(try program.value(key.root, host: row), isLast: isLast, to: &buffer)
            }
            guard buffer.count <= Self.longestKey else {
                throw EvaluationError(.tooCostly, "a key of more than \(Self.longestKey) bytes")
            }
            return true
        } catch {
            failures.note(error)
            return false
        }
    }

    /// A row as an element of the stream's windows.
    @inline(__always)
    func element(_ row: Row, number: UInt64) -> WindowAggregates.Element {
        guard let aggregates else { preconditionFailure("only windows take elements") }
        return WindowAggregates.Element(
            plan: aggregates, row: Unmanaged.passUnretained(row), number: number, failures: noted)
    }

    // MARK: Sequences

    var patternFunction: PatternFunction? {
        guard let pattern = sequences?.pattern else { return nil }
        return PatternFunction(
            PatternMatcher(
                pattern.automaton, conditions: pattern.isIterative ? SequenceRow(pattern, failures: failures) : nil,
                limits: pattern.limits,
                tellsTimeouts: !timeoutReaders.isNobody),
            fingerprint: pattern.fingerprint)
    }

    /// Returns what a pattern has to know of a row; nil for one that changes nothing.
    func event(_ row: Row, _ pattern: PatternPlan, _ buffer: inout OutputBuffer) -> PatternFunction.Input? {
        let truth = pattern.truth { holds($0, row) }
        guard pattern.matters(truth) else { return nil }
        let isKept = truth.open != 0 || pattern.mayBeTaken(truth)
        return PatternFunction.Input(
            time: row.time.milliseconds, truth: truth,
            content: isKept ? KeptContent.bytes(row, pattern.keptSlots, into: &buffer) : [])
    }

    /// Null for a time outside the calendar.
    static func moment(_ milliseconds: Int64) -> Value {
        Timestamp(milliseconds: milliseconds).map(Value.timestamp) ?? .null
    }
}
