import AssayCore

/// A summary of a stored state, read without decoding its lists: a million of them take well under a second.
package struct StateSummary: Sendable {
    package let transactions: UInt64
    /// Milliseconds.
    package let lastTime: Int64
    package let hourBits: UInt32
    package let seenOnWeekend: Bool
    package private(set) var currencies = 0
    package private(set) var places = 0
    package private(set) var types = 0
    /// The sum of all amounts, whatever the currency.
    package private(set) var totalAmount = 0.0

    package init(_ state: UnsafeRawBufferPointer) throws(StateDecodingError) {
        var reader = StateByteReader(state)
        let version = try reader.byte()
        guard UserStateCoding.isKnown(version) else { throw StateDecodingError(.unknownVersion(version)) }
        transactions = try reader.varint()
        lastTime = try reader.time().milliseconds
        let flags = try reader.varint()
        hourBits = UInt32(truncatingIfNeeded: flags & (UserStateCoding.weekendBit - 1))
        seenOnWeekend = flags & UserStateCoding.weekendBit != 0
        currencies = try reader.byte(atMost: UserState.mostCurrencies)
        for _ in 0..<currencies {
            _ = try reader.text(atMost: CurrencyCode.capacity)
            let count = try reader.varint()
            totalAmount += Double(count) * (try reader.double())
            _ = try reader.double()
        }
        places = try reader.byte(atMost: UserState.mostPlaces)
        for _ in 0..<2 * places { _ = try reader.double() }
        for _ in 0..<(try reader.byte(atMost: UserState.recentCapacity)) { _ = try reader.fixed() }
        types = try reader.byte(atMost: UserState.mostTypes)
    }
}
