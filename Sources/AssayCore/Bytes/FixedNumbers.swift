extension UInt64 {
    /// The first eight bytes, the lowest first.
    package init(littleEndianBytes bytes: some Collection<UInt8>) {
        self = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Eight bytes, the lowest first.
    package var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
