import CEL

/// Makes the rows of a stream that combines many events: what its windows come to, or everything so far.
///
/// Windows fire far more often than rows are emitted, so it keeps by address what each firing looks at: counting
/// references would take as long as the rest.
final class WindowEmission {
    private let plan: StreamPlan.Keyed
    private let aggregates: AggregatePlan
    private let program: Program
    private let having: Int?
    private let emission: EmissionRow
    private let row: ValueRow
    private let opening: WindowOpening
    private let failures: FailureLog
    /// The slots of the aggregates' results, in their order.
    private let slots: UnsafeMutableBufferPointer<Int>
    private let parts: UnsafeMutableBufferPointer<Part>
    /// The key of the last step. Only the thread that owns the stage uses it.
    @exclusivity(unchecked) private var key = OutputBuffer(capacity: 64)
    /// Whether its rows are of events, each with everything so far.
    let isRunning: Bool

    /// Something that is emitted.
    private struct Part {
        let root: Int
        let slot: Int
        /// Where it is, if it is just a value of the emission, and the only kind that it may have.
        let source: Int?
        let kind: Value.Kind?
    }

    init(_ plan: StreamPlan.Keyed, columns: [StreamColumn], failures: FailureLog) {
        self.plan = plan
        self.failures = failures
        aggregates = plan.aggregates
        program = plan.emission
        having = plan.having
        isRunning = plan.isRunning
        row = ValueRow(names: columns.map(\.name))
        let opening = WindowOpening(plan)
        self.opening = opening
        emission = EmissionRow(
            slotCount: plan.layout.slotCount,
            opening: (EmissionLayout.firstKeySlot + plan.keys.count, { opening.fill(&$0) }))
        slots = .allocate(capacity: plan.layout.aggregates.count)
        _ = slots.initialize(from: plan.layout.aggregates)
        let parts = zip(plan.emitted, plan.layout.emitted).map { part, slot in
            let variable = plan.emission.plainVariable(part.root)
            let source = variable.flatMap { $0.slot >= EmissionRow.firstSlot ? $0.slot - EmissionRow.firstSlot : nil }
            return Part(root: part.root, slot: slot, source: source, kind: variable?.kind)
        }
        self.parts = .allocate(capacity: parts.count)
        _ = self.parts.initialize(from: parts)
    }

    deinit {
        slots.deallocate()
        parts.deallocate()
    }

    /// All firings of a step are of one key.
    func begin(_ key: UnsafeBufferPointer<UInt8>) {
        self.key.removeAll()
        self.key.reserve(key.count)
        self.key.write(key)
    }

    /// Returns the row of a window, or of everything so far; nil where `having` does not hold.
    func emit(_ firing: borrowing WindowFunction<WindowAggregates>.Firing, event: Row?) -> ValueRow? {
        let time = event?.time ?? EventTime(milliseconds: firing.window.lastMoment)
        opening.begin(firing.window, key: key.bytes.bindMemory(to: UInt8.self))
        emission.begin(event: event, at: time)
        defer { emission.end() }
        for index in slots.indices { emission[slot: slots[index]] = firing.content.value(index, aggregates) }
        for part in parts { emission[slot: part.slot] = plainValue(part) ?? value(part.root) }
        if let having, !holds(having) { return nil }
        row.begin(at: time) { values in
            for part in plan.layout.automatic { values.append(emission[slot: part.slot]) }
            for slot in plan.layout.emitted { values.append(emission[slot: slot]) }
        }
        return row
    }

    /// The value of something emitted that is just an aggregate, or a part of the key. Nil where that has to be
    /// evaluated, as it may fail or be too deep.
    @inline(__always)
    private func plainValue(_ part: Part) -> Value? {
        guard let source = part.source else { return nil }
        let value = emission[slot: source]
        let present: Value.Kind
        switch value {
        case .int: present = .int
        case .double: present = .double
        case .string: present = .string
        default: return nil
        }
        guard let kind = part.kind else { return value }
        return kind.rawValue == present.rawValue ? value : nil
    }

    private func value(_ root: Int) -> Value { RunningStream.value(root, of: program, emission, failures) }

    @inline(__always)
    private func holds(_ having: Int) -> Bool {
        do throws(EvaluationError) {
            return try program.bool(having, host: emission)
        } catch {
            failures.note(error)
            return false
        }
    }
}

/// What the row of a window begins with: its start, its end and its key. Valid while the window's row is made.
private final class WindowOpening {
    private let isGlobal: Bool
    private let isRunning: Bool
    private let parts: Int
    // Only the thread that owns the stage uses these.
    @exclusivity(unchecked) private var window = TimeWindow(start: 0, end: 0)
    @exclusivity(unchecked) private var key = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    @exclusivity(unchecked) private var values: [Value] = []

    init(_ keyed: StreamPlan.Keyed) {
        isGlobal = if case .global = keyed.function.shape { true } else { false }
        isRunning = keyed.isRunning
        parts = keyed.keys.count
    }

    func begin(_ window: TimeWindow, key: UnsafeBufferPointer<UInt8>) {
        self.window = window
        self.key = key
    }

    func fill(_ slots: inout [Value]) {
        if !isRunning {
            slots[0] = RunningStream.moment(window.start)
            slots[1] = RunningStream.moment(isGlobal ? window.lastMoment : window.end)
        }
        StreamKey.read(key, count: parts, into: &values)
        for index in 0..<parts { slots[EmissionLayout.firstKeySlot + index] = values[index] }
    }
}
