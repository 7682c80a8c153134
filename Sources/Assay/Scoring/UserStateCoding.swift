/// The binary form of a user's state, the same for equal states.
///
/// Version 1, in this order: transactions, last event time, hours and weekend as a bit set, amounts by currency,
/// places, hashes of recent transaction ids from the oldest, types with their event times. Lists begin with their
/// length and stand in order of use, the latest first.
enum UserStateCoding {
    static let version: UInt8 = 1
    private static let weekendBit: UInt64 = 1 << 24

    static func encode(
        _ state: borrowing UserState, symbols: borrowing SymbolTable, into bytes: inout OutputBuffer
    ) {
        bytes.append(byte: version)
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
    }

    static func decode(
        _ bytes: UnsafeRawBufferPointer, symbols: inout SymbolTable
    ) throws(StateDecodingError) -> UserState {
        var reader = StateByteReader(bytes)
        let version = try reader.byte()
        guard version == Self.version else { throw StateDecodingError(.unknownVersion(version)) }
        var state = UserState()
        state.transactions = try reader.varint()
        state.lastTime = try reader.time()
        let flags = try reader.varint()
        guard flags < weekendBit << 1 else { throw StateDecodingError(.outOfBounds) }
        state.seenOnWeekend = flags & weekendBit != 0
        state.hours = HourSet(bits: UInt32(flags & (weekendBit - 1)))
        try decodeAmounts(&reader, into: &state)
        try decodePlaces(&reader, into: &state)
        for _ in 0..<(try reader.byte(atMost: UserState.recentCapacity)) { state.addRecent(try reader.fixed()) }
        let types = try decodeTypes(&reader)
        try reader.finish()
        // Nothing can fail from here on, so no symbol is retained for a state that never comes to be.
        for (name, times) in types.reversed() {
            let symbol = symbols.intern(name)
            symbols.retain(symbol)
            _ = state.addType(symbol)
            state.setTimes(times)
        }
        return state
    }

    private static func decodeAmounts(
        _ reader: inout StateByteReader, into state: inout UserState
    ) throws(StateDecodingError) {
        var amounts: [UserState.AmountHistory] = []
        for _ in 0..<(try reader.byte(atMost: UserState.mostCurrencies)) {
            guard let currency = CurrencyCode(try reader.text(atMost: CurrencyCode.capacity)) else {
                throw StateDecodingError(.outOfBounds)
            }
            var history = UserState.AmountHistory(currency: currency)
            history.count = try reader.varint()
            history.mean = try reader.double()
            history.squares = try reader.double()
            amounts.append(history)
        }
        for history in amounts.reversed() {
            state.useAmounts(in: history.currency)
            state.amounts[0] = history
        }
    }

    private static func decodePlaces(
        _ reader: inout StateByteReader, into state: inout UserState
    ) throws(StateDecodingError) {
        var places: [Location] = []
        for _ in 0..<(try reader.byte(atMost: UserState.mostPlaces)) {
            let place = Location(latitude: try reader.double(), longitude: try reader.double())
            guard Location.latitudes.contains(place.latitude), Location.longitudes.contains(place.longitude) else {
                throw StateDecodingError(.outOfBounds)
            }
            places.append(place)
        }
        for place in places.reversed() { state.addPlace(place) }
    }

    private static func decodeTypes(
        _ reader: inout StateByteReader
    ) throws(StateDecodingError) -> [(name: UnsafeBufferPointer<UInt8>, times: [Int64])] {
        var types: [(name: UnsafeBufferPointer<UInt8>, times: [Int64])] = []
        for _ in 0..<(try reader.byte(atMost: UserState.mostTypes)) {
            let name = try reader.text(atMost: Transaction.typeLengths.upperBound)
            var times: [Int64] = []
            var previous: UInt64 = 0
            for _ in 0..<(try reader.varint()) {
                // A time takes at least one byte, so a wild count ends in `truncated`.
                let (time, overflow) = previous.addingReportingOverflow(try reader.varint())
                guard !overflow, time < EventTime.endMilliseconds else { throw StateDecodingError(.outOfBounds) }
                times.append(Int64(time))
                previous = time
            }
            types.append((name, times))
        }
        return types
    }
}
