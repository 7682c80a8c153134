import CBytes

/// Finds numbered values by their hashes: open addressing in shards that grow one by one, five bytes a place.
struct ValueIndex: ~Copyable {
    private struct Shard {
        var tags: [UInt8]
        var numbers: [UInt32]
        /// Places that are or were taken.
        var used = 0
        var live = 0

        init(places: Int) {
            tags = Array(repeating: Tag.empty, count: places)
            numbers = Array(repeating: 0, count: places)
        }
    }

    private enum Tag {
        static let empty: UInt8 = 0
        static let removed: UInt8 = 1
        static let first: UInt8 = 2
    }

    private static let shardBits: UInt64 = 6
    private static let leastPlaces = 8
    private var shards = (0..<1 << shardBits).map { _ in Shard(places: leastPlaces) }

    var memoryBytes: Int { shards.reduce(0) { $0 + $1.tags.count * 5 } }

    @inline(__always)
    private static func shard(_ hash: UInt64) -> Int { Int(hash >> (64 - shardBits)) }

    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt8 { max(UInt8(truncatingIfNeeded: hash), Tag.first) }

    /// Any number of places: a part of the hash as a fraction of them.
    @inline(__always)
    private static func home(_ hash: UInt64, of places: Int) -> Int {
        Int((hash >> 8 & 0xFFFF_FFFF) &* UInt64(places) >> 32)
    }

    func prefetch(_ hash: UInt64) {
        let shard = shards[Self.shard(hash)]
        let home = Self.home(hash, of: shard.tags.count)
        shard.tags.withUnsafeBufferPointer { assay_prefetch($0.baseAddress! + home) }
        shard.numbers.withUnsafeBufferPointer { assay_prefetch($0.baseAddress! + home) }
    }

    @inline(__always)
    func find(_ hash: UInt64, matches: (UInt32) -> Bool) -> UInt32? {
        let number = Self.shard(hash)
        let tag = Self.tag(hash)
        return shards[number].tags.withUnsafeBufferPointer { tags in
            var place = Self.home(hash, of: tags.count)
            while tags[place] != Tag.empty {
                if tags[place] == tag, matches(shards[number].numbers[place]) { return shards[number].numbers[place] }
                place = place + 1 == tags.count ? 0 : place + 1
            }
            return nil
        }
    }

    /// Adds a number that is not here. `hashOf`: of the numbers that are.
    mutating func insert(_ hash: UInt64, _ number: UInt32, hashOf: (UInt32) -> UInt64) {
        let shard = Self.shard(hash)
        // At seven eighths full, a search looks at a few neighbouring bytes.
        if (shards[shard].used + 1) * 8 > shards[shard].tags.count * 7 { rebuild(shard, hashOf) }
        Self.place(hash, number, in: &shards[shard])
    }

    private static func place(_ hash: UInt64, _ number: UInt32, in shard: inout Shard) {
        var place = home(hash, of: shard.tags.count)
        while shard.tags[place] >= Tag.first { place = place + 1 == shard.tags.count ? 0 : place + 1 }
        if shard.tags[place] == Tag.empty { shard.used += 1 }
        shard.tags[place] = tag(hash)
        shard.numbers[place] = number
        shard.live += 1
    }

    /// Without the places that nothing is at any more, and an eighth larger where that is not enough: many small steps
    /// leave less room unused.
    private mutating func rebuild(_ number: Int, _ hashOf: (UInt32) -> UInt64) {
        let old = shards[number]
        let places = old.live * 4 > old.tags.count * 3 ? old.tags.count + old.tags.count / 8 : old.tags.count
        shards[number] = Shard(places: places)
        for place in old.tags.indices where old.tags[place] >= Tag.first {
            Self.place(hashOf(old.numbers[place]), old.numbers[place], in: &shards[number])
        }
    }

    mutating func remove(_ hash: UInt64, _ number: UInt32) {
        let shard = Self.shard(hash)
        var place = Self.home(hash, of: shards[shard].tags.count)
        while shards[shard].tags[place] < Tag.first || shards[shard].numbers[place] != number {
            precondition(shards[shard].tags[place] != Tag.empty, "only what is here is removed")
            place = place + 1 == shards[shard].tags.count ? 0 : place + 1
        }
        shards[shard].tags[place] = Tag.removed
        shards[shard].live -= 1
    }
}
