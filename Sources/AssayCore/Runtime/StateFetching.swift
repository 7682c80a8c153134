/// Fetches the memory of elements to come, in steps that lie some elements apart: each looks at what the one before has
/// fetched.
extension KeyedStage where Function: ~Copyable {
    /// The place where a key is looked up.
    func prefetchSlot(hash: UInt64) { keys.prefetchSlot(hash: hash) }

    /// The key of this hash and its state: its number, nil for one that is new or away.
    func prefetchEntry(hash: UInt64) -> Int? { keys.candidate(hash: hash) }

    /// What the state holds.
    func prefetchState(_ key: Int) {
        if keys.isInUse(key) { function.prefetch(keys[key]) }
    }
}
