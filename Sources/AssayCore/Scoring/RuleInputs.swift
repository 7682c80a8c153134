import CEL

/// The current transaction as rules see it. Everything is computed only when a rule asks for it.
///
/// Its pointers belong to the evaluator and are valid for one transaction: see `RuleEvaluator.evaluate`.
final class RuleInputs: Host {
    private let settings: ScoringSettings
    private let amountCheck: AmountCheck
    private let locationCheck: LocationCheck
    private let defaultType: KeptText
    /// By query, the symbol of its type and its window.
    var queries: [(symbol: UInt32, windowMilliseconds: Int64)] = []

    /// Of the batch, if it is of CSV.
    var columns: CSVColumns?

    /// By the model, once it is ready.
    var probability: Double?

    // Set before an evaluation, and read only during one.
    private(set) var moment = Moment()
    private var state: UnsafePointer<UserState>!
    private var symbols: UnsafePointer<SymbolTable>!

    struct Moment {
        var transaction = Transaction()
        var text = BatchText(base: UnsafePointer(bitPattern: 1)!)
        var hour: UInt8 = 0
        var weekday: UInt8 = 0
        var isKnownType = false
    }

    init(settings: ScoringSettings, amount: AmountCheck, location: LocationCheck) {
        self.settings = settings
        amountCheck = amount
        locationCheck = location
        defaultType = KeptText(settings.defaultType)
    }

    func begin(_ moment: Moment, state: UnsafePointer<UserState>, symbols: UnsafePointer<SymbolTable>) {
        self.moment = moment
        self.state = state
        self.symbols = symbols
    }

    func end() {
        state = nil
        symbols = nil
    }

    private static func variable(_ slot: Int) -> RuleVariable {
        // The environment declares all slots.
        guard let variable = RuleVariable(rawValue: slot) else { preconditionFailure("there is no variable \(slot)") }
        return variable
    }

    // MARK: Host

    func double(_ slot: Int) throws(EvaluationError) -> Double {
        switch Self.variable(slot) {
        case .amount: return moment.transaction.amount
        case .modelProbability: return probability ?? 0
        case .latitude: return try location().latitude
        case .longitude: return try location().longitude
        case .userSecondsSinceLast:
            guard let last = state.pointee.lastTime else { return .infinity }
            return Double(moment.transaction.time.milliseconds - last.milliseconds) / 1000
        case .userAverageAmount: return amounts?.mean ?? 0
        case .userAmountDeviation: return amounts.map(amountCheck.deviation) ?? 0
        case .zScore: return amounts.flatMap { amountCheck.zScore(moment.transaction.amount, $0) } ?? 0
        case .distanceKilometers:
            guard let place = moment.transaction.location else { return 0 }
            return locationCheck.kilometers(from: place, to: state.pointee.places) ?? 0
        default: preconditionFailure("it is declared as a double")
        }
    }

    func int(_ slot: Int) throws(EvaluationError) -> Int64 {
        if slot >= RuleSet.firstQuerySlot {
            let query = queries[slot - RuleSet.firstQuerySlot]
            return velocity(query.windowMilliseconds) { [state] in
                state!.pointee.types.firstIndex { $0.symbol == query.symbol }
            }
        }
        switch Self.variable(slot) {
        case .userTransactions: return Int64(state.pointee.transactions)
        case .userPlaces: return Int64(state.pointee.places.count)
        case .userAmountCount: return Int64(amounts?.count ?? 0)
        case .hour: return Int64(moment.hour)
        case .weekday: return Int64(moment.weekday)
        default: preconditionFailure("it is declared as an int")
        }
    }

    func bool(_ slot: Int) throws(EvaluationError) -> Bool {
        switch Self.variable(slot) {
        case .modelReady: return probability != nil
        case .userIsNew: return state.pointee.transactions == 0
        case .userSeenOnWeekend: return state.pointee.seenOnWeekend
        case .isNight: return settings.time.isNight(moment.hour)
        case .isWeekend: return TimeCheck.isWeekend(moment.weekday)
        case .isNewHour: return !state.pointee.hours.contains(moment.hour)
        case .isNewType: return !moment.isKnownType
        default: preconditionFailure("it is declared as a bool")
        }
    }

