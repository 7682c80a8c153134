/// The content of a window: what it keeps of its events.
package protocol WindowContent {
    associatedtype Element

    init()

    mutating func add(_ element: Element)

    /// Merges the content of another window, or of another part of the same one.
    mutating func merge(_ other: Self)

    /// Becomes a copy of another one, in the memory that it has.
    mutating func assign(_ other: Self)

    /// About what it takes besides its own size.
    var memoryBytes: Int { get }

    /// Whether a copy of it would hold what another one changes, which then had to be copied.
    var isShared: Bool { get }

    /// Appends the content as bytes that any later version can read.
    func encode(into bytes: inout OutputBuffer)

    init(_ reader: inout StateByteReader) throws(StateDecodingError)
}

extension WindowContent {
    package mutating func assign(_ other: Self) { self = other }

    package var memoryBytes: Int { 0 }

    package var isShared: Bool { false }
}

/// The windows of one key.
struct WindowState<Content: WindowContent> {
    /// A pane of sliding windows, a session, or everything of a global window.
    struct Part {
        var window: TimeWindow
        var content: Content
    }

    /// Ascending by start. Sessions of a key never touch.
    var parts: [Part] = []
    /// For a global window, the events since it last fired.
    var untold: UInt64 = 0
    /// The time that the timer is set for; not stored.
    var timer = Int64.max
    /// Of all parts, what their contents take.
    private var contentBytes = 0

    init() {}

    // MARK: Memory

    var memoryBytes: Int { parts.capacity * MemoryLayout<Part>.stride + contentBytes }

    mutating func add(_ element: Content.Element, at index: Int) {
        let before = parts[index].content.memoryBytes
        parts[index].content.add(element)
        contentBytes += parts[index].content.memoryBytes - before
    }

    mutating func insert(_ part: Part, at index: Int) {
        parts.insert(part, at: index)
        contentBytes += part.content.memoryBytes
    }

    mutating func removeFirst(_ count: Int) {
        for index in 0..<count { contentBytes -= parts[index].content.memoryBytes }
        parts.removeFirst(count)
    }

    /// Parts came, went or were merged.
    mutating func noteParts() { contentBytes = parts.reduce(0) { $0 + $1.content.memoryBytes } }

    // MARK: As bytes

    private static var version: UInt8 { 1 }
    private static var mostParts: UInt64 { 1 << 24 }

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(byte: Self.version)
        bytes.append(varint: untold)
        bytes.append(varint: UInt64(parts.count))
        for part in parts {
            bytes.append(fixed: UInt64(bitPattern: part.window.start))
            bytes.append(varint: UInt64(part.window.end - part.window.start))
            part.content.encode(into: &bytes)
        }
    }

    init(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) {
        var reader = StateByteReader(bytes)
        let version = try reader.byte()
        guard version == Self.version else { throw StateDecodingError(.unknownVersion(version)) }
        untold = try reader.varint()
        let count = try reader.varint()
        guard count <= Self.mostParts else { throw StateDecodingError(.outOfBounds) }
        for _ in 0..<count {
            let start = Int64(bitPattern: try reader.fixed())
            guard let length = Int64(exactly: try reader.varint()), length > 0,
                start <= .max - length, parts.last.map({ $0.window.start < start }) ?? true
            else { throw StateDecodingError(.outOfBounds) }
            parts.append(
                Part(window: TimeWindow(start: start, end: start + length), content: try Content(&reader)))
        }
        noteParts()
        try reader.finish()
    }
}

/// The constants of a stream's windows, which copies of the function share.
private final class FixedWindows: Sendable {
    let shape: WindowShape
    /// How long a window is kept after it is complete.
    let lateness: Int64
    let places: WindowPlaces?

    init(_ shape: WindowShape, lateness: Int64) {
        self.shape = shape
        self.lateness = lateness
        switch shape {
        case .sliding(let size, let slide, let offset):
            places = .sliding(SlidingPlaces(size: size, slide: slide, offset: offset))
        case .daily(let daily): places = .daily(daily)
        case .session, .global: places = nil
        }
    }
}

