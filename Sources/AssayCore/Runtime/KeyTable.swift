import CBytes

/// Every key with its state, found by the key's bytes. The states of some keys may be *away*: of those it only knows,
/// in eight bytes, the page of the log that has them.
///
/// Keys get dense indices; key and state of an index lie side by side in pages that never move. The hash table in
/// front is cut into shards that grow one by one, so that no element ever waits for all keys to be rehashed.
package struct KeyTable<State: ~Copyable>: ~Copyable {
    struct Entry: ~Copyable {
        fileprivate var key: StoredKey
        var state: State
        var saving = SavingMark()
    }

    private struct Shard {
        var slots: UnsafeMutablePointer<UInt64>
        var mask: UInt32
        var used: UInt32 = 0

        init(slotCount: Int) {
            slots = .allocate(capacity: slotCount)
            slots.initialize(repeating: 0, count: slotCount)
            mask = UInt32(slotCount - 1)
        }
    }

    private static var pageShift: Int { 10 }
    private static var pageCapacity: Int { 1 << pageShift }
    private static var firstSlotCount: Int { 16 }

    private var pages: [UnsafeMutablePointer<Entry>] = []
    private var chunks = MemoryChunks()
    private var shards: [Shard]
    private let shardShift: UInt64
    /// Indices that were in use and are free again.
    private var freeIndices: [UInt32] = []
    private var liveBits: [UInt64] = []
    private var nextIndex = 0

    /// The number of keys, including those that are away.
    private(set) var count = 0
    private(set) var awayCount = 0
    /// The bytes of long keys.
    private var keyBytes = 0
    private var slotCount: Int

    /// Marks the slot of a key that is away; the rest of the word is its page.
    private static var awayMark: UInt32 { 1 << 31 }

    /// `shardBits`: 2 to this power shards, 8 for very many keys, 0 for few.
    package init(shardBits: Int = 8) {
        precondition((0...16).contains(shardBits))
        shards = (0..<1 << shardBits).map { _ in Shard(slotCount: Self.firstSlotCount) }
        shardShift = UInt64(64 - shardBits)
        slotCount = Self.firstSlotCount << shardBits
    }

    /// The memory of keys and states that are not away, without the memory that states own.
    var memoryBytes: Int { pages.count * Self.pageCapacity * MemoryLayout<Entry>.stride + keyBytes }

    /// The memory of the index, including keys that are away.
    var indexBytes: Int { slotCount * 8 }

    /// Forgets everything without giving memory back that keys and states hold of their own: the process ends.
    mutating func abandon() {
        pages = []
        nextIndex = 0
    }

    deinit {
        for index in 0..<nextIndex where liveBits[index >> 6] & (1 << UInt64(index & 63)) != 0 {
            (pages[index >> Self.pageShift] + index & (Self.pageCapacity - 1)).deinitialize(count: 1)
        }
        for shard in shards { shard.slots.deallocate() }
    }

    // MARK: Looking up in steps, so that the memory of many keys can be prefetched at once

    @inline(__always)
    private func shardIndex(_ hash: UInt64) -> Int {
        // With a shift of 64 the only shard is 0.
        Int(truncatingIfNeeded: hash >> shardShift)
    }

    /// The part of the hash that a slot stores, including the position within the shard.
    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 16) }

    @inline(__always)
    func prefetchSlot(hash: UInt64) {
        let shard = shards[shardIndex(hash)]
        assay_prefetch(shard.slots + Int(Self.tag(hash) & shard.mask))
    }

    /// The index that the hash alone suggests, nil when the key is new or away. Prefetches its entry.
    @inline(__always)
    func candidate(hash: UInt64) -> Int? {
        let shard = shards[shardIndex(hash)]
        let tag = Self.tag(hash)
        var position = tag & shard.mask
        while true {
            let slot = shard.slots[Int(position)]
            if slot == 0 { return nil }
            let word = UInt32(truncatingIfNeeded: slot)
            if UInt32(truncatingIfNeeded: slot >> 32) == tag, word & Self.awayMark == 0 {
                assay_prefetch(entry(Int(word) - 1))
                return Int(word) - 1
            }
            position = (position + 1) & shard.mask
        }
    }

    @inline(__always)
    func prefetchEntry(_ index: Int) {
        assay_prefetch(entry(index))
    }

    @inline(__always)
    func isKey(_ index: Int, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
        entry(index).pointee.key == key
    }

    /// The index of a key, nil when it is new or away.
    package func find(_ key: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int? {
        let shard = shards[shardIndex(hash)]
        let tag = Self.tag(hash)
        var position = tag & shard.mask
        while true {
            let slot = shard.slots[Int(position)]
            if slot == 0 { return nil }
            let word = UInt32(truncatingIfNeeded: slot)
            if UInt32(truncatingIfNeeded: slot >> 32) == tag, word & Self.awayMark == 0, isKey(Int(word) - 1, key) {
                return Int(word) - 1
            }
            position = (position + 1) & shard.mask
        }
    }

    // MARK: Keys that are away

    /// The page, in its last 31 bits, of the one key with this hash that may be away; only the page can say whether it
    /// is.
    func awayPage(hash: UInt64) -> UInt32? {
        let shard = shards[shardIndex(hash)]
        return Self.awayPosition(tag: Self.tag(hash), in: shard).map {
            UInt32(truncatingIfNeeded: shard.slots[Int($0)]) & ~Self.awayMark
        }
    }

    /// A slot does not distinguish keys of one hash, so at most one of them may be away.
    func canSendAway(hash: UInt64) -> Bool { awayPage(hash: hash) == nil }

    mutating func sendAway(_ index: Int, hash: UInt64, page: UInt32) {
        precondition(canSendAway(hash: hash))
        let shard = shards[shardIndex(hash)]
        let position = Self.position(of: UInt32(index + 1), tag: Self.tag(hash), in: shard)
        shard.slots[Int(position)] = UInt64(Self.tag(hash)) << 32 | UInt64(page | Self.awayMark)
        release(index)
        awayCount += 1
    }

    /// Adds a key whose state was not loaded. Returns false when another of its hash is away already.
    mutating func insertAway(hash: UInt64, page: UInt32) -> Bool {
        guard awayPage(hash: hash) == nil else { return false }
        add(word: page | Self.awayMark, hash: hash)
        awayCount += 1
        return true
    }

    /// Notes that the key's entry was moved to another page.
    func moveAway(hash: UInt64, to page: UInt32) {
        let shard = shards[shardIndex(hash)]
        guard let position = Self.awayPosition(tag: Self.tag(hash), in: shard) else {
            preconditionFailure("no key of this hash is away")
        }
        shard.slots[Int(position)] = UInt64(Self.tag(hash)) << 32 | UInt64(page | Self.awayMark)
    }

    /// Brings back the key that is away with this hash.
    mutating func bringBack(_ key: UnsafeBufferPointer<UInt8>, hash: UInt64, state: consuming State) -> Int {
        let shard = shards[shardIndex(hash)]
        guard let position = Self.awayPosition(tag: Self.tag(hash), in: shard) else {
            preconditionFailure("no key of this hash is away")
        }
        let index = take(key, state: state)
        shard.slots[Int(position)] = UInt64(Self.tag(hash)) << 32 | UInt64(index + 1)
        awayCount -= 1
        return index
    }

    private static func awayPosition(tag: UInt32, in shard: Shard) -> UInt32? {
        var position = tag & shard.mask
        while case let slot = shard.slots[Int(position)], slot != 0 {
            if UInt32(truncatingIfNeeded: slot >> 32) == tag, UInt32(truncatingIfNeeded: slot) & awayMark != 0 {
                return position
            }
            position = (position + 1) & shard.mask
        }
        return nil
    }

    // MARK: Changing

    /// Adds a key that is not in the table.
    package mutating func insert(
        _ key: UnsafeBufferPointer<UInt8>, hash: UInt64, state: consuming State
    ) -> Int {
        let index = take(key, state: state)
        add(word: UInt32(index + 1), hash: hash)
        return index
    }

    /// Puts a key and its state in a free place.
    private mutating func take(_ key: UnsafeBufferPointer<UInt8>, state: consuming State) -> Int {
        let index: Int
        if let free = freeIndices.popLast() {
            index = Int(free)
        } else {
            index = nextIndex
            nextIndex += 1
            if index >> Self.pageShift == pages.count {
                let bytes = Self.pageCapacity * MemoryLayout<Entry>.stride
                pages.append(chunks.take(bytes).bindMemory(to: Entry.self, capacity: Self.pageCapacity))
                liveBits.append(contentsOf: repeatElement(0, count: Self.pageCapacity / 64))
            }
        }
        liveBits[index >> 6] |= 1 << UInt64(index & 63)
        entry(index).initialize(to: Entry(key: StoredKey(key), state: state))
        keyBytes += entry(index).pointee.key.heapBytes
        return index
    }

    private mutating func add(word: UInt32, hash: UInt64) {
        let shard = shardIndex(hash)
        // At three quarters full, a search still looks at only two or three neighbouring slots.
        if shards[shard].used >= (shards[shard].mask + 1) / 4 * 3 { grow(shard) }
        Self.place(tag: Self.tag(hash), word: word, in: &shards[shard])
        count += 1
    }

    /// Frees the place of a key and its state.
    private mutating func release(_ index: Int) {
        liveBits[index >> 6] &= ~(1 << UInt64(index & 63))
        keyBytes -= entry(index).pointee.key.heapBytes
        entry(index).deinitialize(count: 1)
        freeIndices.append(UInt32(index))
    }

    /// Removes a key; its index may be given to another.
    mutating func remove(_ index: Int, hash: UInt64) {
        Self.removeSlot(of: index, tag: Self.tag(hash), from: &shards[shardIndex(hash)])
        release(index)
        count -= 1
    }

    @inline(__always)
    private func entry(_ index: Int) -> UnsafeMutablePointer<Entry> {
        pages[index >> Self.pageShift] + (index & (Self.pageCapacity - 1))
    }

    /// The state of an index, in place.
    package subscript(index: Int) -> State {
        @inline(__always)
        _read { yield entry(index).pointee.state }
        @inline(__always)
        _modify { yield &entry(index).pointee.state }
    }

    /// All that there is of an index, in place, for those who need more than one thing of it. It stays there until its
    /// key is removed.
    @inline(__always)
    mutating func place(of index: Int) -> UnsafeMutablePointer<Entry> { entry(index) }

    /// The saving mark of an index's state.
    func saving(_ index: Int) -> SavingMark { entry(index).pointee.saving }

    func setSaving(_ index: Int, _ mark: SavingMark) { entry(index).pointee.saving = mark }

    /// The bytes of an index's key, valid inside the closure.
    func withKey<Result>(_ index: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        entry(index).pointee.key.withBytes(body)
    }

    /// Whether the key of an index comes before that of another one.
    func precedes(_ left: Int, _ right: Int) -> Bool {
        withKey(left) { left in withKey(right) { left.lexicographicallyPrecedes($0) } }
    }

    /// Greater than all indices that were ever in use.
    var indexEnd: Int { nextIndex }

    func isInUse(_ index: Int) -> Bool { liveBits[index >> 6] & (1 << UInt64(index & 63)) != 0 }

    /// The indices in use, ascending.
    var indices: some Sequence<Int> {
        (0..<nextIndex).lazy.filter { [liveBits] in liveBits[$0 >> 6] & (1 << UInt64($0 & 63)) != 0 }
    }

    // MARK: Slots

    private static func place(tag: UInt32, word: UInt32, in shard: inout Shard) {
        var position = tag & shard.mask
        while shard.slots[Int(position)] != 0 { position = (position + 1) & shard.mask }
        shard.slots[Int(position)] = UInt64(tag) << 32 | UInt64(word)
        shard.used += 1
    }

    private mutating func grow(_ number: Int) {
        let old = shards[number]
        let oldCount = Int(old.mask) + 1
        var larger = Shard(slotCount: oldCount * 2)
        slotCount += oldCount
        for position in 0..<oldCount where old.slots[position] != 0 {
            let slot = old.slots[position]
            Self.place(
                tag: UInt32(truncatingIfNeeded: slot >> 32), word: UInt32(truncatingIfNeeded: slot), in: &larger)
        }
        old.slots.deallocate()
        shards[number] = larger
    }

    private static func position(of word: UInt32, tag: UInt32, in shard: Shard) -> UInt32 {
        var position = tag & shard.mask
        while UInt32(truncatingIfNeeded: shard.slots[Int(position)]) != word { position = (position + 1) & shard.mask }
        return position
    }

    /// Empties a slot and moves the following ones up, so that searches need no tombstones.
    private static func removeSlot(of index: Int, tag: UInt32, from shard: inout Shard) {
        var hole = position(of: UInt32(index + 1), tag: tag, in: shard)
        var next = (hole + 1) & shard.mask
        while shard.slots[Int(next)] != 0 {
            let home = UInt32(truncatingIfNeeded: shard.slots[Int(next)] >> 32) & shard.mask
            // An entry may not move up past its home slot.
            if (next &- home) & shard.mask >= (next &- hole) & shard.mask {
                shard.slots[Int(hole)] = shard.slots[Int(next)]
                hole = next
            }
            next = (next + 1) & shard.mask
        }
        shard.slots[Int(hole)] = 0
        shard.used -= 1
    }
}

/// Which changes of a key's state were written, and where.
struct SavingMark {
    /// The last 32 bits of the page of the log that has the state; meaningless before the first.
    var page: UInt32 = 0
    var isInLog = false
    /// Whether it was used since the last search for states to evict.
    var wasUsed = true
    /// The cut that its change belongs to, 0 when there was none since the last write.
    var changedIn: UInt8 = 0
}
