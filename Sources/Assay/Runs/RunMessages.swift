import AssayCore
import StateStore

/// What reaches the thread that owns all keyed state.
enum RunMessage<Stage: RunStage & ~Copyable>: Sendable {
    case batch(Stage.Batch, source: Int, SourcePosition)
    /// Nothing is waiting to be read.
    case inputIsIdle
    /// `isWhole`: there is nothing more, ever; else somebody wanted reading to stop.
    case inputEnded(source: Int, isWhole: Bool)
    case inputFailed(RunFailure)
    /// A batch is written out; the counts are of everything that is.
    case written(RunCounts, bytes: UInt64)
    case outputFailed(RunFailure)
    /// Everything that was made before the cut is on its way.
    case drained([SettledSink])
    case commit(Committer.Outcome)
    case checkpointRequested
    case change(RunChange<Stage>)
}

/// What the writing thread is asked to do.
enum WriterMessage<Stage: RunStage & ~Copyable>: Sendable {
    /// With what was taken from sources for it, and all counts up to it.
    case batch(Stage.Batch, [OrderEntry], RunCounts)
    /// Hold nothing back.
    case flush
    /// Rows have another form from here on.
    case formatter(Handover<Stage.Formatter>)
    /// Say when everything before this is on its way.
    case mark(isLast: Bool)
    /// The checkpoint that was marked last is durable; of the order log nothing before this number is needed.
    case release(order: UInt64?)
    case stop
}
