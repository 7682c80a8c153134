import CBytes
import Glibc

/// Transactions that wait for their labels, in order of arrival, found by the hashes of their ids.
///
/// Entries have ascending numbers and lie one after another in chunks. An index belongs to a range of numbers: in it
/// each entry names the one before it whose hash falls into the same bucket, so the newest comes first, and the oldest
/// leaves without anything being rewritten: what is older than all that wait ends a chain. A full index gets a
/// successor, so that nothing is ever indexed again.
struct PendingEntries: ~Copyable {
    /// Where the parts of an entry are.
    struct Layout {
        static let idHash = 0
        /// The clock at its transaction, above the status.
        static let clock = 8
        static let next = 16
        static let values = 20
        let bins: Int
        let stride: Int
        let keys: Int
        let inputs: Int

        init(keys: Int, inputs: Int) {
            (self.keys, self.inputs) = (keys, inputs)
            bins = Self.values + 4 * keys
            precondition(inputs % PackedBins.count == 0, "bins are packed by fours")
            stride = (bins + inputs / PackedBins.count * PackedBins.bytes + 3) & ~3
        }
    }

    /// What became of an entry so far.
    struct Status: Equatable {
        var bits: UInt8 = 0

        private static func pair(_ fraud: Bool?) -> UInt8 { fraud.map { $0 ? 2 : 1 } ?? 0 }
        private static func fraud(_ pair: UInt8) -> Bool? { pair == 0 ? nil : pair == 2 }

        /// What its last label says.
        var label: Bool? {
            get { Self.fraud(bits & 3) }
            set { bits = bits & ~3 | Self.pair(newValue) }
        }

        /// What the memories hold of it.
        var held: Bool? {
            get { Self.fraud(bits >> 2 & 3) }
            set { bits = bits & ~12 | Self.pair(newValue) << 2 }
        }

        var hasMatured: Bool {
            get { bits & 16 != 0 }
            set { bits = bits & ~16 | (newValue ? 16 : 0) }
        }

        /// Its labels are not believed any more: without a new one it teaches nothing, as nobody knows what it was.
        var isDoubtful: Bool {
            get { bits & 32 != 0 }
            set { bits = bits & ~32 | (newValue ? 32 : 0) }
        }

        static func isValid(_ bits: UInt8) -> Bool { bits & 3 != 3 && bits & 12 != 12 && bits < 64 }
    }

    /// Entries whose clocks ascend: a clock that was fast and set back begins another run.
    struct Run: Equatable {
        var first: UInt64
        /// The first that has not matured.
        var ripe: UInt64
        var end: UInt64
        /// The clock of the last one.
        var clock: Int64
    }

    private struct RecentChunk {
        var number = UInt64.max
        var start = UnsafeMutableRawPointer(bitPattern: 1)!
    }

    private static let recentCount = 64
    /// The index of some entries: for each bucket, the newest in it.
    private struct Index {
        let first: UInt64
        let capacity: UInt64
        let buckets: UnsafeMutablePointer<UInt32>
        private let mask: UInt64

        init(first: UInt64, capacity: UInt64) {
            (self.first, self.capacity) = (first, capacity)
            let count = Int(capacity / Self.entriesOfBucket)
            buckets = .allocate(capacity: count)
            buckets.initialize(repeating: UInt32.max, count: count)
            mask = UInt64(count - 1)
        }

        private static let entriesOfBucket: UInt64 = 2

        var bytes: Int { Int(capacity / Self.entriesOfBucket) * 4 }

        @inline(__always)
        func bucket(_ hash: UInt64) -> UnsafeMutablePointer<UInt32> { buckets + Int(hash & mask) }
    }

    private static let leastIndexed: UInt64 = 1 << 14
    /// So many indices share the entries, about.
    private static let indexParts: UInt64 = 4

    static let noValue = UInt32.max
    static let chunkEntries: UInt64 = 512

    let layout: Layout
    private(set) var runs: [Run] = []
    private var chunks: [UInt64: UnsafeMutableRawPointer] = [:]
    /// Those used last, by their last bits: a dictionary takes longer than what is done with an entry.
    private var recent = [RecentChunk](repeating: RecentChunk(), count: recentCount)
    /// Those that were not needed while a cut kept them.
    private var deferred: [UInt64] = []
    private var spare: [UnsafeMutableRawPointer] = []
    /// The number of the next entry.
    private(set) var end: UInt64 = 1
    private(set) var count = 0
    private(set) var waiting = 0
    /// Chunks below this may be needed by a cut although all their entries are gone.
    var keptFrom: UInt64 = .max
    /// The oldest first.
    private var indices: [Index] = []

