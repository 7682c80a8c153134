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
/// Where many keys wait for the same few times, the ends of their windows, the keys of one time are a chain, so that
/// only times are put in order. Where each key has a time of its own, it has a chain of its own, too.
struct TimerQueue {
    /// A time that something waits for. Several may have the same one.
    private struct Moment: Comparable {
        let time: Int64
        /// The number of its chain.
        let chain: Int32

        static func < (left: Moment, right: Moment) -> Bool { left.time < right.time }
    }

    /// A key of a chain, and the next one.
    private struct Link {
        let key: UInt32
        var next: Int32
    }

    private let stream: Int
    private var moments = Heap<Moment>()
    /// By number, the first link of each chain; of one that is not in use, the number of the next such one. Chains
    /// contain replaced and deleted timers too.
    private var chains: [Int32] = []
    private var freeChain = Self.none
    private var links: [Link] = []
    /// The first of the links that are not in use.
    private var freeLink = Self.none
    /// Some of the latest moments, each at the place that its time has.
    private var latest: [Moment]

    private static let none: Int32 = -1
    private static let nothing = Moment(time: .min, chain: none)
    /// As many as `place` has.
    private static let latestCount = 8

    init(stream: Int) {
        self.stream = stream
        latest = Array(repeating: Self.nothing, count: Self.latestCount)
    }

    var memoryBytes: Int {
        moments.count * MemoryLayout<Moment>.stride + links.capacity * MemoryLayout<Link>.stride
            + chains.capacity * MemoryLayout<Int32>.stride
    }

    mutating func set(key: Int, at time: EventTime, _ timers: inout TimerTimes) {
        guard !timers.isSet(key, of: stream, to: time) else { return }
        timers.set(key, of: stream, to: time)
        let place = Self.place(time.milliseconds)
        if latest[place].time == time.milliseconds, latest[place].chain != Self.none {
            let chain = Int(latest[place].chain)
            chains[chain] = link(key, before: chains[chain])
            return
        }
        let moment = Moment(time: time.milliseconds, chain: newChain(link(key, before: Self.none)))
        moments.insert(moment)
        latest[place] = moment
    }

    @inline(__always)
    private static func place(_ time: Int64) -> Int {
        // Windows end at multiples of round numbers.
        Int((UInt64(bitPattern: time) &* 0x9E37_79B9_7F4A_7C15) >> 61)
    }

    @inline(__always)
    private mutating func newChain(_ first: Int32) -> Int32 {
        guard freeChain != Self.none else {
            chains.append(first)
            return Int32(chains.count - 1)
        }
        let chain = freeChain
        freeChain = chains[Int(chain)]
        chains[Int(chain)] = first
        return chain
    }

    @inline(__always)
    private mutating func link(_ key: Int, before next: Int32) -> Int32 {
        let link = Link(key: UInt32(key), next: next)
        guard freeLink != Self.none else {
            links.append(link)
            return Int32(links.count - 1)
        }
        let place = freeLink
        freeLink = links[Int(place)].next
        links[Int(place)] = link
        return place
    }

    /// Frees a link. Returns its key and the next one.
    @inline(__always)
    private mutating func unlink(_ place: Int32) -> (key: Int, next: Int32) {
        let link = links[Int(place)]
        links[Int(place)].next = freeLink
        freeLink = place
        return (Int(link.key), link.next)
    }

    /// Drops the first moment, whose chain is empty.
    private mutating func dropFirst() {
        guard let moment = moments.popFirst() else { return }
        chains[Int(moment.chain)] = freeChain
        freeChain = moment.chain
        let place = Self.place(moment.time)
        if latest[place].chain == moment.chain { latest[place] = Self.nothing }
    }

    /// The earliest time that a timer is set for.
    mutating func next(_ timers: TimerTimes) -> EventTime? {
        while let first = moments.first {
            let time = EventTime(milliseconds: first.time)
            var place = chains[Int(first.chain)]
            while place != Self.none, !timers.isSet(Int(links[Int(place)].key), of: stream, to: time) {
                place = unlink(place).next
                chains[Int(first.chain)] = place
            }
            if place != Self.none { return time }
            dropFirst()
        }
        return nil
    }

    /// Takes out the keys whose timers are set for this time, which is the next.
    mutating func popAll(at time: EventTime, _ timers: inout TimerTimes, into keys: inout [Int]) {
        keys.removeAll(keepingCapacity: true)
        while let first = moments.first, first.time == time.milliseconds {
            var place = chains[Int(first.chain)]
            while place != Self.none {
                let (key, next) = unlink(place)
                if timers.isSet(key, of: stream, to: time) {
                    timers.delete(key)
                    keys.append(key)
                }
                place = next
            }
            dropFirst()
        }
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