    func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        switch Self.variable(slot) {
        case .transactionID: return moment.text.bytes(moment.transaction.id)
        case .userID: return moment.text.bytes(moment.transaction.userID)
        case .transactionType:
            if moment.transaction.type.isEmpty { return defaultType.bytes }
            return moment.text.bytes(moment.transaction.type)
        case .accountID: return moment.text.bytes(moment.transaction.accountID)
        case .merchantID: return moment.text.bytes(moment.transaction.merchantID)
        case .currency: return currency
        default: preconditionFailure("it is declared as a text")
        }
    }

    /// Members are searched for in the line's text each time.
    func cost(_ slot: Int) -> Int {
        switch RuleVariable(rawValue: slot) {
        case .metadata?:
            Int(moment.transaction.metadata.count) / Self.bytesPerStep
                + (row == nil ? 0 : Int(moment.transaction.line.count) / Self.bytesPerStep)
        case .event?, .kafka?: Int(moment.transaction.line.count) / Self.bytesPerStep
        default: 0
        }
    }

    /// About what is scanned in the time of one operation.
    static let bytesPerStep = 64

    func value(_ slot: Int) throws(EvaluationError) -> Value {
        let variable = Self.variable(slot)
        switch variable {
        case .timestamp: return try timestamp(moment.transaction.time)
        case .userLastTimestamp:
            guard let last = state.pointee.lastTime else {
                throw EvaluationError(.noSuchKey, "the user has no earlier transaction")
            }
            return try timestamp(last)
        case .location:
            guard let place = moment.transaction.location else { return .map(Self.emptyMap) }
            return map([("latitude", .double(place.latitude)), ("longitude", .double(place.longitude))])
        case .metadata: return metadata
        case .event: return row.map { map($0.members()) } ?? event.all
        case .kafka: return .map(envelope)
        case .userTypes:
            return .list(
                state.pointee.types.map { .string(String(decoding: symbols.pointee.text($0.symbol), as: UTF8.self)) })
        case .userCurrencies:
            return .list(state.pointee.amounts.map { .string(String(decoding: $0.currency.bytes, as: UTF8.self)) })
        case .userHours:
            return .list((UInt8(0)..<24).filter(state.pointee.hours.contains).map { .int(Int64($0)) })
        default: preconditionFailure("it is declared as something simpler")
        }
    }

    /// A value of any type; nil where it has none.
    func anyValue(_ slot: Int) -> Value? {
        do throws(EvaluationError) {
            if slot >= RuleSet.firstQuerySlot { return .int(try int(slot)) }
            return switch Self.variable(slot).type {
            case .double: .double(try double(slot))
            case .int: .int(try int(slot))
            case .bool: .bool(try bool(slot))
            case .string: .string(String(decoding: try text(slot), as: UTF8.self))
            default: try value(slot)
            }
        } catch {
            return nil
        }
    }

    func member(_ slot: Int, _ key: Text) throws(EvaluationError) -> Value? {
        switch Self.variable(slot) {
        case .metadata:
            if let cell = row?.find(Self.metadataPrefix + key.string) { return cell }
            return JSONMembers(moment.transaction.metadata, moment.text).find(key)
        case .event: return row.map { $0.find(key.string) } ?? event.find(key)
        case .kafka: return envelope.find(.string(key))
        case .location:
            switch key.string {
            case "latitude": return moment.transaction.location.map { .double($0.latitude) }
            case "longitude": return moment.transaction.location.map { .double($0.longitude) }
            default: return nil
            }
        default: preconditionFailure("only maps have members")
        }
    }

    /// `velocity()` of a type known only at run time; the number is the window's.
    func call(_ function: Int, _ arguments: [Value]) throws(EvaluationError) -> Value {
        guard case .string(let type)? = arguments.first else { throw EvaluationError(.noSuchOverload, "velocity()") }
        let name = Array(type.string.utf8)
        let count = velocity(Int64(function) * 1000) { [state, symbols] in
            state!.pointee.types.firstIndex { symbols!.pointee.withText($0.symbol) { $0.elementsEqual(name) } }
        }
        return .int(count)
    }

    // MARK: Parts

    private static let emptyMap: MapValue = {
        guard let map = MapValue([]) else { preconditionFailure("an empty map has no duplicates") }
        return map
    }()

    private func map(_ entries: [(String, Value)]) -> Value {
        MapValue(entries.map { (.string($0.0), $0.1) }).map(Value.map) ?? .map(Self.emptyMap)
    }

    private func location() throws(EvaluationError) -> Location {
        guard let location = moment.transaction.location else {
            throw EvaluationError(.noSuchKey, "the transaction has no location")
        }
        return location
    }

    private func timestamp(_ time: EventTime) throws(EvaluationError) -> Value {
        guard let timestamp = Timestamp(milliseconds: time.milliseconds) else {
            throw EvaluationError(.range, "a timestamp past the year 9999")
        }
        return .timestamp(timestamp)
    }

    private static let metadataPrefix = "metadata."

    /// Columns `metadata.x` are members like those in a cell of JSON.
    private var metadata: Value {
        let all = JSONMembers(moment.transaction.metadata, moment.text).all
        guard let cells = row?.members(under: Self.metadataPrefix), !cells.isEmpty else { return all }
        let names = Set(cells.map(\.0))
        var members = cells
        if case .map(let map) = all {
            for (key, value) in zip(map.keys, map.values) {
                if case .string(let name) = key, !names.contains(name.string) { members.append((name.string, value)) }
            }
        }
        return self.map(members)
    }

    /// The record, if it is one of CSV.
    private var row: CSVRow? {
        guard moment.transaction.traits.contains(.isCSV), let columns else { return nil }
        return CSVRow(columns, moment.text.bytes(moment.transaction.line))
    }

    private var event: JSONMembers { JSONMembers(moment.transaction.line, moment.text) }

    /// What a record came with; empty without an envelope.
    private var envelope: MapValue {
        guard case .map(let members)? = event.find(Text("kafka")) else { return Self.emptyMap }
        return members
    }

    private var amounts: UserState.AmountHistory? {
        state.pointee.amounts.first { $0.currency == moment.transaction.currency }
    }

    /// A packed code has its bytes in order, followed by the unused ones.
    private var currency: UnsafeBufferPointer<UInt8> {
        currencyBytes.packed = moment.transaction.currency.packed.littleEndian
        return currencyBytes.view
    }

    private let currencyBytes = CurrencyBytes()

    private func velocity(_ windowMilliseconds: Int64, _ typeIndex: () -> Int?) -> Int64 {
        guard let index = typeIndex() else { return 0 }
        let times = state.pointee.times(ofType: index)
        let time = moment.transaction.time.milliseconds
        let upper = times.countUp(to: time)
        return Int64(upper - Swift.min(upper, times.countUp(to: time - windowMilliseconds)))
    }
}

/// A buffer for a currency's bytes that can be pointed to.
private final class CurrencyBytes {
    private let room = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)

    deinit { room.deallocate() }

    var packed: UInt64 {
        get { room.pointee }
        set { room.pointee = newValue }
    }

    var view: UnsafeBufferPointer<UInt8> {
        let bytes = UnsafeRawPointer(room).assumingMemoryBound(to: UInt8.self)
        var count = 0
        // 0xFF marks unused bytes.
        while count < CurrencyCode.capacity, bytes[count] != 0xFF { count += 1 }
        return UnsafeBufferPointer(start: bytes, count: count)
    }
}
