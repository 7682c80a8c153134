/// What a run is specialised for: scoring alone, or a pipeline's streams. It owns all keyed state.
package protocol RunStage: CheckpointedStage, SendableMetatype, ~Copyable {
    associatedtype Batch: LineBatch
    associatedtype Decoder: BatchDecoder, ~Copyable where Decoder.Batch == Batch
    associatedtype Formatter: RowFormatter where Formatter.Batch == Batch
    /// What can be replaced during a run.
    associatedtype Change: Sendable

    func makeBatch() -> Batch

    /// `csvHeader`: the input's header as an earlier run read it.
    func makeDecoder(_ format: InputFormat, _ dialect: CSVDialect, csvHeader: [UInt8]) -> Decoder

    func makeFormatter() -> Formatter

    var counts: RunCounts { get }
    var keyCount: Int { get }
    /// How often rules fired, and failed by cause, in this run, in order of their names.
    var ruleCounts: [(name: String, count: UInt64)] { get }

    /// Takes a batch from one of the run's sources.
    mutating func take(_ batch: Batch, from source: Int) throws(StoreError)

    /// Returns what is to be reported since the last call.
    mutating func takeNotices() -> [StageNotice]

    /// Takes effect with the next batch.
    mutating func install(_ change: Change)

    // MARK: Memory

    /// The memory of the states that are not away, and of the index of keys.
    var memoryBytes: Int { get }
    var indexBytes: Int { get }
    /// The bytes of changes that are in no checkpoint.
    var changedBytes: Int { get }

    mutating func shrink(to limit: Int)

    /// The process ends: the memory of the states need not be given back piece by piece.
    mutating func abandonStates()

    // MARK: Event time

    /// Event time advances without input after this long.
    var idleMilliseconds: Int64? { get }
    /// Event time advances to here once that is in a checkpoint.
    var pendingTime: Int64? { get }
    /// Whether something waits for event time.
    var hasOpenTimers: Bool { get }

    /// Plans to advance event time by this much.
    mutating func postpone(by milliseconds: Int64)

    /// Advances event time as planned. Without a batch of input, rows go in an empty one.
    mutating func goOn(into batch: Batch) throws(StoreError)

    /// A source has nothing at the moment: it holds nothing back until its next batch.
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

/// Puts a batch's rows for a sink into the sink's form. Used by the writing thread only.
package protocol RowFormatter {
    associatedtype Batch: LineBatch

    /// Appends the rows for a sink and returns their number.
    mutating func format(_ batch: Batch, for sink: Int, into buffer: inout OutputBuffer) -> UInt64

    /// Drops what comes after a line of the batch.
    func cut(_ batch: Batch, after line: UInt32)
}

/// A notice of a stage to be reported.
package enum StageNotice: Sendable {
    /// An expression of a stream failed for a cause for the first time.
    case expressionFailed(stream: String, message: String)
    /// A rule failed for a cause for the first time.
    case ruleFailed(rule: String, message: String)
    /// A user or key exceeded a pattern's limits for the first time.
    case sequencesDropped(pattern: String)
    case runsDropped(stream: String, limits: PatternMatcher.Limits)
    /// Open sequences of a pattern were ended because the pattern was changed.
    case streamSequencesEnded(stream: String, EndedSequences)
    case sequencesEnded(Int)
    /// Transactions left before they had matured, for the first time.
    case entriesDropped
    /// What was learned was forgotten, because other settings hold.
    case learningForgotten(LearnedModel.Forgotten)
}
