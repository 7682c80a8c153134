/// What a run is specialised for: scoring alone, or a pipeline's streams. It owns all keyed state.
package protocol RunStage: CheckpointedStage, SendableMetatype, ~Copyable {
    associatedtype Batch: LineBatch
    associatedtype Decoder: BatchDecoder, ~Copyable where Decoder.Batch == Batch
    associatedtype Formatter: RowFormatter where Formatter.Batch == Batch
    /// What may take the place of something while a run goes on.
    associatedtype Change: Sendable

    func makeBatch() -> Batch

    /// `csvHeader`: what an earlier run had read of the input's header.
    func makeDecoder(_ format: InputFormat, csvHeader: [UInt8]) -> Decoder

    func makeFormatter() -> Formatter

    var counts: RunCounts { get }
    var keyCount: Int { get }
    /// How often rules fired, and failed by cause, in this run, in the order of their names.
    var ruleCounts: [(name: String, count: UInt64)] { get }

    /// Takes a batch of one of the run's sources.
    mutating func take(_ batch: Batch, from source: Int) throws(StoreError)

    /// What people should hear of, since somebody last asked.
    mutating func takeNotices() -> [StageNotice]

    /// From the next batch on.
    mutating func install(_ change: Change)

    // MARK: Memory

    /// Of the states at hand, and of finding keys.
    var memoryBytes: Int { get }
    var indexBytes: Int { get }
    /// As far as it is in no checkpoint.
    var changedBytes: Int { get }

    mutating func shrink(to limit: Int)

    /// The process ends: the memory of the states need not be given back piece by piece.
    mutating func abandonStates()

    // MARK: Event time

    /// Event time moves on without input after so long.
    var idleMilliseconds: Int64? { get }
    /// Event time goes on to here once that is in a checkpoint.
    var pendingTime: Int64? { get }
    /// Something waits for event time.
    var hasOpenTimers: Bool { get }

    /// Event time is to go on by so much.
    mutating func postpone(by milliseconds: Int64)

    /// Event time goes on to where it was to go. Without a batch of input, rows go in one that is empty.
    mutating func goOn(into batch: Batch) throws(StoreError)

    /// A source gives nothing at present: it holds nobody back until its next batch.
    mutating func noteIdle(source: Int, into batch: Batch) throws(StoreError)

    /// The end of all inputs is the end of time.
    var endsTime: Bool { get }
    var hasEnded: Bool { get }

    mutating func finish(into batch: Batch) throws(StoreError)
}

extension RunStage where Self: ~Copyable {
    package var ruleCounts: [(name: String, count: UInt64)] { [] }
    package var idleMilliseconds: Int64? { nil }
    package var pendingTime: Int64? { nil }
    package var hasOpenTimers: Bool { false }
    package mutating func postpone(by milliseconds: Int64) {}
    package mutating func goOn(into batch: Batch) throws(StoreError) {}
    package mutating func noteIdle(source: Int, into batch: Batch) throws(StoreError) {}
    package var endsTime: Bool { false }
    package var hasEnded: Bool { true }
    package mutating func finish(into batch: Batch) throws(StoreError) {}
}

/// Puts what a batch has for a sink into the form that the sink takes. It belongs to the thread that writes.
package protocol RowFormatter {
    associatedtype Batch: LineBatch

    /// Appends the rows for a sink, and returns how many they are.
    mutating func format(_ batch: Batch, for sink: Int, into buffer: inout OutputBuffer) -> UInt64

    /// Leaves out what comes after a line of the batch.
    func cut(_ batch: Batch, after line: UInt32)
}

/// Something of a stage that people should hear of.
package enum StageNotice: Sendable {
    /// The first time that an expression of a stream fails for a cause.
    case expressionFailed(stream: String, message: String)
    /// The first time that a rule fails for a cause.
    case ruleFailed(rule: String, message: String)
    /// The first time that a user, or a key, has more open than a pattern's limits allow.
    case sequencesDropped(pattern: String)
    case runsDropped(stream: String, limits: PatternMatcher.Limits)
    /// What a pattern had begun, and has ended because it was changed.
    case streamSequencesEnded(stream: String, EndedSequences)
    case sequencesEnded(Int)
}
