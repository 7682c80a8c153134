/// The binary form of a user's state, the same for equal states.
///
/// Form 3, in this order: transactions, last event time plus one or zero when there is none, habits, amounts by
/// currency, places, hashes of recent transaction ids from the oldest, types with their event times, and the sequences
/// that patterns have begun where the habits say that there are any. Habits are a bit set: 24 hours, weekend,
/// sequences, and above them how many transactions in a row taught nothing. Lists begin with their length and stand in
/// order of use, the latest first.
///
/// Form 4 is the same with what a model remembers of the user at its end, after the length of that.
///
/// Forms 1 and 2 have the last event time as it is, and nothing of what taught nothing; form 2 ends in sequences.
package enum UserStateCoding {
    private static let form: UInt8 = 3
    private static let formWithModel: UInt8 = 4
    private static let formWithSequences: UInt8 = 2
    private static let weekendBit: UInt64 = 1 << 24
    private static let sequencesBit: UInt64 = 1 << 25
    private static let sparedShift: UInt64 = 26

    /// What a stored state begins with.
    package struct Header {
        package var transactions: UInt64
        package var lastTime: EventTime?
        package var hours: HourSet
        package var seenOnWeekend: Bool
        package var sparedInARow: UInt8
        var hasSequences: Bool
        var hasModel: Bool
    }

    /// What a state has besides its own lists.
    struct Attachments {
        /// Those that patterns have begun, if there are any.
        var sequences: UserSequences?
        /// What a model remembers of the user, as it is stored.
        var model: [UInt8] = []
    }

    static func encode(
        _ state: borrowing UserState, symbols: borrowing SymbolTable, sequences: UserSequences? = nil,
        hasModel: Bool = false, into bytes: inout OutputBuffer, model: (inout OutputBuffer) -> Void = { _ in }
    ) {
        bytes.append(byte: hasModel ? formWithModel : form)
        bytes.append(varint: state.transactions)
        bytes.append(varint: state.lastTime.map { UInt64($0.milliseconds) + 1 } ?? 0)
        bytes.append(
            varint: UInt64(state.hours.bits) | (state.seenOnWeekend ? weekendBit : 0)
                | (sequences == nil ? 0 : sequencesBit) | UInt64(state.sparedInARow) << sparedShift)
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
        if hasModel { model(&bytes) }
    }

    static func decode(
        _ bytes: UnsafeRawBufferPointer, symbols: inout SymbolTable, pool: inout BlockPool
    ) throws(StateDecodingError) -> UserState {
        var attachments = Attachments()
        return try decode(bytes, symbols: &symbols, pool: &pool, &attachments)
    }

    /// `attachments`: receives what the user has of them.
    static func decode(
        _ bytes: UnsafeRawBufferPointer, symbols: inout SymbolTable, pool: inout BlockPool,
        _ attachments: inout Attachments
    ) throws(StateDecodingError) -> UserState {
        var state = UserState()
        do throws(StateDecodingError) {
            try decode(bytes, into: &state, &symbols, &pool, &attachments)
        } catch {
            state.giveBack(to: &pool)
            throw error
        }
        return state
    }

    /// Most users need no more.
    private static let bytesBesideSequences = 512

    private static func decode(
        _ bytes: UnsafeRawBufferPointer, into state: inout UserState, _ symbols: inout SymbolTable,
        _ pool: inout BlockPool, _ attachments: inout Attachments
    ) throws(StateDecodingError) {
        var reader = StateByteReader(bytes)
        let header = try Self.header(&reader)
        // A state takes about as much room in memory as it is written with, but for sequences, which are elsewhere.
        let most = header.hasSequences ? Self.bytesBesideSequences : 1 << 16
        state.reserve(words: min(bytes.count, most) / 8 + 2, in: &pool)
        state.transactions = header.transactions
        state.lastTime = header.lastTime
        state.seenOnWeekend = header.seenOnWeekend
        state.hours = header.hours
        state.sparedInARow = header.sparedInARow
        try decodeAmounts(&reader, into: &state, &pool)
        try decodePlaces(&reader, into: &state, &pool)
        let recent = try reader.byte(atMost: UserState.recentCapacity)
        for _ in 0..<recent { state.addRecent(try reader.fixed(), in: &pool) }
        // Once to see that all is well, once to take it: no symbol is retained for a state that never comes to be.
        let types = reader
        try forEachType(&reader, name: { _ in }, time: { _ in })
        if header.hasSequences { attachments.sequences = try UserSequences(&reader) }
        if header.hasModel { attachments.model = Array(try reader.content()) }
        try reader.finish()
        try take(types, into: &state, &symbols, &pool)
    }

    /// Whether a state may begin with this byte.
    package static func isKnown(_ form: UInt8) -> Bool { (1...formWithModel).contains(form) }

    static func header(_ reader: inout StateByteReader) throws(StateDecodingError) -> Header {
        let form = try reader.byte()
        guard isKnown(form) else { throw StateDecodingError(.unknownVersion(form)) }
        let transactions = try reader.varint()
        let time = try reader.varint()
        let habits = try reader.varint()
        let isPresent = form >= Self.form
        let spared = habits >> sparedShift
        guard isPresent ? spared <= UInt64(UserState.mostSpared) : habits < weekendBit << 1 else {
            throw StateDecodingError(.outOfBounds)
        }
        var lastTime: EventTime?
        if !isPresent || time > 0 {
            lastTime = EventTime(checkedMilliseconds: Int64(clamping: isPresent ? time - 1 : time))
            guard lastTime != nil else { throw StateDecodingError(.outOfBounds) }
        }
        return Header(
            transactions: transactions, lastTime: lastTime, hours: HourSet(bits: UInt32(habits & (weekendBit - 1))),
            seenOnWeekend: habits & weekendBit != 0, sparedInARow: UInt8(spared),
            hasSequences: isPresent ? habits & sequencesBit != 0 : form == formWithSequences,
            hasModel: form == formWithModel)
    }

    private static func decodeAmounts(
        _ reader: inout StateByteReader, into state: inout UserState, _ pool: inout BlockPool
    ) throws(StateDecodingError) {
        let amounts = state.makeAmounts(try reader.byte(atMost: UserState.mostCurrencies), in: &pool)
        for index in amounts.indices { amounts[index] = try amount(&reader) }
    }

    @inline(__always)
    static func amount(_ reader: inout StateByteReader) throws(StateDecodingError)
        -> UserState.AmountHistory
    {
        guard let currency = CurrencyCode(try reader.text(atMost: CurrencyCode.capacity)) else {
            throw StateDecodingError(.outOfBounds)
        }
        return UserState.AmountHistory(
            currency: currency, count: try reader.varint(), mean: try reader.double(), squares: try reader.double())
    }

    private static func decodePlaces(
        _ reader: inout StateByteReader, into state: inout UserState, _ pool: inout BlockPool
    ) throws(StateDecodingError) {
        let places = state.makePlaces(try reader.byte(atMost: UserState.mostPlaces), in: &pool)
        for index in places.indices { places[index] = try place(&reader) }
    }

    @inline(__always)
    static func place(_ reader: inout StateByteReader) throws(StateDecodingError) -> Location {
        let place = Location(latitude: try reader.double(), longitude: try reader.double())
        guard Location.latitudes.contains(place.latitude), Location.longitudes.contains(place.longitude) else {
            throw StateDecodingError(.outOfBounds)
        }
        return place
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
