import CBytes

/// The values of all risk keys: those that have a memory of labels, and those that entries wait with.
///
/// A value takes eighty-eight bytes in a page that never moves, and about seven in the index.
struct RiskValues: ~Copyable {
    /// A value and its memory, packed.
    private struct Slot: ~Copyable {
        let text: StoredKey
        var recent = 0.0
        var frauds = (0.0, 0.0, 0.0)
        var labels = (0.0, 0.0, 0.0)
        /// From the lowest bit: the time of the memory, all ones for none; how many entries wait with it, as far as
        /// that fits; which cut a change belongs to; the number of the key.
        var packed: UInt64
        /// When the memory took a label last, in takes.
        var order: UInt64 = 0

        init(_ text: UnsafeBufferPointer<UInt8>, key: Int) {
            self.text = StoredKey(text)
            packed = Packing.noTime | UInt64(key) << Packing.keyShift
        }
    }

    private enum Packing {
        static let noTime: UInt64 = 1 << 48 - 1
        static let waitingShift: UInt64 = 48
        static let mostWaiting: UInt64 = 1 << 12 - 1
        /// What is moved out of a full count at once.
        static let waitingStep: UInt64 = 1 << 11
        static let cutShift: UInt64 = 60
        static let keyShift: UInt64 = 62
    }

    private var pages: [UnsafeMutablePointer<Slot>] = []
    private var chunks = MemoryChunks()
    private static let pageShift = 8
    private var index = ValueIndex()
    private var free: [UInt32] = []
    /// Places that nothing is at, and which cut that belongs to.
    private var removed: [UInt32: UInt8] = [:]
    private var live: [UInt64] = []
    private(set) var end = 0
    /// Bytes of long values.
    private var textBytes = 0
    /// By slot, how often a full count was moved here.
    private var moreWaiting: [UInt32: UInt32] = [:]
    /// By key.
    private(set) var memoryCounts: [Int]
    /// By key, the memories that took a label longest ago as of some moment, the oldest last.
    private var oldest: [[Aged]]
    /// The number of takes.
    private(set) var takes: UInt64 = 0

    private struct Aged {
        let slot: UInt32
        let order: UInt64
    }

    init(keys: Int) {
        memoryCounts = Array(repeating: 0, count: keys)
        oldest = Array(repeating: [], count: keys)
    }

    deinit {
        for slot in 0..<end where isInUse(slot) { place(slot).deinitialize(count: 1) }
    }

    @inline(__always)
    private func place(_ slot: Int) -> UnsafeMutablePointer<Slot> {
        pages[slot >> Self.pageShift] + (slot & (1 << Self.pageShift - 1))
    }

    func isInUse(_ slot: Int) -> Bool { live[slot >> 6] & 1 << UInt64(slot & 63) != 0 }

    @inline(__always)
    func prefetch(_ slot: Int) {
        let start = UnsafeRawPointer(place(slot))
        assay_prefetch(start)
        assay_prefetch(start + 64)
        assay_prefetch(start + MemoryLayout<Slot>.stride - 1)
    }

    var memoryBytes: Int {
        (pages.count * MemoryLayout<Slot>.stride) << Self.pageShift + textBytes + index.memoryBytes + end / 8
    }

    // MARK: Values

    static func hash(_ text: UnsafeBufferPointer<UInt8>, key: Int) -> UInt64 {
        // Values of different keys lie apart.
        text.stableHash ^ UInt64(key) &* 0x9E37_79B9_7F4A_7C15
    }

    /// Prefetches where a value of this hash is looked up.
    @inline(__always)
    func prefetchIndex(_ hash: UInt64) { index.prefetch(hash) }

    /// Prefetches the value that a hash may be of, once its place in the index is there.
    @inline(__always)
    func prefetchValue(_ hash: UInt64) -> UInt32? {
        guard let slot = index.candidate(hash) else { return nil }
        prefetch(Int(slot))
        return slot
    }

    func find(_ text: UnsafeBufferPointer<UInt8>, key: Int) -> Int? {
        find(text, key: key, hash: Self.hash(text, key: key))
    }

    @inline(__always)
    func find(_ text: UnsafeBufferPointer<UInt8>, key: Int, hash: UInt64) -> Int? {
        index.find(hash) { slot in isValue(Int(slot), text, key: key) }.map(Int.init)
    }

