/// The binary form of a user's state, the same for equal states.
///
/// Version 1, in this order: transactions, last event time, hours and weekend as a bit set, amounts by currency,
/// places, hashes of recent transaction ids from the oldest, types with their event times. Lists begin with their
/// length and are in order of use, the latest first. Version 2 appends the sequences that patterns have begun, and is
/// only written for users who have some.
package enum UserStateCoding {
    package static let version: UInt8 = 1
    package static let versionWithSequences: UInt8 = 2
    package static let weekendBit: UInt64 = 1 << 24

    static func encode(
        _ state: borrowing UserState, symbols: borrowing SymbolTable, sequences: UserSequences? = nil,
        into bytes: inout OutputBuffer
    ) {
        bytes.append(byte: sequences == nil ? version : versionWithSequences)
        bytes.append(varint: state.transactions)
        bytes.append(varint: UInt64(state.lastTime.milliseconds))
        bytes.append(varint: UInt64(state.hours.bits) | (state.seenOnWeekend ? weekendBit : 0))
        let amounts = state.amounts
        bytes.append(byte: UInt8(amounts.count))
        for history in amounts {
            history.currency.bytes.withUnsafeBufferPointer { bytes.append(text: $0) }
            bytes.append(varint: history.count)
            bytes.append(double: history.mean)
            bytes.append(double: history.squares)
        }
        let places = state.places
        bytes.append(byte: UInt8(places.count))
        for place in places {
            bytes.append(double: place.latitude)
            bytes.append(double: place.longitude)
        }
        bytes.append(byte: UInt8(state.recent.count))
        state.forEachRecent { bytes.append(fixed: $0) }
        let types = state.types
        bytes.append(byte: UInt8(types.count))
        for index in types.indices {
            symbols.withText(types[index].symbol) { bytes.append(text: $0) }
            bytes.append(varint: UInt64(types[index].timeCount))
            var previous: Int64 = 0
            for time in state.times(ofType: index) {
                bytes.append(varint: UInt64(time - previous))
                previous = time
            }
        }
        sequences?.encode(into: &bytes)
    }

    static func decode(
        _ bytes: UnsafeRawBufferPointer, symbols: inout SymbolTable, pool: inout BlockPool
    ) throws(StateDecodingError) -> UserState {
        var sequences: UserSequences?
        return try decode(bytes, symbols: &symbols, pool: &pool, sequences: &sequences)
    }

    /// `sequences`: receives those of the user, if there are any.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer, symbols: inout SymbolTable, pool: inout BlockPool,
        sequences: inout UserSequences?
    ) throws(StateDecodingError) -> UserState {
        var state = UserState()
        do throws(StateDecodingError) {
            sequences = try decode(bytes, into: &state, &symbols, &pool)
        } catch {
            state.giveBack(to: &pool)
            throw error
        }
        return state
    }

    private static func decode(
        _ bytes: UnsafeRawBufferPointer, into state: inout UserState, _ symbols: inout SymbolTable,
        _ pool: inout BlockPool
    ) throws(StateDecodingError) -> UserSequences? {
        var reader = StateByteReader(bytes)
        let version = try reader.byte()
        guard isKnown(version) else { throw StateDecodingError(.unknownVersion(version)) }
        // A state takes about as much memory as its encoding.
        state.reserve(words: min(bytes.count, 1 << 16) / 8 + 2, in: &pool)
        state.transactions = try reader.varint()
        state.lastTime = try reader.time()
        let flags = try reader.varint()
        guard flags < weekendBit << 1 else { throw StateDecodingError(.outOfBounds) }
        state.seenOnWeekend = flags & weekendBit != 0
        state.hours = HourSet(bits: UInt32(flags & (weekendBit - 1)))
        try decodeAmounts(&reader, into: &state, &pool)
        try decodePlaces(&reader, into: &state, &pool)
        for _ in 0..<(try reader.byte(atMost: UserState.recentCapacity)) {
            state.addRecent(try reader.fixed(), in: &pool)
        }
        // One pass validates, the next reads: no symbol is retained for a state that is refused.
        let types = reader
        try forEachType(&reader, name: { _ in }, time: { _ in })
        let sequences = version == versionWithSequences ? try UserSequences(&reader) : nil
        try reader.finish()
        try take(types, into: &state, &symbols, &pool)
        return sequences
    }

    package static func isKnown(_ version: UInt8) -> Bool { version == Self.version || version == versionWithSequences }

    private static func decodeAmounts(
        _ reader: inout StateByteReader, into state: inout UserState, _ pool: inout BlockPool
    ) throws(StateDecodingError) {
        let amounts = state.makeAmounts(try reader.byte(atMost: UserState.mostCurrencies), in: &pool)
        for index in amounts.indices {
            guard let currency = CurrencyCode(try reader.text(atMost: CurrencyCode.capacity)) else {
                throw StateDecodingError(.outOfBounds)
            }
            amounts[index].currency = currency
            amounts[index].count = try reader.varint()
            amounts[index].mean = try reader.double()
            amounts[index].squares = try reader.double()
        }
    }

    private static func decodePlaces(
        _ reader: inout StateByteReader, into state: inout UserState, _ pool: inout BlockPool
    ) throws(StateDecodingError) {
        let places = state.makePlaces(try reader.byte(atMost: UserState.mostPlaces), in: &pool)
        for index in places.indices {
            places[index] = Location(latitude: try reader.double(), longitude: try reader.double())
            guard Location.latitudes.contains(places[index].latitude),
                Location.longitudes.contains(places[index].longitude)
            else { throw StateDecodingError(.outOfBounds) }
        }
    }

    private static func take(
        _ types: StateByteReader, into state: inout UserState, _ symbols: inout SymbolTable, _ pool: inout BlockPool
    ) throws(StateDecodingError) {
        var reader = types
        try forEachType(
            &reader,
            name: { name in
                let symbol = symbols.intern(name)
                symbols.retain(symbol)
                state.appendType(symbol, in: &pool)
            },
            time: { state.appendTime($0, in: &pool) })
    }

    /// Each type's name, followed by its event times.
    @inline(__always)
    private static func forEachType(
        _ reader: inout StateByteReader, name: (UnsafeBufferPointer<UInt8>) -> Void, time: (EventTime) -> Void
    ) throws(StateDecodingError) {
        for _ in 0..<(try reader.byte(atMost: UserState.mostTypes)) {
            name(try reader.text(atMost: Transaction.typeLengths.upperBound))
            var previous: UInt64 = 0
            for _ in 0..<(try reader.varint()) {
                // A time takes at least one byte, so a wild count ends in `truncated`.
                let (sum, overflow) = previous.addingReportingOverflow(try reader.varint())
                guard !overflow, sum < EventTime.endMilliseconds else { throw StateDecodingError(.outOfBounds) }
                time(EventTime(milliseconds: Int64(sum)))
                previous = sum
            }
        }
    }
}