    init(layout: Layout) {
        self.layout = layout
    }

    deinit {
        for chunk in chunks.values { chunk.deallocate() }
        for chunk in spare { chunk.deallocate() }
        for index in indices { index.buckets.deallocate() }
    }

    var memoryBytes: Int {
        chunks.count * (Int(Self.chunkEntries) * layout.stride + 64) + indices.reduce(0) { $0 + $1.bytes }
    }

    /// The oldest that is here.
    var oldest: UInt64 { runs.first?.first ?? end }

    // MARK: Parts of an entry

    @inline(__always)
    private mutating func entry(_ number: UInt64) -> UnsafeMutableRawPointer {
        let chunk = number / Self.chunkEntries
        let place = Int(chunk % UInt64(Self.recentCount))
        if recent[place].number != chunk { recent[place] = find(chunk: chunk) }
        return recent[place].start + Int(number % Self.chunkEntries) * layout.stride
    }

    @inline(never)
    private func find(chunk: UInt64) -> RecentChunk {
        guard let start = chunks[chunk] else { preconditionFailure("the entries of chunk \(chunk) are gone") }
        return RecentChunk(number: chunk, start: start)
    }

    mutating func idHash(_ number: UInt64) -> UInt64 { entry(number).loadUnaligned(as: UInt64.self) }

    mutating func clock(_ number: UInt64) -> Int64 {
        Int64(entry(number).loadUnaligned(fromByteOffset: Layout.clock, as: UInt64.self) >> 16)
    }

    mutating func status(_ number: UInt64) -> Status {
        Status(bits: entry(number).load(fromByteOffset: Layout.clock, as: UInt8.self))
    }

    mutating func set(_ status: Status, of number: UInt64) {
        entry(number).storeBytes(of: status.bits, toByteOffset: Layout.clock, as: UInt8.self)
    }

    mutating func value(_ number: UInt64, ofKey key: Int) -> Int? {
        let value = entry(number).loadUnaligned(fromByteOffset: Layout.values + 4 * key, as: UInt32.self)
        return value == Self.noValue ? nil : Int(value)
    }

    mutating func forgetValue(_ number: UInt64, ofKey key: Int) {
        entry(number).storeBytes(of: Self.noValue, toByteOffset: Layout.values + 4 * key, as: UInt32.self)
    }

    mutating func bins(_ number: UInt64, into bins: UnsafeMutableBufferPointer<UInt8>) {
        var packed = UnsafeRawPointer(entry(number)) + layout.bins
        var bins = UnsafeMutableRawPointer(bins.baseAddress!)
        for _ in 0..<layout.inputs / PackedBins.count {
            bins.storeBytes(of: PackedBins(packed).bins, as: UInt32.self)
            packed += PackedBins.bytes
            bins += PackedBins.count
        }
    }

    @inline(__always)
    mutating func prefetch(_ number: UInt64) {
        if number < end { assay_prefetch(entry(number)) }
    }

    // MARK: Arriving and leaving

    /// Adds the newest entry.
    mutating func append(
        _ idHash: UInt64, clock: Int64, values: UnsafeBufferPointer<UInt32>, bins: UnsafeBufferPointer<UInt8>
    ) {
        let number = end
        let chunk = number / Self.chunkEntries
        if recent[Int(chunk % UInt64(Self.recentCount))].number != chunk, chunks[chunk] == nil { addChunk(chunk) }
        end += 1
        let entry = entry(number)
        fill(entry, idHash, clock, values, bins)
        note(number, clock)
        link(number, idHash)
    }

    /// Puts an entry of a loaded state where it was; see `decode`.
    mutating func put(_ number: UInt64, _ idHash: UInt64, clock: Int64, values: [UInt32], bins: [UInt8]) {
        let chunk = number / Self.chunkEntries
        if chunks[chunk] == nil { addChunk(chunk) }
        values.withUnsafeBufferPointer { values in
            bins.withUnsafeBufferPointer { fill(entry(number), idHash, clock, values, $0) }
        }
    }

    private func fill(
        _ entry: UnsafeMutableRawPointer, _ idHash: UInt64, _ clock: Int64, _ values: UnsafeBufferPointer<UInt32>,
        _ bins: UnsafeBufferPointer<UInt8>
    ) {
        entry.storeBytes(of: idHash, as: UInt64.self)
        entry.storeBytes(of: UInt64(clock) << 16, toByteOffset: Layout.clock, as: UInt64.self)
        for (key, value) in values.enumerated() {
            entry.storeBytes(of: value, toByteOffset: Layout.values + 4 * key, as: UInt32.self)
        }
        // What the bins leave of the last word is the same always.
        entry.storeBytes(of: 0, toByteOffset: layout.stride - 4, as: UInt32.self)
        pack(bins, into: entry + layout.bins)
    }

