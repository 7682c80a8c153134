import CBytes
import Glibc

/// The state of one user: a few counters, and one block of memory for the lists, each as long as it needs to be. An
/// average user takes a cache line here and three or four in the block.
///
/// The block belongs to a pool: pass the pool to add something, and give the block back before dropping a state.
///
/// The block's parts, in eight-byte words: amounts, places, recent transactions, types, event times. Amounts, places
/// and types are in order of use, the latest first; the event times follow the order of the types, ascending in each.
/// The last words of the block say where the user's other memory is: that of a model, and before it the sequences that
/// patterns have begun, where there are any.
package struct UserState: ~Copyable {
    package static let mostCurrencies = 8
    package static let mostPlaces = 16
    package static let mostTypes = 16
    package static let recentCapacity = 16
    /// A user who has really changed is learned anew after so many.
    package static let mostSpared: UInt8 = 16

    /// The statistics of the amounts in one currency (Welford's running mean and sum of squares).
    package struct AmountHistory {
        package var currency: CurrencyCode
        package var count: UInt64 = 0
        package var mean = 0.0
        package var squares = 0.0

        mutating func add(_ amount: Double) {
            count += 1
            let difference = amount - mean
            mean += difference / Double(count)
            squares += difference * (amount - mean)
        }
    }

    /// One type that the user makes transactions of, and how many of its event times are stored.
    package struct TypeHistory {
        package var symbol: UInt32
        var timeCount: UInt32
    }

    private enum Words {
        static let amount = MemoryLayout<AmountHistory>.stride / 8
        static let place = MemoryLayout<Location>.stride / 8
    }

    // Forty bytes in all: with its key and the table's marks, a user fills a cache line.
    private var block: UnsafeMutablePointer<UInt64>?
    /// Accepted transactions.
    package var transactions: UInt64 = 0
    private var lastMilliseconds: Int64 = -1
    private var habits: UInt32 = 0
    private(set) var timeCount: UInt32 = 0
    private var amountCount: UInt8 = 0
    private var placeCount: UInt8 = 0
    private var recentCount: UInt8 = 0
    /// Where the next one goes once all places are taken: the place of the oldest.
    private var nextRecent: UInt8 = 0
    private var typeCount: UInt8 = 0
    private var capacity = BlockCapacity.none

    private static let weekendHabit: UInt32 = 1 << 24
    private static let sequencesHabit: UInt32 = 1 << 25
    /// Above them: how many in a row taught nothing.
    private static let sparedShift: UInt32 = 26
    private static let sparedMask: UInt32 = 31 << sparedShift
    private static let modelHabit: UInt32 = 1 << 31

    /// The hours of the day that were seen.
    package var hours: HourSet {
        get { HourSet(bits: habits & (Self.weekendHabit - 1)) }
        set { habits = newValue.bits | habits & ~(Self.weekendHabit - 1) }
    }

    package var seenOnWeekend: Bool {
        get { habits & Self.weekendHabit != 0 }
        set { habits = habits & ~Self.weekendHabit | (newValue ? Self.weekendHabit : 0) }
    }

    /// The event time of the latest accepted one that was not early, if there was one.
    @inline(__always)
    package var lastTime: EventTime? {
        get { lastMilliseconds < 0 ? nil : EventTime(milliseconds: lastMilliseconds) }
        set { lastMilliseconds = newValue?.milliseconds ?? -1 }
    }

    /// How many in a row, up to this one, taught nothing.
    package var sparedInARow: UInt8 {
        get { UInt8((habits & Self.sparedMask) >> Self.sparedShift) }
        set {
            precondition(newValue <= Self.mostSpared, "only so many are spared in a row")
            habits = habits & ~Self.sparedMask | UInt32(newValue) << Self.sparedShift
        }
    }

    var hasSequences: Bool { habits & Self.sequencesHabit != 0 }
    @inline(__always)
    private var hasModelPlace: Bool { habits & Self.modelHabit != 0 }

    /// The words at the end of the block that are taken.
    @inline(__always)
    private var tailCount: Int { Int((habits & Self.sequencesHabit) >> 25 + (habits & Self.modelHabit) >> 31) }

    // MARK: Reading

    private var placesStart: Int { Int(amountCount) * Words.amount }
    private var recentStart: Int { placesStart + Int(placeCount) * Words.place }
    private var typesStart: Int { recentStart + Int(recentCount) }
    private var timesStart: Int { typesStart + Int(typeCount) }
    private var wordCount: Int { timesStart + Int(timeCount) }

    private func view<Element>(_ start: Int, _ count: Int) -> UnsafeMutableBufferPointer<Element> {
        guard let block else { return UnsafeMutableBufferPointer(start: nil, count: 0) }
        let first = UnsafeMutableRawPointer(block + start).assumingMemoryBound(to: Element.self)
        return UnsafeMutableBufferPointer(start: first, count: count)
    }

    // Each of these is valid until something is added or removed.
    package var amounts: UnsafeMutableBufferPointer<AmountHistory> { view(0, Int(amountCount)) }
    package var places: UnsafeMutableBufferPointer<Location> { view(placesStart, Int(placeCount)) }
    /// Hashes of transaction ids, unordered; `forEachRecent` gives their order.
    package var recent: UnsafeMutableBufferPointer<UInt64> { view(recentStart, Int(recentCount)) }
    package var types: UnsafeMutableBufferPointer<TypeHistory> { view(typesStart, Int(typeCount)) }

    /// The event times in milliseconds of the type at an index, ascending.
    @inline(__always)
    package func times(ofType index: Int) -> UnsafeMutableBufferPointer<Int64> {
        let types = types
        var start = timesStart
        for earlier in 0..<index { start += Int(types[earlier].timeCount) }
        return view(start, Int(types[index].timeCount))
    }

    /// Hashes of transaction ids, the oldest first.
    package func forEachRecent(_ body: (UInt64) -> Void) {
        let recent = recent
        for index in recent.indices { body(recent[(index + Int(nextRecent)) % recent.count]) }
    }

    /// The size of the block.
    @inline(__always)
    var blockBytes: Int { capacity.words * 8 }

    /// Prefetches the state itself.
    static func prefetch(_ place: UnsafeMutablePointer<UserState>) { assay_prefetch(place) }

    func prefetchBlock() {
        guard let block else { return }
        let bytes = UnsafeRawPointer(block)
        for line in 0...(min(wordCount, 40) / 8) { assay_prefetch(bytes + line * 64) }
    }

    // MARK: Changing

    /// Makes the history of this currency the latest used, beginning with an empty one when it is new.
    mutating func useAmounts(of currency: CurrencyCode, in pool: inout BlockPool) {
        var amounts = amounts
        let index: Int
        if let known = amounts.firstIndex(where: { $0.currency == currency }) {
            index = known
        } else {
            if amounts.count < Self.mostCurrencies {
                insertWords(Words.amount, at: 0, in: &pool)
                amountCount += 1
                amounts = self.amounts
                index = 0
            } else {
                index = amounts.count - 1
            }
            amounts[index] = AmountHistory(currency: currency)
        }
        amounts.moveToFront(index)
    }

    /// The place of the user's open sequences among those of all users.
    var sequences: Int? {
        hasSequences ? Int(block![capacity.words - tailCount]) : nil
    }

    mutating func setSequences(_ place: Int?, in pool: inout BlockPool) {
        guard let place else {
            habits &= ~Self.sequencesHabit
            return
        }
        if !hasSequences {
            reserve(words: wordCount + 1, in: &pool)
            habits |= Self.sequencesHabit
        }
        block![capacity.words - tailCount] = UInt64(place)
    }

    /// Where a model remembers the user.
    @inline(__always)
    package var modelPlace: UserPlace? {
        hasModelPlace ? UserPlace(bits: block![capacity.words - 1]) : nil
    }

    @inline(__always)
    mutating func setModelPlace(_ place: UserPlace, in pool: inout BlockPool) {
        if !hasModelPlace { makeRoomForModelPlace(in: &pool) }
        block![capacity.words - 1] = place.bits
    }

    private mutating func makeRoomForModelPlace(in pool: inout BlockPool) {
        let sequences = sequences
        reserve(words: wordCount + 1, in: &pool)
        habits |= Self.modelHabit
        if let sequences { block![capacity.words - tailCount] = UInt64(sequences) }
    }

    /// The model forgets the user.
    mutating func forgetModelPlace() {
        guard hasModelPlace else { return }
        let sequences = sequences
        habits &= ~Self.modelHabit
        if let sequences { block![capacity.words - tailCount] = UInt64(sequences) }
    }

    mutating func visitPlace(_ index: Int) {
        places.moveToFront(index)
    }

    /// Adds a place as the latest visited. The one visited longest ago makes room if necessary.
    mutating func addPlace(_ place: Location, in pool: inout BlockPool) {
        if places.count < Self.mostPlaces {
            insertWords(Words.place, at: placesStart, in: &pool)
            placeCount += 1
            places[0] = place
        } else {
            places[Self.mostPlaces - 1] = place
            places.moveToFront(Self.mostPlaces - 1)
        }
    }

    mutating func addRecent(_ idHash: UInt64, in pool: inout BlockPool) {
        if recentCount < UInt8(Self.recentCapacity) {
            insertWords(1, at: typesStart, in: &pool)
            recentCount += 1
            recent[Int(recentCount) - 1] = idHash
        } else {
            recent[Int(nextRecent)] = idHash
            nextRecent = (nextRecent + 1) % UInt8(Self.recentCapacity)
        }
    }

    /// Makes the type at an index the latest used, its event times with it.
    mutating func useType(_ index: Int) {
        guard index > 0 else { return }
        let own = times(ofType: index)
        let all: UnsafeMutableBufferPointer<Int64> = view(timesStart, Int(timeCount))
        let start = own.baseAddress! - all.baseAddress!
        all.rotateRight(start..<start + own.count)
        types.moveToFront(index)
    }

    /// Adds a type as the latest used. Returns the symbol of the type that had to make room.
    mutating func addType(_ symbol: UInt32, in pool: inout BlockPool) -> UInt32? {
        var replaced: UInt32?
        if typeCount == UInt8(Self.mostTypes) {
            let last = types[Self.mostTypes - 1]
            replaced = last.symbol
            removeWords(Int(last.timeCount), at: wordCount - Int(last.timeCount), in: &pool)
            timeCount -= last.timeCount
            removeWords(1, at: timesStart - 1, in: &pool)
            typeCount -= 1
        }
        insertWords(1, at: typesStart, in: &pool)
        typeCount += 1
        types[0] = TypeHistory(symbol: symbol, timeCount: 0)
        return replaced
    }

    /// Adds an event time to the type used last, and drops those up to `forgotten` and the earliest beyond `limit`.
    mutating func addTime(
        _ time: EventTime, forgettingUpTo forgotten: Int64, limit: Int, in pool: inout BlockPool
    ) {
        let times = times(ofType: 0)
        let stale = times.countUp(to: forgotten)
        guard time.milliseconds > forgotten else { return removeTimes(stale, in: &pool) }
        let position = times.countUp(to: time.milliseconds)
        if stale == 0, times.count < limit {
            insertWords(1, at: timesStart + position, in: &pool)
            timeCount += 1
            types[0].timeCount += 1
            self.times(ofType: 0)[position] = time.milliseconds
            return
        }
        // One of the earliest has to go, and the new one takes its room.
        if position > 0 {
            for index in 1..<position { times[index - 1] = times[index] }
            times[position - 1] = time.milliseconds
        }
        removeTimes(max(stale, times.count - limit + 1) - 1, in: &pool)
    }

    private mutating func removeTimes(_ count: Int, in pool: inout BlockPool) {
        guard count > 0 else { return }
        removeWords(count, at: timesStart, in: &pool)
        timeCount -= UInt32(count)
        types[0].timeCount -= UInt32(count)
    }

    // MARK: Loading

    /// Makes room for all amounts of a state that has none; fill it at once.
    mutating func makeAmounts(_ count: Int, in pool: inout BlockPool) -> UnsafeMutableBufferPointer<AmountHistory> {
        precondition(amountCount == 0)
        insertWords(count * Words.amount, at: 0, in: &pool)
        amountCount = UInt8(count)
        return amounts
    }

    /// The same for places.
    mutating func makePlaces(_ count: Int, in pool: inout BlockPool) -> UnsafeMutableBufferPointer<Location> {
        precondition(placeCount == 0)
        insertWords(count * Words.place, at: placesStart, in: &pool)
        placeCount = UInt8(count)
        return places
    }

    /// Adds a type as the one used longest ago.
    mutating func appendType(_ symbol: UInt32, in pool: inout BlockPool) {
        precondition(typeCount < UInt8(Self.mostTypes))
        insertWords(1, at: timesStart, in: &pool)
        typeCount += 1
        types[Int(typeCount) - 1] = TypeHistory(symbol: symbol, timeCount: 0)
    }

    /// Adds the latest event time of the type that was appended last.
    mutating func appendTime(_ time: EventTime, in pool: inout BlockPool) {
        insertWords(1, at: wordCount, in: &pool)
        timeCount += 1
        types[Int(typeCount) - 1].timeCount += 1
        view(wordCount - 1, 1)[0] = time.milliseconds
    }

    // MARK: The block

    /// Makes room at once for what will be added step by step.
    mutating func reserve(words: Int, in pool: inout BlockPool) {
        let used = wordCount
        if words > usableWords {
            move(to: BlockCapacity(words: words + tailCount), holeAt: used, used: used, hole: 0, in: &pool)
        }
    }

    /// The capacity, without the last words that are taken.
    @inline(__always)
    private var usableWords: Int { capacity.words - tailCount }

    @inline(__always)
    private mutating func insertWords(_ count: Int, at index: Int, in pool: inout BlockPool) {
        let used = wordCount
        if used + count > usableWords {
            move(
                to: BlockCapacity(words: used + count + tailCount), holeAt: index, used: used, hole: count,
                in: &pool)
        } else {
            memmove(block! + index + count, block! + index, (used - index) * 8)
        }
    }

    private mutating func removeWords(_ count: Int, at index: Int, in pool: inout BlockPool) {
        let used = wordCount
        let hole = block! + index
        memmove(hole, hole + count, (used - index - count) * 8)
        let rest = used - count
        // A burst long ago should not keep its memory.
        if capacity.words > 64, rest < capacity.words / 4 {
            move(to: BlockCapacity(words: rest + tailCount), holeAt: rest, used: rest, hole: 0, in: &pool)
        }
    }

    /// Moves to a block of another capacity, leaving a hole of some words.
    @inline(never)
    private mutating func move(
        to larger: BlockCapacity, holeAt index: Int, used: Int, hole: Int, in pool: inout BlockPool
    ) {
        let room = pool.take(larger)
        if let block {
            memcpy(room, block, index * 8)
            memcpy(room + index + hole, block + index, (used - index) * 8)
            for place in 1..<tailCount + 1 { room[larger.words - place] = block[capacity.words - place] }
            pool.giveBack(block, capacity)
        }
        block = room
        capacity = larger
    }

    /// Empties the state and returns its block.
    package mutating func giveBack(to pool: inout BlockPool) {
        if let block { pool.giveBack(block, capacity) }
        self = UserState()
    }
}

extension UnsafeMutableBufferPointer {
    /// Moves an element to the front, those before it back by one.
    @inline(__always)
    fileprivate func moveToFront(_ index: Int) {
        guard index > 0 else { return }
        let element = self[index]
        var position = index
        while position > 0 {
            self[position] = self[position - 1]
            position -= 1
        }
        self[0] = element
    }

    /// Moves a range of elements to the front; those before it follow.
    fileprivate func rotateRight(_ range: Range<Int>) {
        if range.count == 1 { return moveToFront(range.lowerBound) }
        withUnsafeTemporaryAllocation(of: Element.self, capacity: range.count) { moved in
            for index in 0..<range.count { moved.initializeElement(at: index, to: self[range.lowerBound + index]) }
            for position in stride(from: range.upperBound - 1, through: range.count, by: -1) {
                self[position] = self[position - range.count]
            }
            for index in 0..<range.count { self[index] = moved[index] }
            moved.deinitialize()
        }
    }
}

extension UnsafeMutableBufferPointer<Int64> {
    /// How many of the ascending values are at most `bound`.
    @inline(__always)
    func countUp(to bound: Int64) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] <= bound { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
