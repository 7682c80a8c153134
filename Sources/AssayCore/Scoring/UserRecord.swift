/// What is remembered of one user, as people and other programs read it: the same as its stored bytes, and nothing of
/// how it lies in memory.
package struct UserRecord: Equatable, Sendable {
    package struct Amount: Equatable, Sendable {
        package var currency: String
        package var count: UInt64
        package var mean: Double
        /// The sum of the squared differences from the mean.
        package var squares: Double

        package init(currency: String, count: UInt64, mean: Double, squares: Double) {
            (self.currency, self.count, self.mean, self.squares) = (currency, count, mean, squares)
        }

        /// Of the sample; zero for fewer than two.
        package var deviation: Double { count > 1 ? (squares / Double(count - 1)).squareRoot() : 0 }
    }

    package struct Place: Equatable, Sendable {
        package var latitude: Double
        package var longitude: Double

        package init(latitude: Double, longitude: Double) {
            (self.latitude, self.longitude) = (latitude, longitude)
        }

        /// Along the Earth's surface.
        package func kilometers(to other: Place) -> Double {
            LocationCheck.haversineKilometers(
                Location(latitude: latitude, longitude: longitude),
                Location(latitude: other.latitude, longitude: other.longitude))
        }
    }

    package struct TransactionType: Equatable, Sendable {
        package var name: String
        /// Ascending, in milliseconds.
        package var times: [Int64]

        package init(name: String, times: [Int64]) {
            (self.name, self.times) = (name, times)
        }
    }

    package var id: [UInt8]
    package var transactions: UInt64 = 0
    /// The event time of the latest accepted transaction that was not early, in milliseconds.
    package var lastTime: Int64?
    package var hours = HourSet()
    package var seenOnWeekend = false
    /// How many transactions in a row, up to the last one, taught nothing.
    package var sparedInARow: UInt8 = 0
    /// The currency used last comes first; so do the place visited last and the type used last.
    package var amounts: [Amount] = []
    package var places: [Place] = []
    package var types: [TransactionType] = []
    /// Hashes of the last transaction ids, the oldest first.
    package var recentHashes: [UInt64] = []
    /// The sequences that patterns have begun, as they are stored; empty when there are none.
    package var sequenceBytes: [UInt8] = []
    /// What a model remembers of the user, as it is stored; empty when there is nothing.
    package var modelBytes: [UInt8] = []

    package init(id: [UInt8]) {
        self.id = id
    }

    package var name: String { String(decoding: id, as: UTF8.self) }
}

extension UserRecord {
    /// Reads a stored state.
    package init(id: [UInt8], state: UnsafeRawBufferPointer) throws(StateDecodingError) {
        self.init(id: id)
        var symbols = SymbolTable()
        var pool = BlockPool()
        var attachments = UserStateCoding.Attachments()
        var state = try UserStateCoding.decode(state, symbols: &symbols, pool: &pool, &attachments)
        transactions = state.transactions
        lastTime = state.lastTime?.milliseconds
        hours = state.hours
        seenOnWeekend = state.seenOnWeekend
        sparedInARow = state.sparedInARow
        for amount in state.amounts {
            amounts.append(
                Amount(
                    currency: String(decoding: amount.currency.bytes, as: UTF8.self), count: amount.count,
                    mean: amount.mean, squares: amount.squares))
        }
        for place in state.places { places.append(Place(latitude: place.latitude, longitude: place.longitude)) }
        for (index, type) in state.types.enumerated() {
            types.append(
                TransactionType(
                    name: String(decoding: symbols.text(type.symbol), as: UTF8.self),
                    times: Array(state.times(ofType: index))))
        }
        state.forEachRecent { recentHashes.append($0) }
        state.giveBack(to: &pool)
        var bytes = OutputBuffer(capacity: 256)
        attachments.sequences?.encode(into: &bytes)
        sequenceBytes = Array(bytes.bytes)
        modelBytes = attachments.model
    }

    /// The state in its stored form. Throws where the values are none that a state can have.
    package func stateBytes() throws(StateDecodingError) -> [UInt8] {
        var symbols = SymbolTable()
        var pool = BlockPool()
        var bytes = OutputBuffer(capacity: 512)
        var state = UserState()
        do throws(StateDecodingError) {
            try fill(&state, &symbols, &pool)
            UserStateCoding.encode(
                state, symbols: symbols, sequences: try sequences(), hasModel: !modelBytes.isEmpty, into: &bytes
            ) { bytes in bytes.append(content: modelBytes) }
        } catch {
            state.giveBack(to: &pool)
            throw error
        }
        state.giveBack(to: &pool)
        return Array(bytes.bytes)
    }

    private func sequences() throws(StateDecodingError) -> UserSequences? {
        if sequenceBytes.isEmpty { return nil }
        let result: Result<UserSequences, StateDecodingError> = sequenceBytes.withUnsafeBytes { raw in
            var reader = StateByteReader(raw)
            do throws(StateDecodingError) {
                let sequences = try UserSequences(&reader)
                try reader.finish()
                return .success(sequences)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func fill(
        _ state: inout UserState, _ symbols: inout SymbolTable, _ pool: inout BlockPool
    ) throws(StateDecodingError) {
        guard sparedInARow <= UserState.mostSpared, amounts.count <= UserState.mostCurrencies,
            places.count <= UserState.mostPlaces, recentHashes.count <= UserState.recentCapacity,
            types.count <= UserState.mostTypes
        else { throw StateDecodingError(.outOfBounds) }
        state.transactions = transactions
        if let lastTime { state.lastTime = try time(lastTime) }
        state.hours = hours
        state.seenOnWeekend = seenOnWeekend
        state.sparedInARow = sparedInARow
        let amounts = state.makeAmounts(amounts.count, in: &pool)
        for (index, amount) in self.amounts.enumerated() {
            var name = amount.currency
            guard let currency = name.withUTF8({ CurrencyCode($0) }) else { throw StateDecodingError(.outOfBounds) }
            amounts[index] = UserState.AmountHistory(
                currency: currency, count: amount.count, mean: amount.mean, squares: amount.squares)
        }
        let places = state.makePlaces(places.count, in: &pool)
        for (index, place) in self.places.enumerated() {
            guard Location.latitudes.contains(place.latitude), Location.longitudes.contains(place.longitude) else {
                throw StateDecodingError(.outOfBounds)
            }
            places[index] = Location(latitude: place.latitude, longitude: place.longitude)
        }
        for hash in recentHashes { state.addRecent(hash, in: &pool) }
        for type in types {
            guard type.name.utf8.count <= Transaction.typeLengths.upperBound else {
                throw StateDecodingError(.outOfBounds)
            }
            let symbol = symbols.intern(type.name)
            symbols.retain(symbol)
            state.appendType(symbol, in: &pool)
            var previous: Int64 = 0
            for milliseconds in type.times {
                guard milliseconds >= previous else { throw StateDecodingError(.outOfBounds) }
                state.appendTime(try time(milliseconds), in: &pool)
                previous = milliseconds
            }
        }
    }

    private func time(_ milliseconds: Int64) throws(StateDecodingError) -> EventTime {
        guard let time = EventTime(checkedMilliseconds: milliseconds) else { throw StateDecodingError(.outOfBounds) }
        return time
    }
}
