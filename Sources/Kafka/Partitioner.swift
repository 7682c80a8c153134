/// Which partition a key belongs to: as Java's own producers have it, so that topics of others can be joined.
enum Partitioner {
    /// Of a topic with so many partitions. Rows without a key are dealt out by their number. Those that belong to none
    /// `among` the partitions are dealt out to these.
    static func partition(
        of key: UnsafeRawBufferPointer?, row: Int64, count: Int32, among partitions: [Int32]? = nil
    ) -> Int32 {
        let number = key.map { Int64(murmur2($0) & 0x7FFF_FFFF) } ?? row
        let partition = Int32(number % Int64(count))
        guard let partitions, !partitions.contains(partition) else { return partition }
        return partitions[Int(number % Int64(partitions.count))]
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
