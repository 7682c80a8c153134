/// What is done with each element of a keyed stream: the one thing that differs between scoring, windows and patterns.
///
/// A function sees one element, its key's state and a context, and can reach nothing else. So it can be tested without
/// a store, restored without a replay, and run inside another engine.
protocol KeyedProcessFunction: ~Copyable {
    associatedtype Input
    /// What is remembered of one key.
    associatedtype State: ~Copyable
    /// Where results are put.
    associatedtype Output

    /// The state of a key that was never seen.
    func makeState() -> State

    mutating func process(_ input: Input, state: inout State, context: inout ProcessContext<Output>)

    /// Event time has come to the key's timer, which is gone now.
    mutating func timerFired(state: inout State, context: inout ProcessContext<Output>)

    /// Timers of one time fire in ascending order of this, then of the keys' bytes.
    func timerRank(_ state: borrowing State, at time: EventTime) -> Int64

    /// Fetches the memory that `process` will touch.
    func prefetch(_ state: borrowing State)

    /// The memory that a state owns besides its own size.
    func memoryBytes(_ state: borrowing State) -> Int

    /// Appends the state as bytes that any later version can read.
    func encode(_ state: borrowing State, into bytes: inout OutputBuffer)

    /// A state leaves memory and has to give back what it holds; it can be had again from its bytes.
    mutating func forget(_ state: inout State)

    /// The state that such bytes stand for.
    mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> State
}

extension KeyedProcessFunction where Self: ~Copyable {
    mutating func timerFired(state: inout State, context: inout ProcessContext<Output>) {}

    mutating func forget(_ state: inout State) {}

    func timerRank(_ state: borrowing State, at time: EventTime) -> Int64 { 0 }

    func prefetch(_ state: borrowing State) {}

    func memoryBytes(_ state: borrowing State) -> Int { 0 }
}

/// What a function knows of the moment and what it can ask for, besides its element and state.
struct ProcessContext<Output> {
    /// The event time of the element, or of the timer that fires.
    private(set) var time: EventTime
    /// Where results are put.
    var output: Output
    /// The key that is being worked on, by its number in the stage.
    private(set) var key = 0
    /// Nothing that came before this is expected any more, in milliseconds.
    private(set) var watermark = Int64.min
    private var timers = TimerQueue()

    init(output: Output) {
        time = EventTime(milliseconds: 0)
        self.output = output
    }

    /// Calls `timerFired` for this key once event time has come so far. Replaces the key's earlier timer.
    mutating func setTimer(at time: EventTime) {
        timers.set(key: key, at: time)
    }

    mutating func deleteTimer() {
        timers.delete(key: key)
    }

    // MARK: For the stage that runs the function

    /// What follows is about this key at this time.
    @inline(__always)
    mutating func begin(_ time: EventTime, key: Int) {
        self.time = time
        self.key = key
    }

    mutating func advance(to watermark: Int64) { self.watermark = watermark }

    var nextTimer: EventTime? {
        mutating get { timers.next }
    }

    mutating func popTimers(at time: EventTime) -> [Int] { timers.popAll(at: time) }
}
