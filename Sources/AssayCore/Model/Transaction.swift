/// One transaction of a batch. Its texts are slices of the batch's buffer.
package struct Transaction: Sendable {
    package var id = ByteSlice()
    package var userID = ByteSlice()
    /// Empty when the line has none: then the configured default holds.
    package var type = ByteSlice()
    var accountID = ByteSlice()
    var merchantID = ByteSlice()
    /// The JSON object as it is in the line.
    var metadata = ByteSlice()
    /// The whole line, without its end: rules read unknown fields from it, and a reject quotes it.
    package var line = ByteSlice()
    package var lineOffset: Int { Int(line.offset) }
    package var lineCount: Int { Int(line.count) }
    package var userHash: UInt64 = 0
    package var amount = 0.0
    package var time = EventTime(milliseconds: 0)
    package var location: Location?
    package var currency = CurrencyCode.none
    /// Counted from the batch's first line.
    package var lineIndex: UInt32 = 0
    var traits: Traits = []

    struct Traits: OptionSet, Sendable {
        let rawValue: UInt8
        /// Whether the text may have characters that JSON escapes.
        static let idNeedsEscaping = Traits(rawValue: 1)
        static let userIDNeedsEscaping = Traits(rawValue: 2)
        /// Whether the line is a record of CSV, not a JSON object.
        static let isCSV = Traits(rawValue: 4)

        @inline(__always)
        mutating func set(_ trait: Traits, _ holds: Bool) {
            if holds { insert(trait) } else { remove(trait) }
        }
    }

    /// The valid lengths of the texts in bytes.
    package static let idLengths = 1...128
    package static let typeLengths = 1...64
}

/// A place on Earth in degrees.
package struct Location: Hashable, Sendable {
    package var latitude: Double
    package var longitude: Double

    package init(latitude: Double, longitude: Double) {
        self.latitude = latitude
        self.longitude = longitude
    }

    static let latitudes = -90.0...90.0
    static let longitudes = -180.0...180.0
}

/// Up to eight bytes of a currency's name in one word, padded with 0xFF, which no UTF-8 text contains.
package struct CurrencyCode: Hashable, Sendable {
    package static let capacity = 8
    static let none = CurrencyCode(packed: ~0)

    let packed: UInt64

    init(packed: UInt64) {
        self.packed = packed
    }

    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count <= Self.capacity else { return nil }
        guard bytes.count > 0, let start = bytes.baseAddress else {
            self = .none
            return
        }
        // A shift by all 64 bits leaves no padding.
        packed = shortWord(at: start, count: bytes.count) | ~0 << UInt64(bytes.count * 8)
    }

    package var bytes: [UInt8] {
        (0..<Self.capacity).map { UInt8(truncatingIfNeeded: packed >> UInt64($0 * 8)) }.filter { $0 != 0xFF }
    }
}
