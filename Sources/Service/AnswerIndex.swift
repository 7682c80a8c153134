/// Which transactions were answered or are on their way, by their ids: the newest first, and the oldest go first.
///
/// Entries have running numbers, from 1. Pure: times and places are what it is given.
struct AnswerIndex: Sendable {
    struct Entry: Equatable, Sendable {
        let idHash: UInt64
        let userHash: UInt32
        let seconds: UInt32
        /// The entry before it with the same home in the table.
        fileprivate var older: UInt64
        /// While it is pending what the owner of the index makes of it, then where the answer is.
        fileprivate(set) var place: UInt64
        fileprivate(set) var state: State
    }

    enum State: UInt8, Sendable {
        case pending, answered
        /// It was rejected after all.
        case gone
    }

    private var ring: [Entry]
    private var homes: [UInt64]
    private(set) var first: UInt64 = 1
    private(set) var next: UInt64 = 1
    private let limit: Int

    init(limit: Int) {
        precondition(limit > 0)
        self.limit = limit
        ring = Array(repeating: Self.none, count: 1 << 10)
        homes = Array(repeating: 0, count: 1 << 11)
    }

    private static let none = Entry(idHash: 0, userHash: 0, seconds: 0, older: 0, place: 0, state: .gone)

    var count: Int { Int(next - first) }

    subscript(number: UInt64) -> Entry { ring[slot(number)] }

    /// What became of an entry: its answer is at a place, or there is none.
    mutating func settle(_ number: UInt64, place: UInt64?) {
        let slot = slot(number)
        ring[slot].state = place == nil ? .gone : .answered
        ring[slot].place = place ?? 0
    }

    private func slot(_ number: UInt64) -> Int {
        precondition(number >= first && number < next, "an entry that is there")
        return Int(number & UInt64(ring.count - 1))
    }

    private func home(_ idHash: UInt64) -> Int { Int(truncatingIfNeeded: idHash) & (homes.count - 1) }

    /// The newest entry of an id that `isWanted` takes.
    func find(_ idHash: UInt64, _ isWanted: (UInt64, Entry) -> Bool) -> UInt64? {
        var number = homes[home(idHash)]
        while number >= first {
            let entry = ring[Int(number & UInt64(ring.count - 1))]
            if entry.idHash == idHash, entry.state != .gone, isWanted(number, entry) { return number }
            number = entry.older
        }
        return nil
    }

    /// Adds an entry, and returns its number.
    mutating func append(
        idHash: UInt64, userHash: UInt32, seconds: UInt32, place: UInt64, state: State
    ) -> UInt64 {
        if count >= limit { dropOldest() }
        if count == ring.count { grow() }
        let number = next
        next += 1
        let home = home(idHash)
        ring[Int(number & UInt64(ring.count - 1))] = Entry(
            idHash: idHash, userHash: userHash, seconds: seconds, older: homes[home], place: place, state: state)
        homes[home] = number
        return number
    }

    /// Forgets what was answered before a time.
    mutating func drop(before seconds: UInt32) {
        while count > 0, self[first].seconds < seconds, self[first].state != .pending { first += 1 }
    }

    /// One that is on its way is not forgotten before it is answered.
    private mutating func dropOldest() {
        while count >= limit, self[first].state != .pending { first += 1 }
    }

    private mutating func grow() {
        let old = ring
        ring = Array(repeating: Self.none, count: 2 * old.count)
        homes = Array(repeating: 0, count: 4 * old.count)
        for number in first..<next {
            var entry = old[Int(number & UInt64(old.count - 1))]
            let home = home(entry.idHash)
            entry.older = homes[home]
            homes[home] = number
            ring[Int(number & UInt64(ring.count - 1))] = entry
        }
    }
}
