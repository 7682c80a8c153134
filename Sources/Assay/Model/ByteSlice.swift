import CBytes

/// Where a text lies in its batch's buffer. Four plus four bytes, so that a transaction stays small.
struct ByteSlice: Hashable, Sendable {
    var offset: UInt32 = 0
    var count: UInt32 = 0

    var isEmpty: Bool { count == 0 }
}

/// The bytes of a batch that slices point into. Valid only while the batch is being worked on, so it is passed down
/// and never kept.
struct BatchText {
    let base: UnsafePointer<UInt8>

    func bytes(_ slice: ByteSlice) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base + Int(slice.offset), count: Int(slice.count))
    }

    func string(_ slice: ByteSlice) -> String {
        String(decoding: bytes(slice), as: UTF8.self)
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// XXH3, the same on every machine: stored with states.
    var stableHash: UInt64 { assay_hash(baseAddress, count) }
}
