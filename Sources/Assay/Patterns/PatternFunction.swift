/// Looks for one pattern in a keyed stream: events wait until event time comes to them, and are then shown to the runs
/// of their key.
struct PatternFunction: KeyedProcessFunction {
    typealias Input = PatternState.Waiting

    struct Found {
        /// By its number in the stage.
        let key: Int
        let sequence: PatternMatcher.Sequence
    }

    struct Output {
        var found: [Found] = []
        /// The event came when its time was over.
        var isLate = false

        mutating func removeAll() {
            found.removeAll(keepingCapacity: true)
            isLate = false
        }
    }

    private(set) var matcher: PatternMatcher
    /// Of the pattern, so that no other one takes its states.
    let fingerprint: UInt64

    init(_ matcher: PatternMatcher, fingerprint: UInt64 = 0) {
        self.matcher = matcher
        self.fingerprint = fingerprint
    }

    var droppedRuns: UInt64 { matcher.droppedRuns }

    func makeState() -> PatternState { PatternState() }

    func isEmpty(_ state: PatternState) -> Bool { state.isEmpty }

    mutating func process(_ input: Input, state: inout PatternState, context: inout ProcessContext<Output>) {
        var output = Output()
        swap(&output, &context.output)
        take(input, &state, &context, &output)
        swap(&output, &context.output)
    }

    mutating func timerFired(state: inout PatternState, context: inout ProcessContext<Output>) {
        var output = Output()
        swap(&output, &context.output)
        goOn(&state, &context, &output)
        swap(&output, &context.output)
    }

    mutating func resume(state: inout PatternState, context: inout ProcessContext<Output>) {
        setTimer(&state, &context)
    }

    func encode(_ state: PatternState, into bytes: inout OutputBuffer) {
        bytes.append(fixed: fingerprint)
        state.encode(into: &bytes)
    }

    mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> PatternState {
        var reader = StateByteReader(bytes)
        guard try reader.fixed() == fingerprint else { throw StateDecodingError(.outOfBounds) }
        return try PatternState(&reader, for: matcher.automaton)
    }

    // MARK: Whatever the output is

    mutating func take<Whole>(
        _ event: Input, _ state: inout PatternState, _ context: inout ProcessContext<Whole>, _ output: inout Output
    ) {
        guard event.time > context.watermark else {
            output.isLate = true
            return
        }
        // Mostly the last one.
        var place = state.waiting.count
        while place > 0, state.waiting[place - 1].time > event.time { place -= 1 }
        state.waiting.insert(event, at: place)
        setTimer(&state, &context)
    }

    /// Event time has come to the first waiting event, or to the end of a run's time. The run then ends when event
    /// time moved: with the next event that it came to, or where it stands now.
    mutating func goOn<Whole>(
        _ state: inout PatternState, _ context: inout ProcessContext<Whole>, _ output: inout Output
    ) {
        state.timer = .max
        let key = context.key
        let moment = state.waiting.first.map { min($0.time, context.watermark) } ?? context.watermark
        matcher.advance(to: moment, &state) { output.found.append(Found(key: key, sequence: $0)) }
        var shown = 0
        while shown < state.waiting.count, state.waiting[shown].time == moment {
            matcher.show(state.waiting[shown], &state) { output.found.append(Found(key: key, sequence: $0)) }
            shown += 1
        }
        state.waiting.removeFirst(shown)
        setTimer(&state, &context)
    }

    func setTimer<Whole>(_ state: inout PatternState, _ context: inout ProcessContext<Whole>) {
        let next = min(state.waiting.first?.time ?? .max, matcher.deadline(state) ?? .max)
        guard next != state.timer else { return }
        state.timer = next
        if next == .max { context.deleteTimer() } else { context.setTimer(at: EventTime(milliseconds: next)) }
    }
}
