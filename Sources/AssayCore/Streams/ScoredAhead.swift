/// Prefetches the users of a batch's transactions before they are scored, since they lie scattered in memory.
struct ScoredAhead: ~Copyable {
    private var hashes: [UInt64] = []
    /// By transaction, the number of its user's key, if it seems to have one.
    private var keys: [Int?] = []
    private var key = OutputBuffer(capacity: 256)

    /// A user's block is prefetched this many transactions ahead, its state twice as many.
    private static let distance = 6

    /// Begins a batch of transactions that a stream scores.
    mutating func begin(
        _ transactions: [Transaction], _ text: BatchText, stream: Int, _ stage: borrowing KeyedStage<StreamFunction>
    ) {
        hashes.removeAll(keepingCapacity: true)
        keys.removeAll(keepingCapacity: true)
        for index in transactions.indices {
            StreamKey.begin(stream, in: &key)
            StreamKey.append(text: text.bytes(transactions[index].userID), isLast: true, to: &key)
            hashes.append(key.bytes.bindMemory(to: UInt8.self).stableHash)
            stage.prefetchSlot(hash: hashes[index])
        }
        for hash in hashes { keys.append(stage.prefetchEntry(hash: hash)) }
        for index in 0..<min(2 * Self.distance, keys.count) { fetch(index, stage) }
    }

    /// Moves on to this transaction.
    mutating func goOn(to index: Int, _ stage: borrowing KeyedStage<StreamFunction>) {
        fetch(index + 2 * Self.distance, stage)
        let near = index + Self.distance
        if near < keys.count, let key = keys[near] { stage.prefetchHeld(key) }
    }

    private func fetch(_ index: Int, _ stage: borrowing KeyedStage<StreamFunction>) {
        if index < keys.count, let key = keys[index] { stage.prefetchState(key) }
    }

    /// The hash of the key of a transaction's user.
    func hash(_ index: Int) -> UInt64 { hashes[index] }
}
