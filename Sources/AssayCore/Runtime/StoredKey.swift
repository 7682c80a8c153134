/// A key's bytes: up to fifteen in place, longer ones in memory of their own.
struct StoredKey: ~Copyable {
    static let inlineCapacity = 15
    /// The bytes and their count in the last byte; or the address, the count, and this mark in the last byte.
    private static let heapMark: UInt64 = 0xFF
    private let low: UInt64
    private let high: UInt64

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        if bytes.count <= Self.inlineCapacity {
            (low, high) = Self.words(bytes)
        } else {
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
            copy.update(from: bytes.baseAddress!, count: bytes.count)
            low = UInt64(UInt(bitPattern: copy))
            high = UInt64(bytes.count) | Self.heapMark << 56
        }
    }

    deinit {
        if let heap { UnsafeMutablePointer(mutating: heap.baseAddress!).deallocate() }
    }

    /// Memory beyond its own sixteen bytes, with what the allocator adds.
    var heapBytes: Int { heap.map { $0.count + 16 } ?? 0 }

    private var heap: UnsafeBufferPointer<UInt8>? {
        guard high >> 56 == Self.heapMark else { return nil }
        return UnsafeBufferPointer(
            start: UnsafePointer(bitPattern: UInt(low)), count: Int(high & 0xFF_FFFF))
    }

    @inline(__always)
    static func == (stored: borrowing StoredKey, bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        if bytes.count <= inlineCapacity {
            let (low, high) = words(bytes)
            return stored.low == low && stored.high == high
        }
        return isLongKey(stored, equalTo: bytes)
    }

    /// Out of line, so that short keys are compared without it.
    @inline(never)
    private static func isLongKey(
        _ stored: borrowing StoredKey, equalTo bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard let heap = stored.heap, heap.count == bytes.count, let own = heap.baseAddress,
            let other = bytes.baseAddress
        else { return false }
        for offset in stride(from: 0, to: bytes.count, by: 8) {
            let count = min(8, bytes.count - offset)
            guard shortWord(at: own + offset, count: count) == shortWord(at: other + offset, count: count) else {
                return false
            }
        }
        return true
    }

    typealias Words = (low: UInt64, high: UInt64)

    /// What stands for up to fifteen bytes in place.
    @inline(__always)
    static func words(_ bytes: UnsafeBufferPointer<UInt8>) -> Words {
        guard let start = bytes.baseAddress else { return (0, 0) }
        let count = UInt64(bytes.count) << 56
        if bytes.count <= 8 { return (shortWord(at: start, count: bytes.count), count) }
        return (shortWord(at: start, count: 8), shortWord(at: start + 8, count: bytes.count - 8) | count)
    }

    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let heap { return body(heap) }
        var words = (low, high)
        return withUnsafeBytes(of: &words) { words in
            body(UnsafeBufferPointer(rebasing: words.bindMemory(to: UInt8.self)[..<Int(words[15])]))
        }
    }
}
