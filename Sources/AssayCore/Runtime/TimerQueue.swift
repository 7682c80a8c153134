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
///
/// Many keys wait for the same few times, the ends of their windows: those of one time are a chain, so that only times
/// are put in order.
struct TimerQueue {
    /// A key of a chain, and the next one.
    private struct Link {
        let key: UInt32
        var next: Int32
    }

    private let stream: Int
    private var times = Heap<Int64>()
    /// By time, the first link of its chain. Contains replaced and deleted timers too.
    private var chains: [Int64: Int32] = [:]
    private var links: [Link] = []
    /// The first of the links that are not in use.
    private var free = Self.end
    /// The chain that was added to last.
    private var latest: (time: Int64, first: Int32)?

    private static let end: Int32 = -1

    init(stream: Int) {
        self.stream = stream
    }

    var memoryBytes: Int {
        links.capacity * MemoryLayout<Link>.stride + times.count * MemoryLayout<Int64>.stride
            + chains.capacity * (MemoryLayout<Int64>.stride + MemoryLayout<Int32>.stride)
    }

    mutating func set(key: Int, at time: EventTime, _ timers: inout TimerTimes) {
        guard !timers.isSet(key, of: stream, to: time) else { return }
        timers.set(key, of: stream, to: time)
        let milliseconds = time.milliseconds
        if let latest, latest.time == milliseconds {
            self.latest = (milliseconds, link(key, before: latest.first))
            return
        }
        stow()
        let known = chains[milliseconds]
        if known == nil {
            times.insert(milliseconds)
            chains[milliseconds] = Self.end
        }
        latest = (milliseconds, link(key, before: known ?? Self.end))
    }

    private mutating func link(_ key: Int, before next: Int32) -> Int32 {
        let link = Link(key: UInt32(key), next: next)
        guard free != Self.end else {
            links.append(link)
            return Int32(links.count - 1)
        }
        let place = free
        free = links[Int(place)].next
        links[Int(place)] = link
        return place
    }

    /// Puts the latest chain where the others are.
    private mutating func stow() {
        guard let latest else { return }
        chains[latest.time] = latest.first
        self.latest = nil
    }

    /// Frees the first link of a chain. Returns its key and the next one.
    private mutating func unlink(_ place: Int32) -> (key: Int, next: Int32) {
        let link = links[Int(place)]
        links[Int(place)].next = free
        free = place
        return (Int(link.key), link.next)
    }

    /// The earliest time that a timer is set for.
    mutating func next(_ timers: TimerTimes) -> EventTime? {
        while let first = times.first {
            let time = EventTime(milliseconds: first)
            if let latest, latest.time == first { stow() }
            var place = chains[first] ?? Self.end
            let before = place
            while place != Self.end, !timers.isSet(Int(links[Int(place)].key), of: stream, to: time) {
                place = unlink(place).next
            }
            if place != Self.end {
                if place != before { chains[first] = place }
                return time
            }
            forget(first)
        }
        return nil
    }

    /// Drops a time that nothing waits for. It is the first one.
    private mutating func forget(_ time: Int64) {
        chains[time] = nil
        _ = times.popFirst()
    }

    /// Takes out the keys whose timers are set for this time, which is the next.
    mutating func popAll(at time: EventTime, _ timers: inout TimerTimes, into keys: inout [Int]) {
        stow()
        keys.removeAll(keepingCapacity: true)
        guard var place = chains[time.milliseconds] else { return }
        while place != Self.end {
            let (key, next) = unlink(place)
            if timers.isSet(key, of: stream, to: time) {
                timers.delete(key)
                keys.append(key)
            }
            place = next
        }
        forget(time.milliseconds)
    }

    /// Deletes all timers.
    mutating func removeAll(_ timers: inout TimerTimes) {
        var keys: [Int] = []
        while let time = next(timers) { popAll(at: time, &timers, into: &keys) }
    }
}

/// A timer that is to fire now.
struct DueTimer {
    let rank: Int64
    /// The key's first bytes, which are usually enough to compare two keys.
    let firstBytes: UInt128
    let key: Int

    /// Whether it fires before another one; where both are alike, the rest of the keys' bytes decides.
    @inline(__always)
    func isAhead(of other: DueTimer) -> Bool {
        rank != other.rank ? rank < other.rank : firstBytes < other.firstBytes
    }

    @inline(__always)
    func isLike(_ other: DueTimer) -> Bool { rank == other.rank && firstBytes == other.firstBytes }
}
