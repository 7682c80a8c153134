/// Builds the states of a pattern, from its end to its beginning. The order of a state's edges is part of the
/// semantics: it decides the order in which runs are made.
package struct AutomatonBuilder {
    /// A state whose edges may still change.
    private final class Node {
        let name: String?
        let kind: Automaton.Kind
        var edges: [(action: Automaton.Action, target: Node, test: EdgeTest)] = []

        init(_ name: String?, _ kind: Automaton.Kind = .normal) {
            self.name = name
            self.kind = kind
        }

        func add(_ action: Automaton.Action, _ target: Node, _ test: EdgeTest = .always) {
            edges.append((action, target, test))
        }
    }

    /// Consecutive stages, with what surrounds them.
    private final class Level {
        let stages: [Pattern.Stage]
        let group: Pattern.Stage?
        let outer: Level?
        /// The index of the group in the outer level.
        let place: Int
        /// The head of a group has the group's contiguity in the first round.
        var isFirstRound = true

        init(_ stages: [Pattern.Stage], group: Pattern.Stage? = nil, outer: Level? = nil, place: Int = 0) {
            self.stages = stages
            self.place = place
            self.group = group
            self.outer = outer
        }

        /// What ends the loop of the group around. It bounds the group's own members: groups inside have their own.
        var untils: [Int] { group?.until.map { [$0] } ?? [] }

        /// Whether an optional group begins with this stage, in the first round.
        func isOptionalGroup(with index: Int) -> Bool {
            guard index == 0, isFirstRound, let group else { return false }
            return group.isOptional || group.quantifier.bounds.least == 0
        }

        func stage(behind index: Int) -> Pattern.Stage? {
            index + 1 < stages.count ? stages[index + 1] : outer?.stage(behind: place)
        }
    }

    private let pattern: Pattern
    private var stops: [String: Node] = [:]
    private var nodeCount = 0

    package static func build(_ pattern: Pattern) throws(PatternFault) -> Automaton {
        try PatternValidation.check(pattern)
        var builder = AutomatonBuilder(pattern: pattern)
        return try builder.build()
    }

    private init(pattern: Pattern) {
        self.pattern = pattern
    }

    private mutating func build() throws(PatternFault) -> Automaton {
        let final = try node(nil, .final)
        let start = try chain(Level(pattern.stages), to: final, isOutermost: true)
        return numbered(from: start)
    }

    private mutating func node(_ name: String?, _ kind: Automaton.Kind = .normal) throws(PatternFault) -> Node {
        nodeCount += 1
        guard nodeCount <= Pattern.mostStates else { throw PatternFault(reason: .tooManyStates, path: []) }
        return Node(name, kind)
    }

    // MARK: Conditions

    private func condition(of stage: Pattern.Stage) -> EdgeTest {
        guard case .events(let condition) = stage.content else { preconditionFailure("a group has members") }
        return .condition(condition)
    }

    private func bounded(_ test: EdgeTest, by untils: [Int]) -> EdgeTest {
        untils.reduce(test) { test, until in EdgeTest.not(.condition(until)).and(test) }
    }

    private func take(_ stage: Pattern.Stage, _ level: Level) -> EdgeTest {
        bounded(condition(of: stage), by: level.untils)
    }

    /// The events that are skipped before the stage's first one; nil for none.
    private func ignore(_ index: Int, _ level: Level) -> EdgeTest? {
        let stage = level.stages[index]
        var contiguity = stage.contiguity
        if index == 0, let group = level.group {
            if !level.isFirstRound { return inner(group.inner, stage, level) }
            contiguity = group.contiguity
        }
        switch contiguity {
        case .followedBy: return inner(.relaxed, stage, level)
        case .followedByAny: return inner(.combinations, stage, level)
        case .begin, .next, .notNext, .notFollowedBy: return nil
        }
    }

    private func inner(_ inner: Pattern.Inner, _ stage: Pattern.Stage, _ level: Level) -> EdgeTest? {
        switch inner {
        case .relaxed: bounded(.not(condition(of: stage)), by: level.untils)
        case .combinations: bounded(.always, by: level.untils)
        case .consecutive: nil
        }
    }

    /// The events that are skipped between two of the stage.
    private func innerIgnore(_ index: Int, _ level: Level) -> EdgeTest? {
        let stage = level.stages[index]
        let isHead = index == 0 && level.group != nil
        let test = inner(isHead ? level.group?.inner ?? stage.inner : stage.inner, stage, level)
        return test.map { bounded($0, by: stage.until.map { [$0] } ?? []) }
    }

    /// What must not come while the stage is awaited, as declared before it.
    private func nots(before index: Int, _ level: Level) -> [Pattern.Stage] {
        var nots: [Pattern.Stage] = []
        for stage in level.stages[..<index].reversed() {
            if stage.contiguity == .notFollowedBy {
                nots.append(stage)
            } else if !stage.isOptional, stage.quantifier.bounds.least > 0 {
                break
            }
        }
        return nots
    }

    private mutating func addStop(_ not: Pattern.Stage, to node: Node, _ level: Level) throws(PatternFault) {
        let test = take(not, level)
        node.add(.proceed, try stop(not, test), test)
    }

    private mutating func stop(_ not: Pattern.Stage, _ test: EdgeTest) throws(PatternFault) -> Node {
        let name = not.name ?? ""
        if let stop = stops[name] { return stop }
        let stop = try node(not.name, .stop)
        stop.add(.take, stop, test)
        stops[name] = stop
        return stop
    }

    private mutating func addStops(_ index: Int, to node: Node, _ level: Level) throws(PatternFault) {
        for not in nots(before: index, level) { try addStop(not, to: node, level) }
    }

    /// A loop ends at what must not come after it.
    private mutating func addStopBehind(_ index: Int, to node: Node, _ level: Level) throws(PatternFault) {
        guard let behind = level.stage(behind: index), behind.contiguity == .notFollowedBy else { return }
        try addStop(behind, to: node, level)
    }

    // MARK: Stages

    /// The state that waits for the first of some stages.
    private mutating func chain(_ level: Level, to sink: Node, isOutermost: Bool) throws(PatternFault) -> Node {
        var sink = sink
        for index in level.stages.indices.reversed() {
            let stage = level.stages[index]
            switch stage.contiguity {
            case .notFollowedBy:
                // Elsewhere it is an edge of the surrounding states.
                guard sink.kind == .final, isOutermost else { continue }
                let pending = try node(stage.name, .pending)
                try addStop(stage, to: pending, level)
                pending.add(.ignore, pending, .not(take(stage, level)))
                sink = pending
            case .notNext:
                let gate = try node(stage.name)
                let test = take(stage, level)
                gate.add(sink.kind == .final ? .ignore : .proceed, sink, .not(test))
                gate.add(.proceed, try stop(stage, test), test)
                sink = gate
            default: sink = try convert(index, level, to: sink)
            }
        }
        return sink
    }

    private mutating func convert(_ index: Int, _ level: Level, to sink: Node) throws(PatternFault) -> Node {
        let stage = level.stages[index]
        let first: Node
        switch stage.quantifier {
        case .one:
            first = try single(
                index, level, to: sink, past: sink, taking: take(index, level), ignoring: ignoreIfEvents(index, level),
                isOptional: stage.isOptional, isFirstRound: true)
        case .times(let least, let most):
            first = try repeated(index, level, from: max(least, 1), to: most, sink: sink, past: sink)
        case .atLeast(let least):
            let behind = try withoutNots(sink, index, level)
            let (loop, free) = try loop(index, level, to: behind)
            first = try repeated(
                index, level, from: max(least, 1), to: max(least, 1), sink: loop, past: sink, free: free)
        }
        try addStops(index, to: first, level)
        return first
    }

    /// Only the members of a group have conditions.
    private func take(_ index: Int, _ level: Level) -> EdgeTest {
        if case .group = level.stages[index].content { return .always }
        return bounded(take(level.stages[index], level), by: level.stages[index].until.map { [$0] } ?? [])
    }

    private func ignoreIfEvents(_ index: Int, _ level: Level) -> EdgeTest? {
        if case .group = level.stages[index].content { return nil }
        return ignore(index, level)
    }

    private func innerIgnoreIfEvents(_ index: Int, _ level: Level) -> EdgeTest? {
        if case .group = level.stages[index].content { return nil }
        return innerIgnore(index, level)
    }

    private mutating func repeated(
        _ index: Int, _ level: Level, from least: Int, to most: Int, sink: Node, past: Node, free: Node? = nil
    ) throws(PatternFault) -> Node {
        let stage = level.stages[index]
        let (taking, ignoring) = (take(index, level), innerIgnoreIfEvents(index, level))
        if stage.isGreedy, least != most { restrict(past, against: taking) }
        var last = sink
        for _ in least..<most {
            last = try single(
                index, level, to: last, past: past, taking: taking, ignoring: ignoring, isOptional: true,
                isFirstRound: false)
            try addStopBehind(index, to: last, level)
        }
        for _ in 1..<least {
            last = try single(
                index, level, to: last, past: nil, taking: taking, ignoring: ignoring, isOptional: false,
                isFirstRound: false)
            try addStopBehind(index, to: last, level)
        }
        return try single(
            index, level, to: last, past: past, taking: taking, ignoring: ignoreIfEvents(index, level),
            isOptional: stage.isOptional || stage.quantifier.bounds.least == 0, isFirstRound: true, free: free)
    }

    /// What a greedy stage would take is not for the state after it.
    private func restrict(_ node: Node, against test: EdgeTest) {
        for index in node.edges.indices { node.edges[index].test = node.edges[index].test.and(.not(test)) }
    }

    /// A state that takes one event, or one round of a group. `past`: where it continues without one; `free`: where it
    /// does so with an event that ends a greedy loop.
    private mutating func single(
        _ index: Int, _ level: Level, to sink: Node, past: Node?, taking: EdgeTest, ignoring: EdgeTest?,
        isOptional: Bool, isFirstRound: Bool, free: Node? = nil
    ) throws(PatternFault) -> Node {
        let stage = level.stages[index]
        if case .group(let members) = stage.content {
            let inside = Level(members, group: stage, outer: level, place: index)
            inside.isFirstRound = isFirstRound
            let first = try chain(inside, to: sink, isOutermost: false)
            if isOptional, let past { first.add(.proceed, past) }
            return first
        }
        let state = try node(stage.name)
        let behind = try withoutNots(sink, index, level)
        state.add(.take, behind, taking)
        if isOptional, let past { proceed(from: state, to: past, free: free, until: stage.until) }
        guard let ignoring else { return state }
        guard isOptional || level.isOptionalGroup(with: index) else {
            state.add(.ignore, state, ignoring)
            return state
        }
        // After skipping an event, one has to be taken.
        let twin = try node(stage.name)
        twin.add(.take, behind, taking)
        twin.add(.ignore, twin, ignoring)
        try addStops(index, to: twin, level)
        state.add(.ignore, twin, ignoring)
        return state
    }

    /// An event that ends a greedy loop goes to the state after it, whatever it is.
    private func proceed(from node: Node, to sink: Node, free: Node?, until: Int?) {
        guard let free, let until else { return node.add(.proceed, sink) }
        node.add(.proceed, free, .condition(until))
        node.add(.proceed, sink, .not(.condition(until)))
    }

    /// `free`: a copy of what follows, without the restrictions of a greedy loop.
    private mutating func loop(
        _ index: Int, _ level: Level, to sink: Node
    ) throws(PatternFault) -> (loop: Node, free: Node?) {
        let stage = level.stages[index]
        if case .group(let members) = stage.content {
            let back = try node(nil)
            let inside = Level(members, group: stage, outer: level, place: index)
            inside.isFirstRound = false
            let first = try chain(inside, to: back, isOutermost: false)
            first.add(.proceed, sink)
            back.add(.proceed, first)
            return (first, nil)
        }
        let taking = take(index, level)
        let loop = try node(stage.name)
        var free: Node?
        if stage.isGreedy {
            if stage.until != nil { free = try copy(sink) }
            restrict(sink, against: take(stage, level))
        }
        proceed(from: loop, to: sink, free: free, until: stage.until)
        loop.add(.take, loop, taking)
        try addStopBehind(index, to: loop, level)
        guard let ignoring = innerIgnore(index, level) else { return (loop, free) }
        let twin = try node(stage.name)
        twin.add(.take, loop, taking)
        twin.add(.ignore, twin, ignoring)
        loop.add(.ignore, twin, ignoring)
        try addStopBehind(index, to: twin, level)
        return (loop, free)
    }

    // MARK: Copies

    private mutating func copy(_ node: Node) throws(PatternFault) -> Node {
        let copy = try self.node(node.name, node.kind)
        copy.edges = node.edges.map { ($0.action, $0.target === node ? copy : $0.target, $0.test) }
        return copy
    }

    /// Once an optional stage has taken an event, what must not come before it may come.
    private mutating func withoutNots(_ node: Node, _ index: Int, _ level: Level) throws(PatternFault) -> Node {
        let stage = level.stages[index]
        let nots = nots(before: index, level).compactMap(\.name)
        guard !nots.isEmpty, stage.isOptional || stage.quantifier.bounds.least == 0 else { return node }
        return try without(nots, node)
    }

    private mutating func without(_ nots: [String], _ node: Node) throws(PatternFault) -> Node {
        let copy = try self.node(node.name, node.kind)
        for edge in node.edges {
            if edge.action == .proceed {
                if edge.target.kind == .stop {
                    if let name = edge.target.name, nots.contains(name) { continue }
                    copy.add(.proceed, edge.target, edge.test)
                } else {
                    copy.add(.proceed, try without(nots, edge.target), edge.test)
                }
            } else {
                copy.add(edge.action, edge.target === node ? copy : edge.target, edge.test)
            }
        }
        return copy
    }

    // MARK: Numbers

    private func numbered(from start: Node) -> Automaton {
        var order: [Node] = [start]
        var numbers: [ObjectIdentifier: Int] = [ObjectIdentifier(start): 0]
        var next = 0
        while next < order.count {
            for edge in order[next].edges where numbers[ObjectIdentifier(edge.target)] == nil {
                numbers[ObjectIdentifier(edge.target)] = order.count
                order.append(edge.target)
            }
            next += 1
        }
        let names = pattern.names
        var labels: [String: Int] = [:]
        let states = order.map { node in
            let base: String =
                switch node.kind {
                case .final: "found"
                case .stop: "no \(node.name ?? "")"
                case .normal, .pending: node.name ?? "again"
                }
            let repetition = labels[base, default: 0] + 1
            labels[base] = repetition
            return Automaton.State(
                stage: node.name.flatMap { names.firstIndex(of: $0) }, kind: node.kind,
                edges: node.edges.map { edge in
                    Automaton.Edge(
                        action: edge.action, target: numbers[ObjectIdentifier(edge.target)] ?? 0,
                        clauses: edge.test.clauses())
                },
                label: repetition == 1 ? base : "\(base) \(repetition)")
        }
        return Automaton(names: names, states: states, within: pattern.within, skip: pattern.skip)
    }
}
