import AssayCore

/// A digest of sixteen bytes.
package struct Digest: Equatable, Sendable {
    package var low: UInt64 = 0
    package var high: UInt64 = 0

    package init(low: UInt64 = 0, high: UInt64 = 0) {
        self.low = low
        self.high = high
    }

    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        low = UInt64(littleEndianBytes: bytes)
        high = UInt64(littleEndianBytes: bytes.dropFirst(8))
    }

    package var bytes: [UInt8] { low.littleEndianBytes + high.littleEndianBytes }
}
