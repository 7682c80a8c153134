/// The timer of each key that has one. A key belongs to one stream while it has its number; another key, of another
/// stream, may get that number later.
struct TimerTimes {
    private var times: [Int64] = []
    private var streams: [UInt8] = []

    /// The end of time is a valid time for a timer.
    private static var none: Int64 { .min }

    func isSet(_ key: Int, of stream: Int, to time: EventTime) -> Bool {
        key < times.count && times[key] == time.milliseconds && Int(streams[key]) == stream
    }

    func isSet(_ key: Int) -> Bool { key < times.count && times[key] != Self.none }

    var memoryBytes: Int { times.capacity * MemoryLayout<Int64>.stride + streams.capacity }

    mutating func set(_ key: Int, of stream: Int, to time: EventTime) {
        if key >= times.count {
            // Keys are dense.
            let more = max(key + 1, 2 * times.count) - times.count
            times.append(contentsOf: repeatElement(Self.none, count: more))
            streams.append(contentsOf: repeatElement(0, count: more))
        }
        times[key] = time.milliseconds
        streams[key] = UInt8(stream)
    }

    mutating func delete(_ key: Int) { if key < times.count { times[key] = Self.none } }
}

/// The next timers of a stream.
struct TimerQueue {
    private struct Timer: Comparable {
        let time: EventTime
        let key: Int

        static func < (left: Timer, right: Timer) -> Bool {
            (left.time, left.key) < (right.time, right.key)
        }
    }

    private let stream: Int
    /// Contains replaced and deleted timers too.
    private var heap = Heap<Timer>()

    init(stream: Int) {
        self.stream = stream
    }

    var memoryBytes: Int { heap.count * MemoryLayout<Timer>.stride }

    mutating func set(key: Int, at time: EventTime, _ times: inout TimerTimes) {
        guard !times.isSet(key, of: stream, to: time) else { return }
        times.set(key, of: stream, to: time)
        heap.insert(Timer(time: time, key: key))
    }

    /// The earliest time that a timer is set for.
    mutating func next(_ times: TimerTimes) -> EventTime? {
        while let first = heap.first {
            if times.isSet(first.key, of: stream, to: first.time) { return first.time }
            _ = heap.popFirst()
        }
        return nil
    }

    /// Takes out the keys whose timers are set for this time, which is the next.
    mutating func popAll(at time: EventTime, _ times: inout TimerTimes, into keys: inout [Int]) {
        keys.removeAll(keepingCapacity: true)
        while let first = heap.first, first.time == time {
            if times.isSet(first.key, of: stream, to: time) {
                times.delete(first.key)
                keys.append(first.key)
            }
            _ = heap.popFirst()
        }
    }

    /// Deletes all timers.
    mutating func removeAll(_ times: inout TimerTimes) {
        while let first = heap.popFirst() {
            if times.isSet(first.key, of: stream, to: first.time) { times.delete(first.key) }
        }
    }
}

/// A timer that is to fire now.
struct DueTimer {
    let rank: Int64
    let key: Int
    let time: EventTime
    /// The key's first bytes, which are usually enough to compare two keys.
    var firstBytes: UInt128 = 0

    /// Whether it fires after another one; nil where the rest of the keys' bytes decides.
    func isBehind(_ other: DueTimer) -> Bool? {
        if rank != other.rank { return rank > other.rank }
        return firstBytes == other.firstBytes ? nil : firstBytes > other.firstBytes
    }
}
