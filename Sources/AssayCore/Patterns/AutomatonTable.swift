/// The states of an automaton in a few flat arrays, for fast traversal.
struct AutomatonTable {
    struct State {
        let kind: Automaton.Kind
        /// -1 for none.
        let stage: Int
        let firstEdge: Int
        let endEdge: Int
    }

    struct Edge {
        let action: Automaton.Action
        let target: Int
        let firstClause: Int
        let endClause: Int
    }

    private(set) var states: [State] = []
    private(set) var edges: [Edge] = []
    private(set) var clauses: [Automaton.Clause] = []

    init(_ automaton: Automaton) {
        for state in automaton.states {
            let firstEdge = edges.count
            for edge in state.edges {
                let firstClause = clauses.count
                clauses += edge.clauses
                edges.append(
                    Edge(
                        action: edge.action, target: edge.target, firstClause: firstClause, endClause: clauses.count))
            }
            states.append(
                State(kind: state.kind, stage: state.stage ?? -1, firstEdge: firstEdge, endEdge: edges.count))
        }
    }

    @inline(__always)
    func edges(of state: Int) -> Range<Int> { states[state].firstEdge..<states[state].endEdge }
}