    /// Whether a value that was here some time ago still is, and is this one.
    @inline(__always)
    func isStill(_ slot: Int, _ text: UnsafeBufferPointer<UInt8>, key: Int) -> Bool {
        isInUse(slot) && isValue(slot, text, key: key)
    }

    @inline(__always)
    private func isValue(_ slot: Int, _ text: UnsafeBufferPointer<UInt8>, key: Int) -> Bool {
        place(slot).pointee.text == text && self.key(of: slot) == key
    }

    /// Finds or adds a value. Let something wait with it, or give it a memory, before the next one is added.
    mutating func intern(_ text: UnsafeBufferPointer<UInt8>, key: Int) -> Int {
        find(text, key: key) ?? insert(text, key: key, at: nil)
    }

    /// `wanted`: where it has to be, in a state that is loaded.
    mutating func insert(_ text: UnsafeBufferPointer<UInt8>, key: Int, at wanted: Int?) -> Int {
        let slot: Int
        if let wanted {
            slot = wanted
            while end <= wanted { extend() }
        } else if let last = free.popLast() {
            slot = Int(last)
        } else {
            slot = end
            extend()
        }
        live[slot >> 6] |= 1 << UInt64(slot & 63)
        place(slot).initialize(to: Slot(text, key: key))
        if let cut = removed.removeValue(forKey: UInt32(slot)) { setCut(cut, of: slot) }
        textBytes += place(slot).pointee.text.heapBytes
        let pages = pages
        index.insert(Self.hash(text, key: key), UInt32(slot)) { slot in
            let other = pages[Int(slot) >> Self.pageShift] + (Int(slot) & (1 << Self.pageShift - 1))
            let key = Int(other.pointee.packed >> Packing.keyShift)
            return other.pointee.text.withBytes { Self.hash($0, key: key) }
        }
        return slot
    }

    private mutating func extend() {
        if end >> Self.pageShift == pages.count {
            let count = 1 << Self.pageShift
            pages.append(chunks.take(count * MemoryLayout<Slot>.stride).bindMemory(to: Slot.self, capacity: count))
            live.append(contentsOf: repeatElement(0, count: count / 64))
        }
        end += 1
    }

    /// After a state was loaded: the places that nothing is at.
    mutating func findFree() { free = (0..<end).filter { !isInUse($0) }.reversed().map { UInt32($0) } }

    /// Whether nothing needs the value any more.
    func isIdle(_ slot: Int) -> Bool {
        let packed = place(slot).pointee.packed
        return packed & Packing.noTime == Packing.noTime
            && packed >> Packing.waitingShift & Packing.mostWaiting == 0 && moreWaiting[UInt32(slot)] == nil
    }

    mutating func remove(_ slot: Int) {
        let key = key(of: slot)
        let hash = place(slot).pointee.text.withBytes { Self.hash($0, key: key) }
        index.remove(hash, UInt32(slot))
        textBytes -= place(slot).pointee.text.heapBytes
        removed[UInt32(slot)] = cut(of: slot)
        place(slot).deinitialize(count: 1)
        live[slot >> 6] &= ~(1 << UInt64(slot & 63))
        free.append(UInt32(slot))
    }

    func key(of slot: Int) -> Int { Int(place(slot).pointee.packed >> Packing.keyShift) }

    func withText<Result>(_ slot: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        place(slot).pointee.text.withBytes(body)
    }

    // MARK: Entries that wait

    @inline(__always)
    mutating func wait(_ slot: Int) {
        place(slot).pointee.packed += 1 << Packing.waitingShift
        guard place(slot).pointee.packed >> Packing.waitingShift & Packing.mostWaiting == Packing.mostWaiting else {
            return
        }
        place(slot).pointee.packed -= Packing.waitingStep << Packing.waitingShift
        moreWaiting[UInt32(slot), default: 0] += 1
    }

    /// Returns true when nothing needs the value any more.
    @inline(__always)
    mutating func leave(_ slot: Int) -> Bool {
        place(slot).pointee.packed -= 1 << Packing.waitingShift
        guard place(slot).pointee.packed >> Packing.waitingShift & Packing.mostWaiting == 0 else { return false }
        if let more = moreWaiting[UInt32(slot)] {
            moreWaiting[UInt32(slot)] = more == 1 ? nil : more - 1
            place(slot).pointee.packed += Packing.waitingStep << Packing.waitingShift
        }
        return isIdle(slot)
    }

