/// Prefetches the memory of elements to come, in steps some elements apart: each step reads what the one before has
/// fetched.
extension KeyedStage where Function: ~Copyable {
    /// Prefetches the slot where a key is looked up.
    func prefetchSlot(hash: UInt64) { keys.prefetchSlot(hash: hash) }

    /// Returns the number of the key with this hash, nil if it is new or away, and prefetches its state.
    func prefetchEntry(hash: UInt64) -> Int? { keys.candidate(hash: hash) }

    /// Prefetches what the state holds.
    func prefetchState(_ key: Int) {
        if keys.isInUse(key) { function.prefetch(keys[key]) }
    }
}
