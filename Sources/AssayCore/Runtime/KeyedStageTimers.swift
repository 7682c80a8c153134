/// How timers fire.
extension KeyedStage where Function: ~Copyable {
    /// Fires the next timer of a stream that is due at `watermark`, in order of time, rank and key, so that its results
    /// can be taken out before the next one fires. Returns false when there is none.
    mutating func fireNext(_ stream: Int, upTo watermark: Int64) -> Bool {
        forgetTouched()
        advanced = watermark
        context.moment.enter(stream, watermark: watermark)
        if due.isEmpty {
            guard let time = context.moment.nextTimer(of: stream), time.milliseconds <= watermark else { return false }
            collectTimers(of: stream, at: time)
        }
        guard let timer = due.popLast() else { preconditionFailure("the next timer is one at least") }
        noteChange(timer.key)
        context.begin(dueTime, key: timer.key)
        touched = timer.key
        let before = function.memoryBytes(keys[timer.key])
        function.timerFired(state: &keys[timer.key], context: &context)
        stateBytes += function.memoryBytes(keys[timer.key]) - before
        return true
    }

    /// Without checkpoints a key without state is dropped as soon as its results were used.
    mutating func forgetTouched() {
        guard !isSaved, let key = touched.take(), function.isEmpty(keys[key]) else { return }
        remove(key, hash: keys.withKey(key) { $0.stableHash })
    }

    /// Puts the timers of a time in order, the first one last.
    private mutating func collectTimers(of stream: Int, at time: EventTime) {
        context.moment.popTimers(of: stream, at: time, into: &ready)
        dueTime = time
        if ready.count == 1 { return due.append(DueTimer(rank: 0, firstBytes: 0, key: ready[0])) }
        var timers: [DueTimer] = []
        swap(&timers, &due)
        timers.reserveCapacity(ready.count)
        for key in ready {
            let rank = function.timerRank(keys[key], at: time, stream: stream)
            timers.append(DueTimer(rank: rank, firstBytes: withKey(key) { $0.firstBytes }, key: key))
        }
        timers.sort { $1.isAhead(of: $0) }
        var first = 0
        while first < timers.count {
            var end = first + 1
            while end < timers.count, timers[end].isLike(timers[first]) { end += 1 }
            if end - first > 1 { timers[first..<end].sort { keys.precedes($1.key, $0.key) } }
            first = end
        }
        swap(&timers, &due)
    }

    /// No timer of any stream is earlier.
    var earliestTimer: Int64 { context.moment.earliestTimer }

    mutating func findEarliestTimer() { context.moment.findEarliestTimer() }
}
