/// The state of a key: its windows, its user, or sequences that have begun.
struct StreamState {
    var windows = WindowState<WindowAggregates>()
    /// Owned by the scorer: a state that was scored once is never forgotten.
    var user: UnsafeMutablePointer<UserState>?
    var sequences: RememberedSequences?
}

/// What was ended by a change of its pattern.
package struct EndedSequences: Equatable, Sendable {
    package var runs: UInt64 = 0
    /// Events that event time had not yet reached.
    package var events: UInt64 = 0

    init() {}

    init(_ state: PatternState) {
        (runs, events) = (UInt64(state.openRuns), UInt64(state.waiting.count))
    }

    var isNothing: Bool { runs == 0 && events == 0 }

    static func += (left: inout EndedSequences, right: EndedSequences) {
        left.runs += right.runs
        left.events += right.events
    }
}

/// A key's sequences, held by reference.
final class RememberedSequences {
    /// The pattern's fingerprint.
    let fingerprint: UInt64
    // Only the thread that owns the stage uses it, one step at a time.
    @exclusivity(unchecked) var state: PatternState
    /// What was read from a checkpoint and is not continued.
    var ended = EndedSequences()

    init(_ fingerprint: UInt64, _ state: PatternState) {
        self.fingerprint = fingerprint
        self.state = state
    }
}

/// The process function of a whole pipeline: each key begins with the number of the stream that it belongs to.
package struct StreamFunction: KeyedProcessFunction {
    /// The results of a step; a stream uses one of the parts.
    struct Output {
        var windows = WindowFunction<WindowAggregates>.Output()
        var sequences = PatternFunction.Output()
        /// Everything scored so far of the current batch, which the batch's owner keeps alive.
        var scored: Unmanaged<ScoredBatch>?
    }

    enum Input {
        case element(WindowFunction<WindowAggregates>.Input)
        case transaction(FraudDetection.Input)
        case event(PatternFunction.Input)
    }

    private let windows: WindowFunctions
    private(set) var patterns: [PatternFunction?]
    /// By stream, what a checkpoint held for a pattern that has changed since.
    var ended: [EndedSequences]
    let scorer: TransactionScorer?

    init(_ plan: StreamPlan, streams: [RunningStream]) {
        windows = WindowFunctions(plan)
        patterns = streams.map { $0.patternFunction }
        ended = streams.map { _ in EndedSequences() }
        scorer = plan.scored.map { TransactionScorer($0.settings) }
    }

    /// Replaces the patterns.
    mutating func takePatterns(of streams: [RunningStream]) { patterns = streams.map { $0.patternFunction } }

    static var setsTimers: Bool { true }

    func makeState() -> StreamState { StreamState() }

    func memoryBytes(_ state: StreamState) -> Int {
        if let user = state.user, let scorer { return scorer.memoryBytes(user) }
        if let sequences = state.sequences { return sequences.state.memoryBytes + Self.sequencesBytes }
        return state.windows.memoryBytes
    }

    /// Of what has a key's sequences.
    private static let sequencesBytes = 64 + MemoryLayout<PatternState>.size

    mutating func forget(_ state: inout StreamState) {
        guard let user = state.user.take() else { return }
        scorer?.letGo(user)
    }

    func prefetch(_ state: StreamState) {
        if let user = state.user { UserState.prefetch(user) }
    }

    /// Prefetches what a user's state points to.
    fileprivate func prefetchHeld(_ state: StreamState) { state.user?.pointee.prefetchBlock() }

    func stream(of key: UnsafeBufferPointer<UInt8>) -> Int { Int(key[0]) }

    /// Part of what was read is not continued, and that has to be written.
    func isStale(_ state: StreamState) -> Bool { state.sequences.map { !$0.ended.isNothing } ?? false }

    mutating func refresh(_ state: inout StreamState) { state.sequences?.ended = EndedSequences() }

    func isEmpty(_ state: StreamState) -> Bool {
        state.user == nil && state.windows.parts.isEmpty && state.sequences?.state.isEmpty ?? true
    }

    mutating func process(_ input: Input, state: inout StreamState, context: inout ProcessContext<Output>) {
        switch input {
        case .element(let element):
            windows[context.stream]?.pointee.add(element, &state.windows, &context.moment, &context.output.windows)
        case .transaction(let transaction):
            guard let scorer, let scored = context.output.scored else {
                preconditionFailure("only a stream that scores is given transactions, and those of a batch")
            }
            let user = state.user ?? scorer.keep(scorer.detection.makeState())
            state.user = user
            scored._withUnsafeGuaranteedRef { scorer.detection.score(transaction, &user.pointee, &$0.output) }
        case .event(let event):
            guard let pattern = patterns[context.stream] else { return }
            let remembered: RememberedSequences
            if let known = state.sequences, known.fingerprint == pattern.fingerprint {
                remembered = known
            } else {
                remembered = RememberedSequences(pattern.fingerprint, PatternState())
                state.sequences = remembered
            }
            pattern.take(event, &remembered.state, &context.moment, &context.output.sequences)
        }
    }

    mutating func timerFired(state: inout StreamState, context: inout ProcessContext<Output>) {
        if let function = windows[context.stream] {
            function.pointee.goOn(&state.windows, &context.moment, &context.output.windows)
        } else if let remembered = state.sequences {
            patterns[context.stream]?.goOn(&remembered.state, &context.moment, &context.output.sequences)
        }
    }

    func timerRank(_ state: StreamState, at time: EventTime, stream: Int) -> Int64 {
        windows[stream]?.pointee.timerRank(state.windows, at: time, stream: stream) ?? 0
    }

    mutating func resume(state: inout StreamState, context: inout ProcessContext<Output>) {
        if let remembered = state.sequences {
            ended[context.stream] += remembered.ended
            patterns[context.stream]?.setTimer(&remembered.state, &context.moment)
            return
        }
        windows[context.stream]?.pointee.setFirstTimer(&state.windows, &context.moment)
    }

    // MARK: As bytes

    /// What a key's state is of.
    package enum StateKind: UInt8, Sendable {
        case windows, user, sequences
    }

    /// Of a state as it is stored; nil for what no version has written.
    package static func kind(of state: UnsafeRawBufferPointer) -> StateKind? {
        state.first.flatMap { StateKind(rawValue: $0) }
    }

    /// A stored state without its kind.
    package static func content(of state: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: state.dropFirst())
    }

    func encode(_ state: StreamState, into bytes: inout OutputBuffer) {
        if let user = state.user, let scorer {
            bytes.append(byte: StateKind.user.rawValue)
            scorer.detection.encode(user.pointee, into: &bytes)
        } else if let sequences = state.sequences {
            bytes.append(byte: StateKind.sequences.rawValue)
            bytes.append(fixed: sequences.fingerprint)
            sequences.state.encode(into: &bytes)
        } else {
            bytes.append(byte: StateKind.windows.rawValue)
            state.windows.encode(into: &bytes)
        }
    }

    mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> StreamState {
        guard let first = bytes.first else { throw StateDecodingError(.truncated) }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[1...])
        switch (StateKind(rawValue: first), scorer) {
        case (.windows?, _): return StreamState(windows: try WindowState(rest))
        case (.sequences?, _): return try decodeSequences(rest)
        case (.user?, let scorer?): return StreamState(user: scorer.keep(try scorer.detection.decode(rest)))
        default: throw StateDecodingError(.outOfBounds)
        }
    }

    /// The fingerprint and the state in a stored state of sequences; nil for any other state.
    package static func sequenceBytes(_ state: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard state.first == StateKind.sequences.rawValue else { return nil }
        return content(of: state)
    }

    /// Runs of a pattern that has changed are not continued.
    private mutating func decodeSequences(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> StreamState {
        var reader = StateByteReader(bytes)
        let fingerprint = try reader.fixed()
        guard let function = patterns.lazy.compactMap(\.self).first(where: { $0.fingerprint == fingerprint }) else {
            let ended = RememberedSequences(fingerprint, PatternState())
            ended.ended = EndedSequences(try PatternState(&reader, for: nil))
            return StreamState(sequences: ended)
        }
        let state = try PatternState(&reader, for: function.automaton)
        return StreamState(sequences: RememberedSequences(fingerprint, state))
    }
}

