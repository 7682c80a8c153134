/// What owns keyed state and can be cut into checkpoints while it goes on.
package protocol CheckpointedStage: ~Copyable {
    /// Elements taken so far, in all runs.
    var sequence: UInt64 { get }

    /// Where the stage stands and what it counted. Logs have the extent of the last cut.
    var record: StageRecord { get }

    /// Takes over what a checkpoint holds.
    mutating func load(
        _ record: StageRecord, from pages: any StatePages, memoryLimit: Int
    ) throws(StoreError)

    /// What was loaded is of another input than the one that begins now.
    mutating func beginInput()

    /// From now on states can be read back from here.
    mutating func attach(_ pages: any StatePages)

    /// Cuts here, and returns what is known at once; the states follow by and by.
    mutating func beginCut() -> StageRecord

    /// Goes on with the cut for a while. True when it is complete.
    mutating func continueCut(states: Int) throws(StoreError) -> Bool

    /// The states of a complete cut.
    mutating func takeCut() -> StageCut

    /// What was taken last is durable now.
    mutating func noteCommitted()
}
