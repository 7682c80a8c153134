import AssayCore

/// The state of one user in readable form: the same information as its stored bytes, independent of the form in memory.
package struct UserRecord: Equatable, Sendable {
    package struct Amount: Equatable, Sendable {
        package var currency: String
        package var count: UInt64
        package var mean: Double
        /// The sum of the squared differences from the mean.
        package var squares: Double

        /// That of the sample; zero for fewer than two.
        package var deviation: Double { count > 1 ? (squares / Double(count - 1)).squareRoot() : 0 }
    }

    package struct Place: Equatable, Sendable {
        package var latitude: Double
        package var longitude: Double

        /// The distance along the Earth's surface.
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
    }

    package var id: [UInt8]
    package var transactions: UInt64 = 0
    /// The event time of the last accepted transaction, in milliseconds.
    package var lastTime: Int64 = 0
    /// Bit 0 for the hour after midnight.
    package var hourBits: UInt32 = 0
    package var seenOnWeekend = false
    /// The currency used last comes first; so do the place visited last and the type used last.
    package var amounts: [Amount] = []
    package var places: [Place] = []
    package var types: [TransactionType] = []
    /// Hashes of the last transaction ids, the oldest first.
    package var recentHashes: [UInt64] = []
    /// The sequences that patterns have begun, as stored; empty when there are none.
    package var sequenceBytes: [UInt8] = []

    package init(id: [UInt8]) {
        self.id = id
    }

    package var name: String { String(decoding: id, as: UTF8.self) }

    /// Ascending.
    package var hours: [Int] { (0..<24).filter { hourBits & 1 << UInt32($0) != 0 } }
}

extension UserRecord {
    /// Reads a stored state.
    package init(id: [UInt8], state: UnsafeRawBufferPointer) throws(StateDecodingError) {
        self.init(id: id)
        var symbols = SymbolTable()
        var pool = BlockPool()
        var sequences: UserSequences?
        var state = try UserStateCoding.decode(state, symbols: &symbols, pool: &pool, sequences: &sequences)
        transactions = state.transactions
        lastTime = state.lastTime.milliseconds
        hourBits = state.hours.bits
        seenOnWeekend = state.seenOnWeekend
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
        sequences?.encode(into: &bytes)
        sequenceBytes = Array(bytes.bytes)
    }

    /// The state in its stored form.
    package var stateBytes: [UInt8] {
        var bytes = OutputBuffer(capacity: 512)
        bytes.append(
            byte: sequenceBytes.isEmpty ? UserStateCoding.version : UserStateCoding.versionWithSequences)
        bytes.append(varint: transactions)
        bytes.append(varint: UInt64(bitPattern: lastTime))
        bytes.append(varint: UInt64(hourBits) | (seenOnWeekend ? UserStateCoding.weekendBit : 0))
        bytes.append(byte: UInt8(amounts.count))
        for amount in amounts {
            bytes.append(string: amount.currency)
            bytes.append(varint: amount.count)
            bytes.append(double: amount.mean)
            bytes.append(double: amount.squares)
        }
        bytes.append(byte: UInt8(places.count))
        for place in places {
            bytes.append(double: place.latitude)
            bytes.append(double: place.longitude)
        }
        bytes.append(byte: UInt8(recentHashes.count))
        for hash in recentHashes { bytes.append(fixed: hash) }
        bytes.append(byte: UInt8(types.count))
        for type in types {
            bytes.append(string: type.name)
            bytes.append(varint: UInt64(type.times.count))
            var previous: Int64 = 0
            for time in type.times {
                bytes.append(varint: UInt64(bitPattern: time - previous))
                previous = time
            }
        }
        bytes.reserve(sequenceBytes.count)
        sequenceBytes.withUnsafeBufferPointer { bytes.write($0) }
        return Array(bytes.bytes)
    }
}

extension OutputBuffer {
    fileprivate mutating func append(string: String) {
        var string = string
        string.withUTF8 { append(text: $0) }
    }
}
