/// The owner of keyed state, which can be cut into checkpoints while it runs.
package protocol CheckpointedStage: ~Copyable {
    /// Elements taken so far, in all runs.
    var sequence: UInt64 { get }

    /// The position of the stage and its counts. Logs have the extent of the last cut.
    var record: StageRecord { get }

    /// Loads what a checkpoint holds.
    mutating func load(
        _ record: StageRecord, from pages: any StatePages, memoryLimit: Int
    ) throws(StoreError)

    /// The input that begins now is not the one of the loaded checkpoint.
    mutating func beginInput()

    /// States can be read back from here from now on.
    mutating func attach(_ pages: any StatePages)

    /// Cuts here and returns what is known at once; the states follow step by step.
    mutating func beginCut() -> StageRecord

    /// Continues the cut for a while. Returns true when it is complete.
    mutating func continueCut(states: Int) throws(StoreError) -> Bool

    /// Returns the states of a complete cut.
    mutating func takeCut() -> StageCut

    /// What was taken last is now durable.
    mutating func noteCommitted()
}