    private func pack(_ bins: UnsafeBufferPointer<UInt8>, into packed: UnsafeMutableRawPointer) {
        precondition(bins.count == layout.inputs, "each input has a bin")
        var (packed, bins) = (packed, UnsafeRawPointer(bins.baseAddress!))
        for _ in 0..<layout.inputs / PackedBins.count {
            PackedBins(bins: bins.loadUnaligned(as: UInt32.self)).store(at: packed)
            packed += PackedBins.bytes
            bins += PackedBins.count
        }
    }

    private mutating func note(_ number: UInt64, _ clock: Int64) {
        count += 1
        waiting += 1
        if let last = runs.last, clock >= last.clock, last.end == number {
            runs[runs.count - 1].end = number + 1
            runs[runs.count - 1].clock = clock
        } else {
            runs.append(Run(first: number, ripe: number, end: number + 1, clock: clock))
        }
    }

    private mutating func addChunk(_ number: UInt64) {
        let bytes = Int(Self.chunkEntries) * layout.stride + 64
        if let chunk = spare.popLast() {
            chunks[number] = chunk
            return
        }
        let chunk = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        // A cell may begin with entries that have left, which nobody put here.
        chunk.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        chunks[number] = chunk
    }

    /// The next entry of a run is no longer one that waits to mature.
    mutating func ripen(run: Int) {
        runs[run].ripe += 1
        waiting -= 1
    }

    /// The first entry of a run leaves.
    mutating func leave(run: Int) {
        let number = runs[run].first
        // Only what is older than everything ends a chain by itself.
        if run > 0 { unlink(number) }
        runs[run].first += 1
        count -= 1
        if runs[run].ripe < runs[run].first {
            runs[run].ripe = runs[run].first
            waiting -= 1
        }
        let isLastOfChunk = runs[run].first % Self.chunkEntries == 0
        let isEmpty = runs[run].first == runs[run].end
        if isEmpty { runs.remove(at: run) }
        if isLastOfChunk || isEmpty { drop(chunk: number / Self.chunkEntries) }
    }

    /// Frees a chunk that nothing needs.
    private mutating func drop(chunk: UInt64) {
        let range = chunk * Self.chunkEntries..<(chunk + 1) * Self.chunkEntries
        guard range.upperBound <= end,
            !runs.contains(where: { $0.first < range.upperBound && $0.end > range.lowerBound })
        else { return }
        if chunk >= keptFrom / Self.chunkEntries { return deferred.append(chunk) }
        guard let start = chunks.removeValue(forKey: chunk) else { return }
        dropIndices()
        let place = Int(chunk % UInt64(Self.recentCount))
        if recent[place].number == chunk { recent[place] = RecentChunk() }
        if spare.count < 4 { spare.append(start) } else { start.deallocate() }
    }

    /// Frees the chunks that a cut has kept.
    mutating func dropUnneeded() {
        keptFrom = .max
        let chunks = deferred
        deferred = []
        for chunk in chunks { drop(chunk: chunk) }
    }

    // MARK: Finding

    /// Prefetches where an entry will be linked.
    @inline(__always)
    func prefetchBucket(_ hash: UInt64) {
        if let index = indices.last { assay_prefetch(index.bucket(hash)) }
    }

    /// Prefetches where an entry is searched for.
    func prefetchBuckets(_ hash: UInt64) {
        for index in indices { assay_prefetch(index.bucket(hash)) }
    }

    /// Prefetches the entries that a search begins with, once the buckets are there.
    mutating func prefetchFirst(_ hash: UInt64) {
        let oldest = oldest
        for index in indices {
            let place = index.bucket(hash).pointee
            if place != .max, index.first + UInt64(place) >= oldest { prefetch(index.first + UInt64(place)) }
        }
    }

    /// What the entry before it in its bucket is counted from the first of its index.
    private mutating func next(_ number: UInt64) -> UInt32 {
        entry(number).loadUnaligned(fromByteOffset: Layout.next, as: UInt32.self)
    }

    private mutating func setNext(_ number: UInt64, _ next: UInt32) {
        entry(number).storeBytes(of: next, toByteOffset: Layout.next, as: UInt32.self)
    }

    private mutating func link(_ number: UInt64, _ hash: UInt64) {
        if indices.last.map({ number >= $0.first + $0.capacity }) ?? true { addIndex(from: number) }
        let index = indices[indices.count - 1]
        let bucket = index.bucket(hash)
        setNext(number, bucket.pointee)
        bucket.pointee = UInt32(truncatingIfNeeded: number - index.first)
    }

