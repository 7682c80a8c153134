import CEL

/// The aggregates of a stream, in the order of the calls in its expressions.
package final class AggregatePlan: Sendable {
    /// How an aggregate is updated with an event.
    package enum Step: Sendable {
        /// Reads nothing of the event.
        case count
        /// The number of an expression of this type.
        case int(Int)
        case double(Int)
        /// The same of an expression that is just a variable, by its slot.
        case intVariable(Int, root: Int)
        case countIf(Int)
        /// The value of an expression.
        case value(Int)
        /// The same, with another expression's value as weight.
        case weighted(Int, by: Int)
    }

    let aggregates: [Aggregate]
    let steps: [Step]
    /// Whether results are doubles in expressions.
    fileprivate let isDouble: [Bool]
    /// The arguments.
    let program: Program
    fileprivate let none: [AggregateTally]
    /// Those whose states may grow with what they are given.
    fileprivate let held: [Int]

    /// `results`: the types of the results in expressions.
    package init(_ aggregates: [Aggregate], steps: [Step], results: [CEL.`Type`], program: Program) {
        self.aggregates = aggregates
        self.steps = steps.map { step in
            guard case .int(let root) = step, let (slot, kind) = program.plainVariable(root), kind == .int else {
                return step
            }
            return .intVariable(slot, root: root)
        }
        isDouble = results.map { $0 == .double }
        self.program = program
        none = aggregates.map { AggregateTally(AggregateState($0)) }
        held = aggregates.indices.filter { aggregates[$0].isHeld }
    }

    fileprivate func add(_ element: WindowAggregates.Element, _ row: Row, to states: inout [AggregateTally]) {
        if states.isEmpty { states = none }
        states.withUnsafeMutableBufferPointer { states in
            for index in states.indices {
                do throws(EvaluationError) {
                    try add(element, row, index, to: &states[index])
                } catch {
                    element.failures.takeUnretainedValue().note(error)
                }
            }
        }
    }

    @inline(__always)
    private func add(
        _ element: WindowAggregates.Element, _ row: Row, _ index: Int, to state: inout AggregateTally
    ) throws(EvaluationError) {
        switch steps[index] {
        case .count: state.countOne()
        case .countIf(let root):
            if try program.bool(root, host: row) { state.countOne() }
        case .int(let root):
            state.add(try program.int(root, host: row), number: element.number, of: aggregates[index])
        case .intVariable(let slot, let root):
            let value: Int64
            do throws(EvaluationError) {
                value = try row.int(slot)
            } catch {
                // Says where it is in the expression.
                value = try program.int(root, host: row)
            }
            state.add(value, number: element.number, of: aggregates[index])
        case .double(let root):
            state.add(try program.double(root, host: row), number: element.number, of: aggregates[index])
        case .value(let root):
            state.add(try program.value(root, host: row), number: element.number, of: aggregates[index])
        case .weighted(let root, let weight):
            let value = try program.value(root, host: row)
            state.add(
                value, weight: try program.value(weight, host: row), number: element.number, of: aggregates[index])
        }
    }
}

/// The content of a window: the states of all aggregates.
package struct WindowAggregates: WindowContent {
    /// An event to be added, valid while it is current.
    package struct Element {
        // Its maker owns all of these.
        let plan: Unmanaged<AggregatePlan>
        let row: Unmanaged<Row>
        let number: UInt64
        /// Records arguments that failed: the event does not count for their aggregates.
        let failures: Unmanaged<FailureLog>
    }

    private(set) var states: [AggregateTally] = []
    /// What the states point to.
    private var heldBytes = 0

    package init() {}

    package var memoryBytes: Int { states.capacity * MemoryLayout<AggregateTally>.stride + heldBytes }

    package mutating func add(_ element: Element) {
        element.plan._withUnsafeGuaranteedRef { plan in
            element.row._withUnsafeGuaranteedRef { plan.add(element, $0, to: &states) }
            if plan.held.isEmpty { return }
            heldBytes = plan.held.reduce(0) { $0 + states[$1].memoryBytes }
        }
    }

    package mutating func merge(_ other: WindowAggregates) {
        if states.isEmpty { return assign(other) }
        for index in other.states.indices { states[index].merge(other.states[index]) }
        if heldBytes + other.heldBytes > 0 { heldBytes = states.reduce(0) { $0 + $1.memoryBytes } }
    }

    package mutating func assign(_ other: WindowAggregates) {
        if states.count == other.states.count {
            for index in states.indices { states[index] = other.states[index] }
        } else {
            states.removeAll(keepingCapacity: true)
            states.append(contentsOf: other.states)
        }
        heldBytes = other.heldBytes
    }

    package var isShared: Bool { heldBytes > 0 }

    /// The result of an aggregate, in the type that expressions expect.
    func value(_ index: Int, _ plan: AggregatePlan) -> Value {
        let value = states[index].value(plan.aggregates[index])
        // The sum of no values is an integer zero.
        guard plan.isDouble[index], let number = value.number else { return value }
        return .double(number)
    }

    package func encode(into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(states.count))
        for tally in states { tally.state.encode(into: &bytes) }
    }

    package init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        for _ in 0..<(try reader.count()) { states.append(AggregateTally(try AggregateState(&reader))) }
        heldBytes = states.reduce(0) { $0 + $1.memoryBytes }
    }
}

/// How often expressions of a stream failed, by cause, and the first failure of each cause not reported yet.
final class FailureLog {
    private(set) var count: UInt64 = 0
    private var known: Set<EvaluationError.Cause> = []
    private(set) var untold: [EvaluationError] = []
    /// Every failure, for owners that count them in another way.
    private var noted: [EvaluationError] = []
    private let keepsAll: Bool
    private let ignored: EvaluationError.Cause?

    /// `ignored`: a cause that is not a failure.
    init(ignoring ignored: EvaluationError.Cause? = nil, keepsAll: Bool = false) {
        self.ignored = ignored
        self.keepsAll = keepsAll
    }

    func note(_ error: EvaluationError) {
        if error.cause == ignored { return }
        count += 1
        if keepsAll { noted.append(error) }
        if known.insert(error.cause).inserted { untold.append(error) }
    }

    func takeNoted() -> [EvaluationError] {
        defer { noted.removeAll(keepingCapacity: true) }
        return noted
    }

    func takeUntold() -> [EvaluationError] {
        defer { untold = [] }
        return untold
    }

    /// Continues the count of earlier runs.
    func resume(_ count: UInt64) { self.count += count }
}
