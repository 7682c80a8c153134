import AssayCore

/// What a checkpoint holds of a topic that rows go to.
struct KafkaResume: Equatable {
    /// The id of this delivery, which its records carry.
    var run: String
    /// The rows that the state has made for it.
    var rows: Int64
    /// By partition, the offset after what was there.
    var ends: [Int64]

    private static let version = UInt8(ascii: "K")

    init(run: String, rows: Int64, ends: [Int64]) {
        (self.run, self.rows, self.ends) = (run, rows, ends)
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count > 17, bytes[0] == Self.version else { return nil }
        let (rows, count) = (UInt64(littleEndianBytes: bytes[1...]), UInt64(littleEndianBytes: bytes[9...]))
        guard let rows = Int64(exactly: rows), count <= UInt64(bytes.count - 17) / 8 else { return nil }
        let ends = (0..<Int(count)).map { Int64(bitPattern: UInt64(littleEndianBytes: bytes[(17 + 8 * $0)...])) }
        self.init(run: String(decoding: bytes[(17 + 8 * Int(count))...], as: UTF8.self), rows: rows, ends: ends)
    }

    var bytes: [UInt8] {
        [Self.version] + UInt64(rows).littleEndianBytes + UInt64(ends.count).littleEndianBytes
            + ends.flatMap { UInt64(bitPattern: $0).littleEndianBytes } + Array(run.utf8)
    }

    static func newRun() -> String { String(UInt64.random(in: 1...UInt64.max), radix: 36) }
}

/// The names of the headers that records carry.
enum HeaderName {
    static let sequence = "assay-sequence"
    static let source = "assay-source"
    static let run = "assay-run"
    static let contentType = "content-type"
    static let valueBytes = "assay-value-bytes"
}
