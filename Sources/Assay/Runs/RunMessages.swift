import AssayCore
import StateStore

/// Messages to the thread that owns all keyed state.
enum RunMessage<Stage: RunStage & ~Copyable>: Sendable {
    case batch(Stage.Batch, source: Int, SourcePosition)
    /// There is nothing to read at the moment.
    case inputIsIdle
    /// An input has parts that the run does not have.
    case inputHasGrown
    /// `isWhole`: there is nothing more, ever; otherwise reading was stopped.
    case inputEnded(source: Int, isWhole: Bool)
    case inputFailed(RunFailure)
    /// A batch was written; the counts are totals up to it.
    case written(RunCounts, bytes: UInt64)
    /// `unread`: what the readers of pipes had not taken, by output.
    case outputFailed(RunFailure, unread: [String: [UInt8]])
    /// Everything from before the cut is settled.
    case drained([SettledSink])
    case commit(Committer.Outcome)
    case checkpointRequested
    case change(RunChange<Stage>)
    /// Somebody wants to know something of the state between two batches.
    case question(@Sendable (borrowing Stage) -> Void)
}

/// Messages to the writing thread.
enum WriterMessage<Stage: RunStage & ~Copyable>: Sendable {
    /// With the order entries that belong to it, and all counts up to it. `isNoted`: its place is durable.
    case batch(Stage.Batch, [OrderEntry], RunCounts, isNoted: Bool)
    /// Hold nothing back.
    case flush
    /// Rows have another form from here on.
    case formatter(Handover<Stage.Formatter>)
    /// Report when everything before this is settled.
    case mark(isLast: Bool)
    /// The checkpoint that was marked last is durable; older entries of the order log are no longer needed.
    case release(order: UInt64?)
    case stop
}
