// What changes all states at once, between two elements.
extension KeyedStage where Function: ~Copyable {
    /// Resets the states of some streams.
    mutating func forgetStates(of streams: Set<Int>) {
        touched = nil
        for index in Array(keys.indices) where streams.contains(keys.withKey(index) { function.stream(of: $0) }) {
            noteChange(index)
            stateBytes -= function.memoryBytes(keys[index])
            keys[index] = function.makeState()
            if !isSaved { remove(index, hash: keys.withKey(index) { $0.stableHash }) }
        }
        for stream in streams { context.moment.removeTimers(of: stream) }
        context.moment.findEarliestTimer()
    }

    /// Drops what is stale from the states, and from the store with the next cut.
    mutating func refreshStates() {
        for index in Array(keys.indices) where function.isStale(keys[index]) {
            noteChange(index)
            let before = function.memoryBytes(keys[index])
            function.refresh(&keys[index])
            stateBytes += function.memoryBytes(keys[index]) - before
        }
    }

    /// Goes on with another function, which takes all states over.
    mutating func replace(_ other: consuming Function) throws(StateDecodingError) {
        var other = other
        stateBytes = 0
        for index in Array(keys.indices) {
            encoded.removeAll()
            function.encode(keys[index], into: &encoded)
            let state = try other.decode(encoded.bytes)
            function.forget(&keys[index])
            keys[index] = state
            stateBytes += other.memoryBytes(keys[index])
        }
        function = other
    }
}
