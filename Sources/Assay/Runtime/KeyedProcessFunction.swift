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

    /// Fetches the memory that `process` will touch.
    func prefetch(_ state: borrowing State)

    /// Appends the state as bytes that any later version can read.
    func encode(_ state: borrowing State, into bytes: inout [UInt8])

    /// The state that such bytes stand for.
    mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> State
}

extension KeyedProcessFunction where Self: ~Copyable {
    mutating func timerFired(state: inout State, context: inout ProcessContext<Output>) {}

    func prefetch(_ state: borrowing State) {}
}

/// What a function knows of the moment and what it can ask for, besides its element and state.
struct ProcessContext<Output> {
    /// The event time of the element, or of the timer that fires.
    fileprivate(set) var time: EventTime
    /// Where results are put.
    var output: Output
    fileprivate var key = 0
    fileprivate var timers = TimerQueue()

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
}

/// Runs one process function over one stream: interns keys, fetches states ahead, keeps the timers.
struct KeyedStage<Function: KeyedProcessFunction & ~Copyable>: ~Copyable {
    private(set) var function: Function
    private var keys: KeyTable<Function.State>
    private(set) var context: ProcessContext<Function.Output>
    private var interned: [Int] = []

    /// How many elements ahead a state's own memory is fetched.
    private static var prefetchDistance: Int { 6 }

    init(function: consuming Function, output: Function.Output) {
        self.function = function
        keys = KeyTable()
        context = ProcessContext(output: output)
    }

    var keyCount: Int { keys.count }

    /// Takes a batch of elements in their order. `element` gives each with its time and its key's hash and bytes.
    @inline(__always)
    mutating func process<Element>(
        _ elements: borrowing [Element], hash: (borrowing Element) -> UInt64,
        key: (borrowing Element) -> UnsafeBufferPointer<UInt8>,
        input: (borrowing Element) -> (Function.Input, EventTime)
    ) {
        let count = elements.count
        for index in 0..<count { keys.prefetchSlot(hash: hash(elements[index])) }
        interned.removeAll(keepingCapacity: true)
        for index in 0..<count { interned.append(keys.candidate(hash: hash(elements[index])) ?? -1) }
        for index in 0..<count {
            let bytes = key(elements[index])
            if interned[index] >= 0, keys.isKey(interned[index], bytes) { continue }
            let elementHash = hash(elements[index])
            interned[index] =
                keys.find(bytes, hash: elementHash)
                ?? keys.insert(bytes, hash: elementHash, state: function.makeState())
        }
        for index in 0..<min(Self.prefetchDistance, count) { function.prefetch(keys[interned[index]]) }
        for index in 0..<count {
            let ahead = index + Self.prefetchDistance
            if ahead < count { function.prefetch(keys[interned[ahead]]) }
            let (input, time) = input(elements[index])
            context.time = time
            context.key = interned[index]
            function.process(input, state: &keys[interned[index]], context: &context)
        }
    }

    /// Event time has come to `watermark`: fires the timers up to it, in order of time, then key bytes.
    mutating func advance(to watermark: EventTime) {
        while let time = context.timers.next, time <= watermark {
            let due = context.timers.popAll(at: time).sorted { left, right in
                keys.withKey(left) { left in keys.withKey(right) { left.lexicographicallyPrecedes($0) } }
            }
            for key in due {
                context.time = time
                context.key = key
                function.timerFired(state: &keys[key], context: &context)
            }
        }
    }

    /// Lets the caller take the results out.
    mutating func withOutput<Result>(_ body: (inout Function.Output) -> Result) -> Result {
        body(&context.output)
    }

    /// The keys with their states, in an order of the table's own.
    func forEachState(_ body: (UnsafeBufferPointer<UInt8>, borrowing Function.State) -> Void) {
        for index in keys.indices {
            keys.withKey(index) { body($0, keys[index]) }
        }
    }
}
