import CBytes

/// The range of a text in its batch's buffer. Four plus four bytes, so that a transaction stays small.
package struct ByteSlice: Hashable, Sendable {
    package var offset: UInt32 = 0
    var count: UInt32 = 0

    package var isEmpty: Bool { count == 0 }

    init() {}

    init(offset: UInt32, count: UInt32) {
        self.offset = offset
        self.count = count
    }

    /// Batches are far smaller than 32 bits can address.
    @inline(__always)
    init(_ bytes: UnsafePointer<UInt8>, count: Int, in base: UnsafePointer<UInt8>) {
        offset = UInt32(truncatingIfNeeded: bytes - base)
        self.count = UInt32(truncatingIfNeeded: count)
    }
}

/// The bytes of a batch that slices point into. Valid only while the batch is being processed, so it is passed down and
/// never kept.
package struct BatchText {
    let base: UnsafePointer<UInt8>

    @inline(__always)
    package func bytes(_ slice: ByteSlice) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base + Int(slice.offset), count: Int(slice.count))
    }

    package func string(_ slice: ByteSlice) -> String {
        String(decoding: bytes(slice), as: UTF8.self)
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// XXH3, the same on every machine: stored with states.
    package var stableHash: UInt64 { assay_hash(baseAddress, count) }

    /// The first sixteen bytes as a number with the same order, missing ones as zeros.
    var firstBytes: UInt128 {
        guard let start = baseAddress else { return 0 }
        let first = UInt128(shortWord(at: start, count: Swift.min(count, 8)).byteSwapped) << 64
        return count > 8 ? first | UInt128(shortWord(at: start + 8, count: Swift.min(count - 8, 8)).byteSwapped) : first
    }
}

/// Returns up to eight bytes as one word, the first one lowest, zeros after the last. Reads nothing else: the parts
/// overlap.
@inline(__always)
func shortWord(at start: UnsafePointer<UInt8>, count: Int) -> UInt64 {
    let bytes = UnsafeRawPointer(start)
    if count >= 8 { return UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)) }
    if count >= 4 {
        let first = UInt64(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
        let last = UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)))
        return first | last << UInt64((count - 4) * 8)
    }
    if count == 0 { return 0 }
    let middle = count / 2
    return UInt64(start[0]) | UInt64(start[middle]) << UInt64(middle * 8)
        | UInt64(start[count - 1]) << UInt64((count - 1) * 8)
}
