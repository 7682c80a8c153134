/// Looks for one pattern in a keyed stream: events wait until event time reaches them, and are then shown to the runs
/// of their key.
struct PatternFunction: KeyedProcessFunction {
    typealias Input = PatternState.Waiting

    struct Found {
        /// The key's number in the stage.
        let key: Int
        let sequence: PatternMatcher.Sequence
    }

    struct Output {
        var found: [Found] = []
        /// The event came at or before the watermark.
        var isLate = false

        mutating func removeAll() {
            found.removeAll(keepingCapacity: true)
            isLate = false
        }
    }

    /// Shared by all copies of the function.
    private final class Shared {
        let fingerprint: UInt64
        // Only the thread that owns the stage uses it, one step at a time.
        @exclusivity(unchecked) var matcher: PatternMatcher

        init(_ matcher: PatternMatcher, _ fingerprint: UInt64) {
            self.matcher = matcher
            self.fingerprint = fingerprint
        }
    }

    private let shared: Shared

    /// `fingerprint`: that of the pattern, so that no other one uses its states.
    init(_ matcher: PatternMatcher, fingerprint: UInt64 = 0) {
        shared = Shared(matcher, fingerprint)
    }

    var fingerprint: UInt64 { shared.fingerprint }
    var automaton: Automaton { shared.matcher.automaton }
    var droppedRuns: UInt64 { shared.matcher.droppedRuns }
    var timedOut: UInt64 { shared.matcher.timedOut }

    static var setsTimers: Bool { true }

    func makeState() -> PatternState { PatternState() }

    func memoryBytes(_ state: PatternState) -> Int { state.memoryBytes }

    func isEmpty(_ state: PatternState) -> Bool { state.isEmpty }

    mutating func process(_ input: Input, state: inout PatternState, context: inout ProcessContext<Output>) {
        take(input, &state, &context.moment, &context.output)
    }

    mutating func timerFired(state: inout PatternState, context: inout ProcessContext<Output>) {
        goOn(&state, &context.moment, &context.output)
    }

    mutating func resume(state: inout PatternState, context: inout ProcessContext<Output>) {
        setTimer(&state, &context.moment)
    }

    func encode(_ state: PatternState, into bytes: inout OutputBuffer) {
        bytes.append(fixed: fingerprint)
        state.encode(into: &bytes)
    }

    mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> PatternState {
        var reader = StateByteReader(bytes)
        guard try reader.fixed() == fingerprint else { throw StateDecodingError(.outOfBounds) }
        return try PatternState(&reader, for: automaton)
    }

    // MARK: With the output given separately

    func take(
        _ event: Input, _ state: inout PatternState, _ moment: inout ProcessMoment, _ output: inout Output
    ) {
        guard event.time > moment.watermark else {
            output.isLate = true
            return
        }
        state.wait(for: event)
        setTimer(&state, &moment)
    }

    /// Event time has reached the first waiting event, or the end of a run's time. The run then ends when event time
    /// moved: at the next event that it reached, or at its current value.
    func goOn(_ state: inout PatternState, _ moment: inout ProcessMoment, _ output: inout Output) {
        state.timer = .max
        let (key, watermark) = (moment.key, moment.watermark)
        let now = state.waiting.first.map { min($0.time, watermark) } ?? watermark
        shared.matcher.advance(to: now, &state) { output.found.append(Found(key: key, sequence: $0)) }
        var shown = 0
        while shown < state.waiting.count, state.waiting[shown].time == now {
            shared.matcher.show(state.waiting[shown], &state) { output.found.append(Found(key: key, sequence: $0)) }
            shown += 1
        }
        state.removeFirstWaiting(shown)
        setTimer(&state, &moment)
    }

    func setTimer(_ state: inout PatternState, _ moment: inout ProcessMoment) {
        let next = min(state.waiting.first?.time ?? .max, shared.matcher.deadline(state) ?? .max)
        guard next != state.timer else { return }
        state.timer = next
        if next == .max { moment.deleteTimer() } else { moment.setTimer(at: EventTime(milliseconds: next)) }
    }
}
