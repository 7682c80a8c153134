/// What is remembered of a key: its windows, or a user.
struct StreamState {
    var windows = WindowState<WindowAggregates>()
    var user: RememberedUser?
}

/// A user's memory, which exists once.
final class RememberedUser {
    var state: UserState

    init(_ state: consuming UserState) {
        self.state = state
    }
}

/// The process function of a whole pipeline: each key begins with the number of the stream that it belongs to.
struct StreamFunction: KeyedProcessFunction {
    typealias Output = WindowFunction<WindowAggregates>.Output

    enum Input {
        case element(WindowFunction<WindowAggregates>.Input)
        case transaction(FraudDetection.Input)
    }

    /// By stream.
    private var functions: [WindowFunction<WindowAggregates>?]
    let scorer: TransactionScorer?

    init(_ plan: StreamPlan) {
        functions = plan.streams.map { stream in
            if case .keyed(let keyed) = stream.operation { keyed.function } else { nil }
        }
        scorer = plan.scored.map { TransactionScorer($0.settings) }
    }

    func makeState() -> StreamState { StreamState() }

    func stream(of key: UnsafeBufferPointer<UInt8>) -> Int { Int(key[0]) }

    func isEmpty(_ state: StreamState) -> Bool { state.user == nil && state.windows.parts.isEmpty }

    mutating func process(_ input: Input, state: inout StreamState, context: inout ProcessContext<Output>) {
        switch input {
        case .element(let element):
            functions[context.stream]?.process(element, state: &state.windows, context: &context)
        case .transaction(let transaction):
            guard let scorer else { preconditionFailure("only a stream that scores is given transactions") }
            let user = state.user ?? RememberedUser(scorer.detection.makeState())
            state.user = user
            scorer.score(transaction, &user.state)
        }
    }

    mutating func timerFired(state: inout StreamState, context: inout ProcessContext<Output>) {
        functions[context.stream]?.timerFired(state: &state.windows, context: &context)
    }

    func timerRank(_ state: StreamState, at time: EventTime, stream: Int) -> Int64 {
        functions[stream]?.timerRank(state.windows, at: time, stream: stream) ?? 0
    }

    func resume(state: inout StreamState, context: inout ProcessContext<Output>) {
        functions[context.stream]?.resume(state: &state.windows, context: &context)
    }

    // MARK: As bytes

    private enum Kind: UInt8 {
        case windows, user
    }

    func encode(_ state: StreamState, into bytes: inout OutputBuffer) {
        if let user = state.user, let scorer {
            bytes.append(byte: Kind.user.rawValue)
            scorer.detection.encode(user.state, into: &bytes)
        } else {
            bytes.append(byte: Kind.windows.rawValue)
            state.windows.encode(into: &bytes)
        }
    }

    mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> StreamState {
        guard let first = bytes.first else { throw StateDecodingError(.truncated) }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[1...])
        switch (Kind(rawValue: first), scorer) {
        case (.windows?, _): return StreamState(windows: try WindowState(rest))
        case (.user?, let scorer?): return StreamState(user: RememberedUser(try scorer.detection.decode(rest)))
        default: throw StateDecodingError(.outOfBounds)
        }
    }
}

/// Scores transactions one by one.
final class TransactionScorer {
    var detection: FraudDetection
    private var context = ProcessContext(output: FraudDetection.Output())

    init(_ settings: StreamPlan.ScoredSettings, sequence: UInt64 = 0) {
        detection = FraudDetection(settings: settings.settings, zone: settings.zone, sequence: sequence)
        detection.install(settings.rules)
        context.output.rules = settings.rules
    }

    func score(_ transaction: FraudDetection.Input, _ state: inout UserState) {
        context.begin(transaction.transaction.time, key: 0)
        detection.process(transaction, state: &state, context: &context)
    }

    /// What was scored last; it is forgotten then.
    func take<Result>(_ body: (borrowing FraudDetection.Output) -> Result) -> Result {
        let result = body(context.output)
        let rules = context.output.rules
        context.output.removeAll()
        context.output.rules = rules
        return result
    }

    func resume(sequence: UInt64) { detection.resume(sequence: sequence) }
}
