import CBytes

/// Finds numbered values by their hashes: open addressing in shards that grow one by one, five bytes a place. Sixteen
/// places are looked at together.
struct ValueIndex: ~Copyable {
    private struct Shard {
        /// After the last place the first ones come again, so that any sixteen lie together.
        let tags: UnsafeMutablePointer<UInt8>
        let numbers: UnsafeMutablePointer<UInt32>
        let places: Int
        /// Places that are or were taken.
        var used = 0
        var live = 0

        init(places: Int) {
            self.places = places
            tags = .allocate(capacity: places + ValueIndex.group)
            tags.initialize(repeating: Tag.empty, count: places + ValueIndex.group)
            numbers = .allocate(capacity: places)
            numbers.initialize(repeating: 0, count: places)
        }

        func set(_ tag: UInt8, at place: Int) {
            tags[place] = tag
            if place < ValueIndex.group { tags[places + place] = tag }
        }

        func deallocate() {
            tags.deallocate()
            numbers.deallocate()
        }
    }

    private enum Tag {
        static let empty: UInt8 = 0
        static let removed: UInt8 = 1
        static let first: UInt8 = 2
    }

    private static let group = 16
    private static let shardBits: UInt64 = 6
    private var shards = (0..<1 << shardBits).map { _ in Shard(places: group) }

    init() {}

    deinit { for shard in shards { shard.deallocate() } }

    var memoryBytes: Int { shards.reduce(0) { $0 + $1.places * 5 + Self.group } }

    @inline(__always)
    private static func shard(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> (64 - shardBits)) }

    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt8 { max(UInt8(truncatingIfNeeded: hash), Tag.first) }

    /// Any number of places: a part of the hash as a fraction of them.
    @inline(__always)
    private static func home(_ hash: UInt64, of places: Int) -> Int {
        Int(truncatingIfNeeded: (hash >> 8 & 0xFFFF_FFFF) &* UInt64(truncatingIfNeeded: places) >> 32)
    }

    @inline(__always)
    func prefetch(_ hash: UInt64) {
        let shard = shards[Self.shard(hash)]
        let home = Self.home(hash, of: shard.places)
        // A group may begin in one line and end in the next.
        assay_prefetch(shard.tags + home)
        assay_prefetch(shard.tags + home + Self.group - 1)
        assay_prefetch(shard.numbers + home)
        assay_prefetch(shard.numbers + home + Self.group - 1)
    }

    /// The first number that the hash may be of.
    @inline(__always)
    func candidate(_ hash: UInt64) -> UInt32? {
        find(hash) { _ in true }
    }

    @inline(__always)
    func find(_ hash: UInt64, matches: (UInt32) -> Bool) -> UInt32? {
        let shard = shards[Self.shard(hash)]
        let tag = Self.tag(hash)
        var start = Self.home(hash, of: shard.places)
        while true {
            let found = assay_match_bytes(shard.tags + start, tag, Tag.empty)
            // What comes after an empty place was not put there for this hash.
            var rest = found.one & ((found.other & (0 &- found.other)) &- 1)
            while rest != 0 {
                let number = shard.numbers[Self.wrapped(start &+ rest.trailingZeroBitCount, shard.places)]
                if matches(number) { return number }
                rest &= rest &- 1
            }
            if found.other != 0 { return nil }
            start = Self.wrapped(start &+ Self.group, shard.places)
        }
    }

    @inline(__always)
    private static func wrapped(_ place: Int, _ places: Int) -> Int { place < places ? place : place &- places }

    /// Adds a number that is not here. `hashOf`: of the numbers that are.
    mutating func insert(_ hash: UInt64, _ number: UInt32, hashOf: (UInt32) -> UInt64) {
        let shard = Self.shard(hash)
        // At seven eighths full, two or three groups are looked at.
        if (shards[shard].used + 1) * 8 > shards[shard].places * 7 { rebuild(shard, hashOf) }
        Self.place(hash, number, in: &shards[shard])
    }

    private static func place(_ hash: UInt64, _ number: UInt32, in shard: inout Shard) {
        var place = home(hash, of: shard.places)
        while shard.tags[place] >= Tag.first { place = wrapped(place &+ 1, shard.places) }
        if shard.tags[place] == Tag.empty { shard.used += 1 }
        shard.set(tag(hash), at: place)
        shard.numbers[place] = number
        shard.live += 1
    }

    /// Without the places that nothing is at any more, and a quarter larger where that is not enough: smaller steps
    /// leave less room unused.
    private mutating func rebuild(_ number: Int, _ hashOf: (UInt32) -> UInt64) {
        let old = shards[number]
        let isFull = old.live * 4 > old.places * 3
        var new = Shard(places: isFull ? old.places + max(old.places / 4, Self.group) : old.places)
        for place in 0..<old.places where old.tags[place] >= Tag.first {
            Self.place(hashOf(old.numbers[place]), old.numbers[place], in: &new)
        }
        old.deallocate()
        shards[number] = new
    }

    mutating func remove(_ hash: UInt64, _ number: UInt32) {
        let shard = Self.shard(hash)
        let places = shards[shard].places
        var place = Self.home(hash, of: places)
        while shards[shard].tags[place] < Tag.first || shards[shard].numbers[place] != number {
            precondition(shards[shard].tags[place] != Tag.empty, "only what is here is removed")
            place = Self.wrapped(place &+ 1, places)
        }
        shards[shard].set(Tag.removed, at: place)
        shards[shard].live -= 1
    }
}