    private mutating func addIndex(from number: UInt64) {
        var capacity = Self.leastIndexed
        while capacity * 2 * Self.indexParts <= UInt64(count) { capacity *= 2 }
        indices.append(Index(first: number, capacity: capacity))
    }

    /// Drops the indices of what has left.
    private mutating func dropIndices() {
        while indices.count > 1, indices[1].first <= oldest { indices.removeFirst().buckets.deallocate() }
    }

    /// The newest entry with this hash.
    mutating func find(_ hash: UInt64) -> UInt64? {
        let oldest = oldest
        for index in indices.reversed() {
            var place = index.bucket(hash).pointee
            while place != .max, index.first + UInt64(place) >= oldest {
                let number = index.first + UInt64(place)
                if idHash(number) == hash { return number }
                place = next(number)
            }
        }
        return nil
    }

    private mutating func unlink(_ number: UInt64) {
        guard let index = indices.last(where: { $0.first <= number }) else { return }
        let oldest = oldest
        let bucket = index.bucket(idHash(number))
        var previous: UInt64?
        var place = bucket.pointee
        while place != .max, index.first + UInt64(place) >= oldest {
            let present = index.first + UInt64(place)
            let following = next(present)
            if present == number {
                if let previous { setNext(previous, following) } else { bucket.pointee = following }
                return
            }
            (previous, place) = (present, following)
        }
    }

    // MARK: Loading and saving

    /// The bytes of an entry without its place in a chain, and without its status.
    mutating func encode(_ number: UInt64, into bytes: inout OutputBuffer) {
        let entry = UnsafeRawPointer(entry(number))
        bytes.append(fixed: entry.loadUnaligned(as: UInt64.self))
        bytes.append(varint: entry.loadUnaligned(fromByteOffset: Layout.clock, as: UInt64.self) >> 16)
        let rest = UnsafeRawBufferPointer(start: entry + Layout.values, count: layout.stride - Layout.values)
        bytes.reserve(rest.count)
        bytes.write(rest.bindMemory(to: UInt8.self))
    }

    /// Puts an entry of a loaded state where it was. All are put before the first is found.
    mutating func decode(_ number: UInt64, _ reader: inout StateByteReader) throws(StateDecodingError) {
        let chunk = number / Self.chunkEntries
        if chunks[chunk] == nil { addChunk(chunk) }
        let entry = entry(number)
        entry.storeBytes(of: try reader.fixed(), as: UInt64.self)
        let clock = try reader.time().milliseconds
        entry.storeBytes(of: UInt64(clock) << 16, toByteOffset: Layout.clock, as: UInt64.self)
        let rest = try reader.bytes(layout.stride - Layout.values)
        (entry + Layout.values).copyMemory(from: UnsafeRawPointer(rest.baseAddress!), byteCount: rest.count)
    }

    /// Whether an entry was put there.
    func isPresent(_ number: UInt64) -> Bool { chunks[number / Self.chunkEntries] != nil }

    /// Links the entries of a loaded state.
    mutating func restore(_ runs: [Run], end: UInt64) {
        (self.runs, self.end) = (runs, end)
        for run in runs {
            for number in run.first..<run.end {
                self.end = number + 1
                count += 1
                if number >= run.ripe { waiting += 1 }
                link(number, idHash(number))
            }
        }
        self.end = end
    }
}

/// Four bins of six bits each in three bytes.
private struct PackedBins {
    static let count = 4
    static let bytes = 3
    private let bits: UInt32

    /// `bins`: a byte each, the first in the lowest.
    @inline(__always)
    init(bins: UInt32) {
        bits = bins & 0x3F | (bins & 0x3F00) >> 2 | (bins & 0x3F_0000) >> 4 | (bins & 0x3F00_0000) >> 6
    }

    @inline(__always)
    init(_ place: UnsafeRawPointer) {
        bits =
            UInt32(place.loadUnaligned(as: UInt16.self)) | UInt32(place.load(fromByteOffset: 2, as: UInt8.self)) << 16
    }

    @inline(__always)
    var bins: UInt32 { bits & 0x3F | bits << 2 & 0x3F00 | bits << 4 & 0x3F_0000 | bits << 6 & 0x3F00_0000 }

    @inline(__always)
    func store(at place: UnsafeMutableRawPointer) {
        place.storeBytes(of: UInt16(truncatingIfNeeded: bits), as: UInt16.self)
        place.storeBytes(of: UInt8(truncatingIfNeeded: bits >> 16), toByteOffset: 2, as: UInt8.self)
    }
}