    // MARK: Memories

    func hasMemory(_ slot: Int) -> Bool { place(slot).pointee.packed & Packing.noTime != Packing.noTime }

    @inline(__always)
    func memory(_ slot: Int) -> RiskMemory? {
        guard hasMemory(slot) else { return nil }
        let place = place(slot)
        var memory = RiskMemory(last: Int64(place.pointee.packed & Packing.noTime))
        memory.recent = place.pointee.recent
        memory.frauds = SIMD4(place.pointee.frauds.0, place.pointee.frauds.1, place.pointee.frauds.2, 0)
        memory.labels = SIMD4(place.pointee.labels.0, place.pointee.labels.1, place.pointee.labels.2, 0)
        return memory
    }

    /// The memory has taken a label, or is made.
    mutating func take(_ memory: RiskMemory, at slot: Int) {
        takes += 1
        set(memory, at: slot, order: takes)
    }

    mutating func set(_ memory: RiskMemory, at slot: Int, order: UInt64) {
        if !hasMemory(slot) { memoryCounts[key(of: slot)] += 1 }
        takes = max(takes, order)
        let place = place(slot)
        place.pointee.recent = memory.recent
        place.pointee.frauds = (memory.frauds.x, memory.frauds.y, memory.frauds.z)
        place.pointee.labels = (memory.labels.x, memory.labels.y, memory.labels.z)
        place.pointee.packed = place.pointee.packed & ~Packing.noTime | UInt64(memory.last) & Packing.noTime
        place.pointee.order = order
    }

    func order(_ slot: Int) -> UInt64 { place(slot).pointee.order }

    mutating func forgetMemory(_ slot: Int) {
        guard hasMemory(slot) else { return }
        memoryCounts[key(of: slot)] -= 1
        place(slot).pointee.packed |= Packing.noTime
    }

    /// The memory of a key that took a label longest ago.
    mutating func oldestMemory(ofKey key: Int) -> Int {
        while true {
            while let aged = oldest[key].popLast() {
                let slot = Int(aged.slot)
                // One that took a label since is newer than all that are left.
                if isInUse(slot), self.key(of: slot) == key, hasMemory(slot), order(slot) == aged.order { return slot }
            }
            precondition(memoryCounts[key] > 0, "there is an oldest memory where there is one")
            collectOldest(ofKey: key)
        }
    }

    /// So many of all at once, so that all are looked at rarely.
    private static let oldestPart = 16
    private static let leastOldest = 64

    private mutating func collectOldest(ofKey key: Int) {
        let wanted = max(memoryCounts[key] / Self.oldestPart, Self.leastOldest)
        var all: [Aged] = []
        all.reserveCapacity(memoryCounts[key])
        for slot in 0..<end where isInUse(slot) && self.key(of: slot) == key && hasMemory(slot) {
            all.append(Aged(slot: UInt32(slot), order: order(slot)))
        }
        all.sort { $0.order < $1.order }
        oldest[key] = all.prefix(wanted).reversed()
    }

    // MARK: Cuts

    func cut(of slot: Int) -> UInt8 { UInt8(place(slot).pointee.packed >> Packing.cutShift & 3) }

    /// The cut that the change of a place belongs to, 0 for none.
    func cut(ofPlace slot: Int) -> UInt8 { isInUse(slot) ? cut(of: slot) : removed[UInt32(slot)] ?? 0 }

    /// What changed is written.
    mutating func noteWritten(_ slot: Int) {
        if isInUse(slot) { return setCut(0, of: slot) }
        if removed.removeValue(forKey: UInt32(slot)) != nil { free.append(UInt32(slot)) }
    }

    /// What is at a place may not change before a cut has written that nothing was there.
    mutating func holdRemoved() {
        if !removed.isEmpty { free.removeAll { removed[$0] != nil } }
    }

    func setCut(_ cut: UInt8, of slot: Int) {
        place(slot).pointee.packed =
            place(slot).pointee.packed & ~(3 << Packing.cutShift) | UInt64(cut) << Packing.cutShift
    }
}