/// The functions of the streams with windows, at fixed places: a firing calls one without counting a reference to it.
private final class WindowFunctions: Sendable {
    private typealias Function = WindowFunction<WindowAggregates>

    /// By stream. Written once, before it is shared.
    nonisolated(unsafe) private let places: UnsafeMutableBufferPointer<UnsafeMutablePointer<Function>?>

    init(_ plan: StreamPlan) {
        places = .allocate(capacity: plan.streams.count)
        let pointers: [UnsafeMutablePointer<Function>?] = plan.streams.map { stream in
            guard case .keyed(let keyed) = stream.operation else { return nil }
            let place = UnsafeMutablePointer<Function>.allocate(capacity: 1)
            place.initialize(to: keyed.function)
            return place
        }
        _ = places.initialize(from: pointers)
    }

    deinit {
        for case let place? in places {
            place.deinitialize(count: 1)
            place.deallocate()
        }
        places.deallocate()
    }

    @inline(__always)
    subscript(stream: Int) -> UnsafeMutablePointer<WindowFunction<WindowAggregates>>? { places[stream] }
}

extension KeyedStage<StreamFunction> {
    /// Prefetches what a state points to.
    func prefetchHeld(_ key: Int) { if keys.isInUse(key) { function.prefetchHeld(keys[key]) } }
}

/// The scorer of transactions, held by reference.
final class TransactionScorer {
    // Only the thread that owns the stage uses it, one step at a time.
    @exclusivity(unchecked) var detection: FraudDetection
    /// The users' states, which do not move while the scorer lives.
    private var users = MemoryChunks()

    init(_ settings: StreamPlan.ScoredSettings, sequence: UInt64 = 0) {
        detection = FraudDetection(settings: settings.settings, zone: settings.zone, sequence: sequence)
        detection.install(settings.rules)
    }

    /// Places of users that are away.
    private var free: [UnsafeMutablePointer<UserState>] = []

    /// Takes the state of a user that was not known before, or was away.
    func keep(_ state: consuming UserState) -> UnsafeMutablePointer<UserState> {
        let stride = MemoryLayout<UserState>.stride
        let place = free.popLast() ?? users.take(stride).bindMemory(to: UserState.self, capacity: 1)
        place.initialize(to: state)
        return place
    }

    func letGo(_ user: UnsafeMutablePointer<UserState>) {
        detection.forget(&user.pointee)
        user.deinitialize(count: 1)
        free.append(user)
    }

    func memoryBytes(_ user: UnsafeMutablePointer<UserState>) -> Int {
        MemoryLayout<UserState>.stride + detection.memoryBytes(user.pointee)
    }
}