/// Collects events in windows of event time, one set of windows per key.
///
/// A window fires when the watermark passes its end, and again with each later event until it is dropped. The semantics
/// are those of Apache Flink's windows with the default trigger.
package struct WindowFunction<Content: WindowContent>: KeyedProcessFunction {
    struct Input {
        let element: Content.Element
        let time: EventTime
    }

    struct Firing {
        fileprivate(set) var window: TimeWindow
        /// The key's number in the stage.
        fileprivate(set) var key: Int
        fileprivate(set) var content: Content
    }

    package struct Output {
        /// Those beyond the count are kept for their memory.
        private var kept: [Firing] = []
        private(set) var firingCount = 0
        /// Events that were too late for every window, but not those between two windows.
        var late: [Content.Element] = []

        var isNothing: Bool { firingCount == 0 && late.isEmpty }

        subscript(firing index: Int) -> Firing {
            _read {
                precondition(index < firingCount)
                yield kept[index]
            }
        }

        mutating func removeAll() {
            for index in 0..<firingCount where kept[index].content.isShared { kept[index].content = Content() }
            firingCount = 0
            late.removeAll(keepingCapacity: true)
        }

        fileprivate mutating func fire(_ window: TimeWindow, key: Int, _ content: Content) {
            if firingCount == kept.count {
                kept.append(Firing(window: window, key: key, content: Content()))
            } else {
                kept[firingCount].window = window
                kept[firingCount].key = key
            }
            kept[firingCount].content.assign(content)
            firingCount += 1
        }

        /// Adds to what was fired last.
        fileprivate mutating func merge(_ content: Content) { kept[firingCount - 1].content.merge(content) }
    }

    private let windows: FixedWindows

    package init(_ shape: WindowShape, lateness: Int64 = 0) {
        windows = FixedWindows(shape, lateness: lateness)
    }

    package var shape: WindowShape { windows.shape }
    package var lateness: Int64 { windows.lateness }
    private var places: WindowPlaces? { windows.places }

    static var setsTimers: Bool { true }

    func makeState() -> WindowState<Content> { WindowState() }

    func memoryBytes(_ state: WindowState<Content>) -> Int { state.memoryBytes }

    func isEmpty(_ state: WindowState<Content>) -> Bool { state.parts.isEmpty }

    mutating func process(
        _ input: Input, state: inout WindowState<Content>, context: inout ProcessContext<Output>
    ) {
        add(input, &state, &context.moment, &context.output)
    }

    mutating func timerFired(state: inout WindowState<Content>, context: inout ProcessContext<Output>) {
        goOn(&state, &context.moment, &context.output)
    }

    /// Of sessions with the same end, the one that starts first comes first; sliding windows then have the same start.
    func timerRank(_ state: WindowState<Content>, at time: EventTime, stream: Int) -> Int64 {
        guard case .session = shape else { return 0 }
        return state.parts.first { $0.window.lastMoment == time.milliseconds }?.window.start ?? .min
    }

    func encode(_ state: WindowState<Content>, into bytes: inout OutputBuffer) { state.encode(into: &bytes) }

    mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> WindowState<Content> {
        try WindowState(bytes)
    }

    // MARK: With the output given separately

    func add(
        _ input: Input, _ state: inout WindowState<Content>, _ moment: inout ProcessMoment, _ output: inout Output
    ) {
        let wasTaken: Bool
        switch shape {
        case .sliding, .daily: wasTaken = addToPane(input, &state, &moment, &output)
        case .session(let gap): wasTaken = addToSession(input, gap, &state, &moment, &output)
        case .global(let every, let forgets):
            addToAll(input, every, forgets, &state, &moment, &output)
            wasTaken = true
        }
        if !wasTaken, isLate(input.time.milliseconds, moment.watermark) { output.late.append(input.element) }
    }

    /// The watermark has reached the end of a window, or of the time that one is kept.
    func goOn(_ state: inout WindowState<Content>, _ moment: inout ProcessMoment, _ output: inout Output) {
        let now = moment.time.milliseconds
        state.timer = .max
        switch shape {
        case .sliding(_, let slide, _):
            if let window = firePanes(completeAt: now, state, moment, &output), lateness == 0 {
                return goOn(&state, behind: window, slide, &moment)
            }
        case .daily: firePanes(completeAt: now, state, moment, &output)
        case .session:
            for part in state.parts where part.window.lastMoment == now {
                output.fire(part.window, key: moment.key, part.content)
            }
        case .global(_, let forgets): return fireAll(forgets, &state, moment, &output)
        }
        forget(&state, at: now)
        setTimer(&state, after: now, &moment)
    }

    func setFirstTimer(_ state: inout WindowState<Content>, _ moment: inout ProcessMoment) {
        if case .global = shape {
            if state.untold > 0 { moment.setTimer(at: EventTime(milliseconds: Watermark.end)) }
        } else {
            setTimer(&state, after: moment.watermark, &moment)
        }
    }

    // MARK: Lateness

    /// A pane lives as long as the last window that contains it.
    private func isForgotten(_ part: TimeWindow, at watermark: Int64) -> Bool {
        let window = places?.lastWindow(with: part.start) ?? part
        return !isAlive(window, watermark)
    }

    private func forget(_ state: inout WindowState<Content>, at watermark: Int64) {
        // Windows at fixed places are dropped in order.
        let gone = state.parts.prefix { isForgotten($0.window, at: watermark) }.count
        if places == nil {
            state.parts.removeAll { isForgotten($0.window, at: watermark) }
            state.noteParts()
        } else if gone > 0 {
            state.removeFirst(gone)
        }
    }

    private func isAlive(_ window: TimeWindow, _ watermark: Int64) -> Bool {
        window.lastMoment.addingSaturating(lateness) > watermark
    }

    private func isLate(_ time: Int64, _ watermark: Int64) -> Bool { time.addingSaturating(lateness) <= watermark }

    // MARK: Windows at fixed places

    private func addToPane(
        _ input: Input, _ state: inout WindowState<Content>, _ moment: inout ProcessMoment, _ output: inout Output
    ) -> Bool {
        let time = input.time.milliseconds
        // Ahead of the watermark all windows of a time are alive and none is complete.
        let isAhead = time > moment.watermark
        if isAhead, let last = state.parts.indices.last, state.parts[last].window.contains(time) {
            state.add(input.element, at: last)
            return true
        }
        guard let places else { preconditionFailure("the shape has places") }
        let takers = isAhead ? [] : places.windows(of: time).filter { isAlive($0, moment.watermark) }
        guard isAhead ? places.hasWindow(of: time) : !takers.isEmpty else { return false }
        addToPane(places.pane(of: time), input.element, &state, &moment)
        for window in takers where window.lastMoment <= moment.watermark { fire(window, state, moment, &output) }
        return true
    }

    private func addToPane(
        _ pane: TimeWindow, _ element: Content.Element, _ state: inout WindowState<Content>,
        _ moment: inout ProcessMoment
    ) {
        // Usually the last one.
        var index = state.parts.count
        while index > 0, state.parts[index - 1].window.start > pane.start { index -= 1 }
        if index > 0, state.parts[index - 1].window.start == pane.start {
            return state.add(element, at: index - 1)
        }
        var content = Content()
        content.add(element)
        state.insert(WindowState.Part(window: pane, content: content), at: index)
        setTimer(&state, at: min(state.timer, nextMoment(pane, after: moment.watermark)), &moment)
    }

    /// Fires a window with everything in its panes.
    private func fire(
        _ window: TimeWindow, _ state: WindowState<Content>, _ moment: ProcessMoment, _ output: inout Output
    ) {
        var isFirst = true
        for index in state.parts.indices {
            let pane = state.parts[index].window
            guard pane.start >= window.start, pane.end <= window.end else { continue }
            if isFirst {
                output.fire(window, key: moment.key, state.parts[index].content)
            } else {
                output.merge(state.parts[index].content)
            }
            isFirst = false
        }
    }

    /// Returns the window that is complete; nil where the timer was for dropping a pane.
    @discardableResult
    private func firePanes(
        completeAt now: Int64, _ state: WindowState<Content>, _ moment: ProcessMoment, _ output: inout Output
    ) -> TimeWindow? {
        guard let window = places?.window(completeAt: now) else { return nil }
        fire(window, state, moment, &output)
        return window
    }

    /// The window that has fired is the last one of its first panes, and those in it and in the next one wait for that.
    private func goOn(
        _ state: inout WindowState<Content>, behind window: TimeWindow, _ slide: Int64, _ moment: inout ProcessMoment
    ) {
        let next = window.start + slide
        var gone = 0
        while gone < state.parts.count, state.parts[gone].window.start < next { gone += 1 }
        if gone > 0 { state.removeFirst(gone) }
        guard !state.parts.isEmpty, state.parts[0].window.start < window.end else {
            return setTimer(&state, after: window.lastMoment, &moment)
        }
        setTimer(&state, at: window.lastMoment + slide, &moment)
    }

    // MARK: Sessions

    private func addToSession(
        _ input: Input, _ gap: Int64, _ state: inout WindowState<Content>, _ moment: inout ProcessMoment,
        _ output: inout Output
    ) -> Bool {
        let time = input.time.milliseconds
        var window = TimeWindow(start: time, end: time + gap)
        // All sessions here are alive. Those that overlap or touch are adjacent.
        let first = state.parts.firstIndex { $0.window.end >= window.start } ?? state.parts.count
        var last = first
        while last < state.parts.count, state.parts[last].window.start <= window.end {
            window.start = min(window.start, state.parts[last].window.start)
            window.end = max(window.end, state.parts[last].window.end)
            last += 1
        }
        if first == last, !isAlive(window, moment.watermark) { return false }
        if last - first == 1 {
            // Usually the current session is extended.
            state.parts[first].window = window
            state.add(input.element, at: first)
        } else {
            var content = first == last ? Content() : state.parts[first].content
            for part in state.parts[min(first + 1, last)..<last] { content.merge(part.content) }
            content.add(input.element)
            state.parts.replaceSubrange(first..<last, with: [WindowState.Part(window: window, content: content)])
            state.noteParts()
        }
        if window.lastMoment <= moment.watermark {
            output.fire(window, key: moment.key, state.parts[first].content)
        }
        setTimer(&state, after: moment.watermark, &moment)
        return true
    }

    // MARK: All of event time

    /// The window that fires spans the first event's time to the last one's.
    private func addToAll(
        _ input: Input, _ every: UInt64, _ forgets: Bool, _ state: inout WindowState<Content>,
        _ moment: inout ProcessMoment, _ output: inout Output
    ) {
        let time = input.time.milliseconds
        if state.parts.isEmpty {
            state.parts.append(
                WindowState.Part(window: TimeWindow(start: time, end: time + 1), content: Content()))
        }
        state.parts[0].window.start = min(state.parts[0].window.start, time)
        state.parts[0].window.end = max(state.parts[0].window.end, time + 1)
        state.add(input.element, at: 0)
        state.untold += 1
        if state.untold >= every {
            fireAll(forgets, &state, moment, &output)
            if every > 1 { moment.deleteTimer() }
        } else if state.untold == 1 {
            // What is left at the end of time fires then.
            moment.setTimer(at: EventTime(milliseconds: Watermark.end))
        }
    }

    private func fireAll(
        _ forgets: Bool, _ state: inout WindowState<Content>, _ moment: ProcessMoment, _ output: inout Output
    ) {
        guard let all = state.parts.first else { return }
        output.fire(all.window, key: moment.key, all.content)
        state.untold = 0
        if forgets {
            state.parts = []
            state.noteParts()
        }
    }

    // MARK: Timers

    func resume(state: inout WindowState<Content>, context: inout ProcessContext<Output>) {
        setFirstTimer(&state, &context.moment)
    }

    private func setTimer(_ state: inout WindowState<Content>, after now: Int64, _ moment: inout ProcessMoment) {
        var next = Int64.max
        for part in state.parts {
            next = min(next, nextMoment(part.window, after: now))
            // With fixed places and no lateness, the first part has the earliest moment.
            if places != nil, lateness == 0 { break }
        }
        if state.parts.isEmpty {
            state.timer = .max
            moment.deleteTimer()
        } else {
            setTimer(&state, at: next, &moment)
        }
    }

    private func setTimer(_ state: inout WindowState<Content>, at time: Int64, _ moment: inout ProcessMoment) {
        guard time != state.timer else { return }
        state.timer = time
        moment.setTimer(at: EventTime(milliseconds: time))
    }

    /// The next time that a window of a part is complete, or the part is dropped.
    private func nextMoment(_ part: TimeWindow, after moment: Int64) -> Int64 {
        if let places {
            if let window = places.firstWindow(with: part.start, completeAfter: moment) { return window.lastMoment }
            return (places.lastWindow(with: part.start) ?? part).lastMoment.addingSaturating(lateness)
        }
        return part.lastMoment > moment ? part.lastMoment : part.lastMoment.addingSaturating(lateness)
    }
}

extension Int64 {
    package func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
