/// What happens to each element of a keyed stream: the one difference between scoring, windows and patterns.
///
/// A function sees one element, its key's state and a context, and nothing else. So it can be tested without a store,
/// restored without a replay, and run inside another engine.
protocol KeyedProcessFunction: ~Copyable {
    associatedtype Input
    /// The state of one key.
    associatedtype State: ~Copyable
    /// Where results go.
    associatedtype Output

    /// Whether it ever asks for a timer.
    static var setsTimers: Bool { get }

    /// The state of a new key.
    func makeState() -> State

    mutating func process(_ input: Input, state: inout State, context: inout ProcessContext<Output>)

    /// Event time has reached the key's timer, which is already removed.
    mutating func timerFired(state: inout State, context: inout ProcessContext<Output>)

    /// Timers of one time fire in ascending order of this, then of the keys' bytes.
    func timerRank(_ state: borrowing State, at time: EventTime, stream: Int) -> Int64

    /// Which of the stage's streams a key belongs to.
    func stream(of key: UnsafeBufferPointer<UInt8>) -> Int

    /// Sets the timer that a state read from a checkpoint waits for.
    mutating func resume(state: inout State, context: inout ProcessContext<Output>)

    /// Whether a state equals a new one, so that its key can be dropped.
    func isEmpty(_ state: borrowing State) -> Bool

    /// Whether a state holds something that is no longer valid.
    func isStale(_ state: borrowing State) -> Bool

    /// Removes what is no longer valid.
    mutating func refresh(_ state: inout State)

    /// Prefetches the memory that `process` will use.
    func prefetch(_ state: borrowing State)

    /// The same for what is found through that memory, once it is there.
    func prefetchMore(_ state: borrowing State)

    /// The memory that a state owns besides its own size.
    func memoryBytes(_ state: borrowing State) -> Int

    /// Appends the state as bytes that any later version can read.
    func encode(_ state: borrowing State, into bytes: inout OutputBuffer)

    /// Releases what a state holds before it leaves memory; its bytes restore it.
    mutating func forget(_ state: inout State)

    /// Decodes a state from its bytes.
    mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> State
}

extension KeyedProcessFunction where Self: ~Copyable {
    static var setsTimers: Bool { false }

    mutating func timerFired(state: inout State, context: inout ProcessContext<Output>) {}

    mutating func forget(_ state: inout State) {}

    func timerRank(_ state: borrowing State, at time: EventTime, stream: Int) -> Int64 { 0 }

    func stream(of key: UnsafeBufferPointer<UInt8>) -> Int { 0 }

    mutating func resume(state: inout State, context: inout ProcessContext<Output>) {}

    func isEmpty(_ state: borrowing State) -> Bool { false }

    func isStale(_ state: borrowing State) -> Bool { false }

    mutating func refresh(_ state: inout State) {}

    func prefetch(_ state: borrowing State) {}

    @inline(__always)
    func prefetchMore(_ state: borrowing State) {}

    func memoryBytes(_ state: borrowing State) -> Int { 0 }
}

/// What a function has besides its element and state: the moment, and the place for its results.
package struct ProcessContext<Output> {
    /// The moment without the output, for functions that share a stage and an output.
    var moment: ProcessMoment
    /// Where results go.
    package var output: Output

    package init(output: Output, streams: Int = 1) {
        moment = ProcessMoment(streams: streams)
        self.output = output
    }

    var time: EventTime { moment.time }
    var key: Int { moment.key }
    var stream: Int { moment.stream }
    var watermark: Int64 { moment.watermark }

    mutating func setTimer(at time: EventTime) { moment.setTimer(at: time) }

    mutating func deleteTimer() { moment.deleteTimer() }

    @inline(__always)
    package mutating func begin(_ time: EventTime, key: Int) { moment.begin(time, key: key) }
}

/// What a function knows of the moment, and what it can ask for.
///
/// Several streams may share a stage; a key belongs to one of them.
struct ProcessMoment {
    /// The event time of the element, or of the timer that fires.
    private(set) var time = EventTime(milliseconds: 0)
    /// The number of the current key in the stage.
    private(set) var key = 0
    /// The stream of the current key.
    private(set) var stream = 0
    /// In milliseconds; nothing older is expected in this stream.
    private(set) var watermark = Int64.min
    private var timers: [TimerQueue]
    private var times = TimerTimes()
    /// No timer of any stream is earlier.
    private(set) var earliestTimer = Int64.max

    fileprivate init(streams: Int) {
        timers = (0..<streams).map { TimerQueue(stream: $0) }
    }

    /// Calls `timerFired` for this key once event time reaches `time`. Replaces the key's earlier timer.
    mutating func setTimer(at time: EventTime) {
        timers[stream].set(key: key, at: time, &times)
        earliestTimer = min(earliestTimer, time.milliseconds)
    }

    mutating func deleteTimer() {
        times.delete(key)
    }

    // MARK: For the stage that runs the function

    /// Whether a key waits for a time.
    func hasTimer(_ key: Int) -> Bool { times.isSet(key) }

    /// About what the timers take.
    var memoryBytes: Int { timers.reduce(times.memoryBytes) { $0 + $1.memoryBytes } }

    /// Continues with this key at this time, in the same stream.
    @inline(__always)
    package mutating func begin(_ time: EventTime, key: Int) {
        self.time = time
        self.key = key
    }

    /// Continues with this stream, whose event time has come this far.
    @inline(__always)
    mutating func enter(_ stream: Int, watermark: Int64) {
        self.stream = stream
        self.watermark = watermark
    }

    /// Removes all timers of a stream.
    mutating func removeTimers(of stream: Int) { timers[stream].removeAll(&times) }

    /// The earliest timer of a stream.
    mutating func nextTimer(of stream: Int) -> EventTime? { timers[stream].next(times) }

    mutating func popTimers(of stream: Int, at time: EventTime, into keys: inout [Int]) {
        timers[stream].popAll(at: time, &times, into: &keys)
    }

    /// Finds the earliest timer again after timers fired or were deleted.
    mutating func findEarliestTimer() {
        earliestTimer = .max
        for stream in timers.indices {
            earliestTimer = min(earliestTimer, timers[stream].next(times)?.milliseconds ?? .max)
        }
    }
}
