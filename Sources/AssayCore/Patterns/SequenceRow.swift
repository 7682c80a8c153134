import CEL

/// The row for conditions over a sequence: the current event as stored, and the events that a run has taken, by stage.
/// Nothing is made that they do not ask for: a run may have taken very many.
final class SequenceRow: Row, IterativeConditions {
    private let plan: PatternPlan
    private let failures: FailureLog
    private var event = KeptEvent(number: 0, time: 0, content: [])
    private var run = PatternRun.waiting
    // As long as a condition is evaluated: whoever changes the state has it for himself.
    private var chain = PatternChain()
    /// Values decoded for the current event.
    private var known: [Int64: Value] = [:]

    init(_ plan: PatternPlan, failures: FailureLog) {
        self.plan = plan
        self.failures = failures
    }

    func holds(
        _ condition: Int, for event: KeptEvent, after run: PatternRun, in state: PatternState
    ) -> Bool {
        (self.event, self.run, chain) = (event, run, PatternChain(state))
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

    private func end() {
        event = KeptEvent(number: 0, time: 0, content: [])
        chain = PatternChain()
    }

    override func value(_ slot: Int) throws(EvaluationError) -> Value {
        if let stage = stage(slot) {
            return .list(chain.events(of: stage, run).map(expressed))
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

    override func count(_ slot: Int) throws(EvaluationError) -> Int {
        guard let stage = stage(slot) else { return try super.count(slot) }
        return chain.count(of: stage, run)
    }

    override func element(_ slot: Int, _ position: Int) throws(EvaluationError) -> Value? {
        guard let stage = stage(slot) else { return try super.element(slot, position) }
        return chain.event(position, of: stage, run).map(expressed)
    }

    override func elementMember(_ slot: Int, _ position: Int, _ key: Text) throws(EvaluationError) -> Value? {
        guard let stage = stage(slot), let event = chain.event(position, of: stage, run) else {
            return try super.elementMember(slot, position, key)
        }
        if case .map(let map)? = known[event.number] { return map.find(.string(key)) }
        return KeptContent.member(key, of: event, slots: plan.keptSlots.count)
    }

    private func stage(_ slot: Int) -> Int? {
        slot >= EmissionRow.firstSlot ? slot - EmissionRow.firstSlot : nil
    }

    private func expressed(_ event: KeptEvent) -> Value {
        if let value = known[event.number] { return value }
        let value = KeptContent.event(event, slots: plan.keptSlots.count, asItCame: false)
        known[event.number] = value
        return value
    }
}
