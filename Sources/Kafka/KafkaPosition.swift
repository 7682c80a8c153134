import AssayCore
import CKafka

/// What a checkpoint holds of a partition: the offset to go on from, and the record before it, by which a topic is
/// known again.
struct KafkaPosition: Equatable {
    /// The offset after everything that was taken.
    var next: Int64
    /// The last record that was taken; -1 for none.
    var last: Int64 = -1
    var digest: UInt64 = 0

    private static let version = UInt8(ascii: "K")

    init(next: Int64) {
        self.next = next
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count == 25, bytes[0] == Self.version else { return nil }
        let words = (0..<3).map { UInt64(littleEndianBytes: bytes[(1 + 8 * $0)...]) }
        next = Int64(bitPattern: words[0])
        last = Int64(bitPattern: words[1])
        digest = words[2]
    }

    var bytes: [UInt8] {
        [Self.version] + UInt64(bitPattern: next).littleEndianBytes + UInt64(bitPattern: last).littleEndianBytes
            + digest.littleEndianBytes
    }

    mutating func take(_ message: borrowing Message) {
        last = message.offset
        next = last + 1
        digest = message.digest
    }
}
