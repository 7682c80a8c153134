import CEL

/// The row for conditions over a sequence: the current event as stored, and the events that a run has taken, by stage.
final class SequenceRow: Row, IterativeConditions {
    private let plan: PatternPlan
    private let failures: FailureLog
    private var event = KeptEvent(number: 0, time: 0, content: [])
    /// By stage, the last first.
    private var taken: [[KeptEvent]]
    /// Values decoded for the current event.
    private var known: [Int64: Value] = [:]

    init(_ plan: PatternPlan, failures: FailureLog) {
        self.plan = plan
        self.failures = failures
        taken = Array(repeating: [], count: plan.automaton.names.count)
    }

    func holds(
        _ condition: Int, for event: KeptEvent, after run: PatternRun, in state: PatternState
    ) -> Bool {
        for stage in taken.indices { taken[stage].removeAll(keepingCapacity: true) }
        state.forEachTaken(run) { stage, event in taken[stage].append(event) }
        self.event = event
        move(to: EventTime(milliseconds: event.time))
        defer { end() }
        for alternative in plan.conditions[condition].alternatives {
            guard let rest = alternative.rest else { continue }
            do throws(EvaluationError) {
                if try plan.iterative.bool(rest, host: self) { return true }
            } catch {
                failures.note(error)
            }
        }
        return false
    }

    /// Events of another key have the same numbers.
    func begin() { known.removeAll(keepingCapacity: true) }

    private func end() { event = KeptEvent(number: 0, time: 0, content: []) }

    override func value(_ slot: Int) throws(EvaluationError) -> Value {
        if slot >= EmissionRow.firstSlot {
            return .list(taken[slot - EmissionRow.firstSlot].reversed().map(expressed))
        }
        if slot == Self.timeSlot { return try Self.timestamp(time) }
        if slot == Self.wholeSlot {
            return KeptContent.event(event, slots: plan.keptSlots.count, asItCame: true)
        }
        guard let place = plan.keptSlots.firstIndex(of: slot) else {
            preconditionFailure("what conditions read of an event is stored")
        }
        guard let value = KeptContent.value(event.content, at: place) else {
            throw EvaluationError(.noSuchKey, "the event has no such field, or it has no value")
        }
        return value
    }

    private func expressed(_ event: KeptEvent) -> Value {
        if let value = known[event.number] { return value }
        let value = KeptContent.event(event, slots: plan.keptSlots.count, asItCame: false)
        known[event.number] = value
        return value
    }
}
