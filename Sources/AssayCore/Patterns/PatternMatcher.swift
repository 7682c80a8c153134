/// Conditions that depend on what a run has taken.
protocol IterativeConditions: AnyObject {
    /// Begins with another event, perhaps of another key.
    func begin()

    func holds(_ condition: Int, for event: KeptEvent, after run: PatternRun, in state: PatternState) -> Bool
}

/// Shows events to the runs of a key. It does not know where events come from, and keeps no state of a key itself.
package struct PatternMatcher {
    /// A sequence that is complete, or has timed out.
    struct Sequence {
        let isComplete: Bool
        let taken: [(stage: Int, event: KeptEvent)]
        /// The event time of that.
        let at: Int64
        let began: Int64
    }

    package typealias Limits = PatternLimits

    let automaton: Automaton
    private let table: AutomatonTable
    private let conditions: (any IterativeConditions)?
    private let limits: Limits
    private let skipStage: Int?
    /// Runs that were dropped because there were too many.
    private(set) var droppedRuns: UInt64 = 0
    /// Runs that timed out.
    private(set) var timedOut: UInt64 = 0
    /// Whether those are emitted.
    private let tellsTimeouts: Bool
    /// Whether a sequence waits for runs that began earlier, as under a skip strategy.
    private let waitsForEarlier: Bool

    // Buffers of a step, kept to save allocations.
    private var found: [(action: Automaton.Action, source: Int, target: Int)] = []
    /// The state of the found edges; they hold for all runs in it unless a condition depends on what was taken.
    private var foundOf: Int32?
    private var pending: [Int] = []
    /// By state, the last search for the end that visited it.
    private var searched: [Int]
    private var search = 0
    private var made: [PatternRun] = []
    private var spare = RunHeap()
    private var complete = RunHeap()

    init(
        _ automaton: Automaton, conditions: (any IterativeConditions)? = nil, limits: Limits = Limits(),
        tellsTimeouts: Bool = true, waitsForEarlier: Bool = true
    ) {
        self.automaton = automaton
        table = AutomatonTable(automaton)
        searched = Array(repeating: 0, count: automaton.states.count)
        self.conditions = conditions
        self.limits = limits
        self.tellsTimeouts = tellsTimeouts
        self.waitsForEarlier = waitsForEarlier
        skipStage = automaton.skipStage
    }

    // MARK: Time

    /// Event time has reached `now`: ends the runs that have timed out.
    mutating func advance(to now: Int64, _ state: inout PatternState, _ output: (Sequence) -> Void) {
        guard let within = automaton.within, let first = state.runs.first, !first.isWaiting,
            Self.isOver(first, within, now)
        else { return }
        spare.removeAll()
        complete.removeAll()
        var overdue: [PatternRun] = []
        for run in state.runs.runs {
            if run.isWaiting || !Self.isOver(run, within, now) {
                spare.insert(run)
            } else if table.states[Int(run.state)].kind == .pending {
                complete.insert(run)
            } else {
                overdue.append(run)
            }
        }
        state.runs.take(spare)
        for run in complete.runs { state.finished.insert(run) }
        release(&state, at: now, output)
        timedOut += UInt64(overdue.count)
        for run in overdue where tellsTimeouts {
            output(
                Sequence(
                    isComplete: false, taken: state.taken(run), at: run.began.addingSaturating(within),
                    began: run.began))
        }
        settle(&state)
    }

    private static func isOver(_ run: PatternRun, _ within: Int64, _ now: Int64) -> Bool {
        run.began.addingSaturating(within) <= now
    }

    /// When the next run times out.
    func deadline(_ state: PatternState) -> Int64? {
        guard let within = automaton.within, let first = state.runs.first, !first.isWaiting else { return nil }
        return first.began.addingSaturating(within)
    }

    // MARK: Events

    /// Shows an event to every run.
    mutating func show(
        _ event: PatternState.Waiting, _ state: inout PatternState, _ output: (Sequence) -> Void
    ) {
        if let conditions {
            conditions.begin()
            state.findSteps()
        }
        let kept = KeptEvent(number: state.nextNumber, time: event.time, content: event.content)
        state.nextNumber += 1
        var place: Int32?
        spare.removeAll()
        complete.removeAll()
        foundOf = nil
        if state.runs.isEmpty {
            step(.waiting, kept, event.truth, &place, &state)
        } else {
            for run in state.runs.runs { step(run, kept, event.truth, &place, &state) }
        }
        state.runs.take(spare)
        if automaton.skip == .none {
            while !complete.isEmpty { output(sequence(complete.removeFirst(), at: event.time, state)) }
        } else {
            for run in complete.runs { state.finished.insert(run) }
            release(&state, at: event.time, output)
        }
        limit(&state, at: event.time, output)
        settle(&state)
    }

    /// Shows an event to one run; the resulting runs go to `spare` and `complete`.
    private mutating func step(
        _ run: PatternRun, _ event: KeptEvent, _ simple: PatternTruth, _ place: inout Int32?,
        _ state: inout PatternState
    ) {
        var truth = Truth(known: ~simple.open, met: simple.met)
        if run.state != foundOf {
            collect(run, event, &truth, state)
            foundOf = simple.open == 0 ? run.state : nil
        }
        made.removeAll(keepingCapacity: true)
        var isStopped = false
        for edge in found {
            // More than a key may have at all.
            if spare.runs.count + complete.runs.count > limits.mostInAStep {
                droppedRuns += 1
                break
            }
            if edge.action == .ignore {
                guard !run.isWaiting else { continue }
                var passed = run
                passed.state = Int32(edge.target)
                if table.states[edge.target].kind == .final {
                    complete.insert(passed)
                } else {
                    made.append(passed)
                }
                continue
            }
            if table.states[edge.target].kind == .stop {
                isStopped = true
                continue
            }
            if Int(run.count) >= limits.events {
                // A run that can take no more would only hold back others.
                droppedRuns += 1
                return
            }
            take(edge.source, edge.target, run, event, &truth, &place, &state)
        }
        if run.isWaiting { made.append(run) }
        if !isStopped { for run in made { spare.insert(run) } }
    }

    private mutating func take(
        _ source: Int, _ target: Int, _ run: PatternRun, _ event: KeptEvent, _ truth: inout Truth,
        _ place: inout Int32?, _ state: inout PatternState
    ) {
        let stage = table.states[source].stage
        // Conditions see what the run had before.
        let ends = leadsToEnd(target, run, event, &truth, state)
        let kept = place ?? state.keep(event)
        place = kept
        var next = run
        next.last = state.link(stage, kept, behind: run.last)
        next.count += 1
        if run.isWaiting { (next.first, next.began) = (event.number, event.time) }
        next.state = Int32(target)
        if table.states[target].kind == .final {
            complete.insert(next)
        } else {
            made.append(next)
        }
        if let ends {
            next.state = Int32(ends)
            complete.insert(next)
        }
    }

    /// Collects the edges that hold for a run, including those of states that it proceeds to.
    private mutating func collect(
        _ run: PatternRun, _ event: KeptEvent, _ truth: inout Truth, _ state: PatternState
    ) {
        found.removeAll(keepingCapacity: true)
        pending.removeAll(keepingCapacity: true)
        pending.append(Int(run.state))
        var visits = 0
        while let current = pending.popLast() {
            visits += 1
            // Optional groups of optional stages may reach one state in very many ways.
            guard visits <= limits.mostVisits else {
                droppedRuns += 1
                return
            }
            for index in table.edges(of: current) where holds(table.edges[index], run, event, &truth, state) {
                let edge = table.edges[index]
                if edge.action == .proceed {
                    pending.append(edge.target)
                } else {
                    found.append((edge.action, current, edge.target))
                }
            }
        }
    }

    /// The end, if a run can reach it without a further event.
    private mutating func leadsToEnd(
        _ target: Int, _ run: PatternRun, _ event: KeptEvent, _ truth: inout Truth, _ state: PatternState
    ) -> Int? {
        pending.removeAll(keepingCapacity: true)
        pending.append(target)
        search += 1
        while let current = pending.popLast() {
            for index in table.edges(of: current) {
                let edge = table.edges[index]
                guard edge.action == .proceed, searched[edge.target] < search,
                    holds(edge, run, event, &truth, state)
                else { continue }
                if table.states[edge.target].kind == .final { return edge.target }
                searched[edge.target] = search
                pending.append(edge.target)
            }
        }
        return nil
    }

    /// The conditions' results for a run and an event, so far.
    private struct Truth {
        var known: UInt64
        var met: UInt64
    }

    private func holds(
        _ edge: AutomatonTable.Edge, _ run: PatternRun, _ event: KeptEvent, _ truth: inout Truth, _ state: PatternState
    ) -> Bool {
        for index in edge.firstClause..<edge.endClause {
            let clause = table.clauses[index]
            var unknown = (clause.met | clause.unmet) & ~truth.known
            while true {
                if (truth.met & clause.met) | (truth.known & ~truth.met & clause.unmet) != 0 { break }
                guard unknown != 0 else { return false }
                let condition = unknown.trailingZeroBitCount
                let bit = UInt64(1) << UInt64(condition)
                unknown &= ~bit
                truth.known |= bit
                if conditions?.holds(condition, for: event, after: run, in: state) == true { truth.met |= bit }
            }
        }
        return true
    }

    // MARK: Emission

    private func sequence(_ run: PatternRun, at: Int64, _ state: PatternState) -> Sequence {
        Sequence(isComplete: true, taken: state.taken(run), at: at, began: run.began)
    }

    /// Releases finished runs in the order of their first events, until an earlier run lives. Each may drop others.
    private func release(_ state: inout PatternState, at now: Int64, _ output: (Sequence) -> Void) {
        while let first = state.finished.first, !waitsForEarlier || first.first <= state.runs.first?.first ?? .max {
            let match = state.finished.removeFirst()
            let sequence = sequence(match, at: now, state)
            if let bound = pruningBound(match, sequence.taken) {
                state.runs.removeAll { $0.first < bound }
                state.finished.removeAll { $0.first < bound }
            }
            output(sequence)
        }
    }

    /// A match drops everything that began before this event.
    private func pruningBound(_ match: PatternRun, _ taken: [(stage: Int, event: KeptEvent)]) -> Int64? {
        switch automaton.skip {
        case .none: nil
        case .toNext: match.first + 1
        case .pastLast: taken.last.map { $0.event.number + 1 }
        case .toFirst: taken.first { $0.stage == skipStage }?.event.number
        case .toLast: taken.last { $0.stage == skipStage }?.event.number
        }
    }

    // MARK: Limits

    private mutating func limit(_ state: inout PatternState, at now: Int64, _ output: (Sequence) -> Void) {
        // The run that waits for a first event does not count.
        while state.runs.runs.count + state.finished.runs.count > limits.runs + 1 {
            if let oldest = state.runs.first, !oldest.isWaiting {
                _ = state.runs.removeFirst()
            } else {
                _ = state.finished.removeFirst()
            }
            droppedRuns += 1
            release(&state, at: now, output)
        }
    }

    /// A key with nothing open has the state of a new one.
    private mutating func settle(_ state: inout PatternState) {
        if state.runs.runs.count == 1, state.runs.runs[0].isWaiting {
            state.runs = RunHeap()
        }
        state.tidy()
    }
}
