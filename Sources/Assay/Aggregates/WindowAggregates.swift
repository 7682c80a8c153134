import CEL

/// The aggregates of a stream, in the order in which its expressions call them.
final class AggregatePlan: Sendable {
    let aggregates: [Aggregate]

    init(_ aggregates: [Aggregate]) {
        self.aggregates = aggregates
    }
}

/// What a window knows: the states of all aggregates.
struct WindowAggregates: WindowContent {
    struct Element {
        let plan: AggregatePlan
        /// By aggregate; nil where an argument could not be had, so that the event does not count for it.
        let arguments: [[Value]?]
        let number: UInt64
    }

    private(set) var states: [AggregateState] = []

    init() {}

    mutating func add(_ element: Element) {
        if states.isEmpty { states = element.plan.aggregates.map(AggregateState.init) }
        for (index, arguments) in element.arguments.enumerated() {
            guard let arguments else { continue }
            states[index].add(arguments, element.plan.aggregates[index], number: element.number)
        }
    }

    mutating func merge(_ other: WindowAggregates) {
        if states.isEmpty {
            states = other.states
        } else {
            for index in other.states.indices { states[index].merge(other.states[index]) }
        }
    }

    /// What the aggregates come to.
    func values(_ plan: AggregatePlan) -> [Value] {
        zip(states, plan.aggregates).map { $0.value($1) }
    }

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(states.count))
        for state in states { state.encode(into: &bytes) }
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        for _ in 0..<(try reader.count()) { states.append(try AggregateState(&reader)) }
    }
}
