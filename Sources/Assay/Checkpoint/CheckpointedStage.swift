import StateStore

/// What owns keyed state and can be cut into checkpoints while it goes on.
protocol CheckpointedStage: ~Copyable {
    /// Elements taken so far, in all runs.
    var sequence: UInt64 { get }

    /// Of all elements of this input, and of those before it whose state is carried on.
    var greatestTime: EventTime { get }

    /// Everything that is counted, in order of the names.
    var tallies: [CheckpointRecord.Tally] { get }

    /// Takes over what a checkpoint holds.
    mutating func load(
        _ record: CheckpointRecord, from store: StateStore, memoryLimit: Int
    ) throws(StoreError)

    /// What was loaded is of another input than the one that begins now.
    mutating func beginInput()

    /// From now on states can be read back from here.
    mutating func attach(_ pages: consuming StatePageReader)

    /// Cuts here: the record gets what is known at once, the states follow by and by.
    mutating func beginCut(_ record: inout CheckpointRecord)

    /// Goes on with the cut for a while. True when it is complete.
    mutating func continueCut(states: Int) throws(StoreError) -> Bool

    /// The states of a complete cut.
    mutating func takeCut(record: inout CheckpointRecord) -> StateStore.Changes
}
