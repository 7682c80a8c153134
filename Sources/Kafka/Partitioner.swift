/// Which partition a key belongs to: as Java's own producers have it, so that topics of others can be joined.
enum Partitioner {
    /// Of a topic with so many partitions. Rows without a key are dealt out by their number.
    static func partition(of key: UnsafeRawBufferPointer?, row: Int64, count: Int32) -> Int32 {
        guard let key else { return Int32(row % Int64(count)) }
        return Int32(murmur2(key) & 0x7FFF_FFFF) % count
    }

    /// MurmurHash2 with the seed that Kafka has.
    static func murmur2(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let factor: UInt32 = 0x5BD1_E995
        var hash: UInt32 = 0x9747_B28C ^ UInt32(truncatingIfNeeded: bytes.count)
        var place = 0
        while place + 4 <= bytes.count {
            var word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
            word = word &* factor
            word ^= word >> 24
            hash = hash &* factor ^ word &* factor
            place += 4
        }
        if place < bytes.count {
            for index in stride(from: bytes.count - 1, through: place, by: -1) {
                hash ^= UInt32(bytes[index]) << UInt32(8 * (index - place))
            }
            hash = hash &* factor
        }
        hash ^= hash >> 13
        hash = hash &* factor
        return hash ^ hash >> 15
    }
}
