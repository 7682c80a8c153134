/// A compiled pattern: states, and the edges between them. Immutable.
package struct Automaton: Equatable, Sendable {
    package enum Action: UInt8, Sendable {
        /// The event belongs to the sequence.
        case take
        /// The event is skipped.
        case ignore
        /// The event is shown to another state.
        case proceed
    }

    /// Holds when any of some conditions holds or any of some others does not, a bit each.
    package struct Clause: Equatable, Sendable {
        package var met: UInt64 = 0
        package var unmet: UInt64 = 0
    }

    package struct Edge: Equatable, Sendable {
        package let action: Action
        package let target: Int
        /// All of them have to hold.
        package let clauses: [Clause]
    }

    package enum Kind: UInt8, Sendable {
        case normal
        /// The sequence is complete.
        case final
        /// What must not come has come.
        case stop
        /// The sequence is complete when its time is over.
        case pending
    }

    package struct State: Equatable, Sendable {
        /// The index among the pattern's stage names.
        package let stage: Int?
        package let kind: Kind
        package let edges: [Edge]
        /// Unique, for people.
        package let label: String
    }

    package let names: [String]
    package let states: [State]
    package let within: Int64?
    package let skip: Pattern.Skip

    /// The state that waits for a first event.
    package static let start = 0

    /// The number of the stage that the skip strategy names.
    var skipStage: Int? {
        switch skip {
        case .toFirst(let name), .toLast(let name): names.firstIndex(of: name)
        case .none, .toNext, .pastLast: nil
        }
    }

    /// The conditions of events that some stage may take.
    var taking: UInt64 {
        states.reduce(0) { all, state in
            guard state.kind != .stop else { return all }
            return state.edges.reduce(all) { all, edge in
                edge.action == .take && states[edge.target].kind != .stop
                    ? edge.clauses.reduce(all) { $0 | ($1.unmet == 0 ? $1.met : 0) } : all
            }
        }
    }
}

extension Automaton {
    /// Whether an event that meets no condition changes nothing in any state, so that it need not be shown.
    ///
    /// If runs may complete at the end of their time, the moment of that is the next event's, so all have to be shown.
    var overlooksOthers: Bool {
        let tellsMoments = states.contains { $0.kind == .pending } || skip != .none && within != nil
        return !tellsMoments
            && states.indices.allSatisfy { index in
                states[index].kind != .normal || staysAtNothing(index)
            }
    }

    private func staysAtNothing(_ index: Int) -> Bool {
        var stays = 0
        var next = [index]
        while let current = next.popLast() {
            for edge in states[current].edges where edge.clauses.allSatisfy({ $0.unmet != 0 }) {
                switch edge.action {
                case .proceed: next.append(edge.target)
                case .ignore where edge.target == index: stays += 1
                case .ignore, .take: return false
                }
            }
        }
        // The start state always remains.
        return stays == 1 || index == Self.start && stays == 0
    }
}

/// The condition of an edge while the states are being built.
indirect enum EdgeTest {
    case always
    case condition(Int)
    case not(EdgeTest)
    case both(EdgeTest, EdgeTest)

    func and(_ other: EdgeTest) -> EdgeTest {
        if case .always = self { return other }
        if case .always = other { return self }
        return .both(self, other)
    }

    /// The clauses, all of which have to hold.
    func clauses(negated: Bool = false) -> [Automaton.Clause] {
        switch self {
        case .always: return negated ? [Automaton.Clause()] : []
        case .condition(let number):
            let bit = UInt64(1) << UInt64(number)
            return [negated ? Automaton.Clause(unmet: bit) : Automaton.Clause(met: bit)]
        case .not(let test): return test.clauses(negated: !negated)
        case .both(let left, let right):
            let (left, right) = (left.clauses(negated: negated), right.clauses(negated: negated))
            guard negated else { return left + right }
            return left.flatMap { left in
                right.map { Automaton.Clause(met: left.met | $0.met, unmet: left.unmet | $0.unmet) }
            }
        }
    }
}
