/// The next timer of each key that has one.
struct TimerQueue {
    private struct Timer: Comparable {
        let time: EventTime
        let key: Int

        static func < (left: Timer, right: Timer) -> Bool {
            (left.time, left.key) < (right.time, right.key)
        }
    }

    /// What holds at present; the heap may also hold timers that were replaced since.
    private var current: [Int: EventTime] = [:]
    private var heap = Heap<Timer>()

    mutating func set(key: Int, at time: EventTime) {
        guard current.updateValue(time, forKey: key) != time else { return }
        heap.insert(Timer(time: time, key: key))
    }

    mutating func delete(key: Int) {
        current.removeValue(forKey: key)
    }

    /// The earliest time that a timer is set for.
    var next: EventTime? {
        mutating get {
            while let first = heap.first {
                if current[first.key] == first.time { return first.time }
                _ = heap.popFirst()
            }
            return nil
        }
    }

    /// Takes out the keys whose timers are set for this time, which is the next.
    mutating func popAll(at time: EventTime) -> [Int] {
        var keys: [Int] = []
        while let first = heap.first, first.time == time {
            if current[first.key] == time {
                current.removeValue(forKey: first.key)
                keys.append(first.key)
            }
            _ = heap.popFirst()
        }
        return keys
    }
}

/// A timer that is to fire now.
struct DueTimer {
    let rank: Int64
    let key: Int
    let time: EventTime
}
