/// What is usual over all users: amounts by currency, and by category and currency, on a logarithmic scale.
package struct Norms: ~Copyable {
    package static let mostCurrencies = 256
    package static let mostPairs = 1024
    /// Further categories share the number after the last.
    package static let mostCategories = 62
    /// So many make a norm.
    static let least: UInt64 = 20

    package struct OfCurrency: Sendable {
        package let currency: CurrencyCode
        package var count: UInt64
        package var mean: Double
    }

    /// Of a category in a currency.
    package struct OfPair: Sendable {
        package let category: UInt16
        package let currency: CurrencyCode
        package var count: UInt64
        package var mean: Double
        package var variance: Double
        /// The pair of the same category that was remembered before; none at the end.
        fileprivate var next: UInt16
    }

    package private(set) var currencies: [OfCurrency] = []
    package private(set) var pairs: [OfPair] = []
    /// Those with a number of their own, and those of pairs.
    private var categories = KeyTable<UInt16>(shardBits: 0)
    package private(set) var categoryTexts: [[UInt8]] = []
    /// By category, the pair that was remembered last.
    private var lastPairs: [UInt16] = []
    private var lastCurrency = 0
    /// The pairs of the first categories and currencies, by the numbers of both.
    private let earlyPairs = UnsafeMutableBufferPointer<UInt16>.allocate(capacity: early * early)

    private static let none = UInt16.max
    private static let early = 64

    private static func place(_ category: UInt16, _ currency: Int) -> Int? {
        category < early && currency < early ? Int(category) * early + currency : nil
    }

    // MARK: Finding

    mutating func currency(_ code: CurrencyCode) -> Int? {
        if lastCurrency < currencies.count, currencies[lastCurrency].currency == code { return lastCurrency }
        guard let found = currencies.firstIndex(where: { $0.currency == code }) else { return nil }
        lastCurrency = found
        return found
    }

    /// The number of a category: its own, or that of those that came too late for one.
    mutating func number(ofCategory text: UnsafeBufferPointer<UInt8>) -> (bin: UInt8, category: UInt16?) {
        let hash = text.stableHash
        if let found = categories.find(text, hash: hash) {
            return (UInt8(min(Int(categories[found]), Self.mostCategories)), categories[found])
        }
        guard categoryTexts.count < Self.mostCategories else { return (UInt8(Self.mostCategories), nil) }
        return (UInt8(categoryTexts.count), addCategory(text, hash))
    }

    private mutating func addCategory(_ text: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> UInt16 {
        let category = UInt16(categoryTexts.count)
        _ = categories.insert(text, hash: hash, state: category)
        categoryTexts.append(Array(text))
        lastPairs.append(Self.none)
        return category
    }

    /// `number`: that of the currency, where it is remembered.
    func pair(_ category: UInt16, _ currency: CurrencyCode, number: Int?) -> UInt16? {
        if let number, let place = Self.place(category, number) {
            return earlyPairs[place] == Self.none ? nil : earlyPairs[place]
        }
        var pair = lastPairs[Int(category)]
        while pair != Self.none {
            if pairs[Int(pair)].currency == currency { return pair }
            pair = pairs[Int(pair)].next
        }
        return nil
    }

    // MARK: Learning

    /// `logarithm`: of the amount and one. `known`: the pair, if it is remembered. Returns the pair, if it is now.
    mutating func learn(
        _ logarithm: Double, _ code: CurrencyCode, categoryText text: UnsafeBufferPointer<UInt8>, _ category: UInt16?,
        known: UInt16?
    ) -> UInt16? {
        if let index = currency(code) {
            currencies[index].count += 1
            let step = max(0.001, 1 / Double(currencies[index].count))
            currencies[index].mean += step * clipped(logarithm - currencies[index].mean)
        } else if currencies.count < Self.mostCurrencies {
            currencies.append(OfCurrency(currency: code, count: 1, mean: logarithm))
        }
        if let known {
            pairs[Int(known)].learn(logarithm)
            return known
        }
        guard pairs.count < Self.mostPairs else { return nil }
        let owner = category ?? addCategory(text, text.stableHash)
        return add(OfPair(category: owner, currency: code, count: 1, mean: logarithm, variance: 1, next: Self.none))
    }

    private mutating func add(_ pair: OfPair) -> UInt16 {
        var pair = pair
        if let number = currency(pair.currency), let place = Self.place(pair.category, number) {
            earlyPairs[place] = UInt16(pairs.count)
        }
        pair.next = lastPairs[Int(pair.category)]
        lastPairs[Int(pair.category)] = UInt16(pairs.count)
        pairs.append(pair)
        return UInt16(pairs.count - 1)
    }

    // MARK: As bytes

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(categoryTexts.count))
        for text in categoryTexts { text.withUnsafeBufferPointer { bytes.append(text: $0) } }
        bytes.append(varint: UInt64(currencies.count))
        for currency in currencies {
            bytes.append(fixed: currency.currency.packed)
            bytes.append(varint: currency.count)
            bytes.append(double: currency.mean)
        }
        bytes.append(varint: UInt64(pairs.count))
        for pair in pairs {
            bytes.append(varint: UInt64(pair.category))
            bytes.append(fixed: pair.currency.packed)
            bytes.append(varint: pair.count)
            bytes.append(double: pair.mean)
            bytes.append(double: pair.variance)
        }
    }

    init() { earlyPairs.initialize(repeating: Self.none) }

    deinit { earlyPairs.deallocate() }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        self.init()
        for _ in 0..<(try reader.count(atMost: Self.mostCategories + Self.mostPairs)) {
            let text = try reader.text(atMost: ShortValue.lengths.upperBound)
            guard categories.find(text, hash: text.stableHash) == nil else {
                throw StateDecodingError(.repeatedKey)
            }
            _ = addCategory(text, text.stableHash)
        }
        for _ in 0..<(try reader.count(atMost: Self.mostCurrencies)) {
            currencies.append(
                OfCurrency(
                    currency: CurrencyCode(packed: try reader.fixed()), count: try reader.varint(),
                    mean: try reader.double()))
        }
        for _ in 0..<(try reader.count(atMost: Self.mostPairs)) {
            let category = try reader.count(atMost: categoryTexts.count - 1)
            _ = add(
                OfPair(
                    category: UInt16(category), currency: CurrencyCode(packed: try reader.fixed()),
                    count: try reader.varint(), mean: try reader.double(), variance: try reader.double(),
                    next: Self.none))
        }
    }
}

extension Norms.OfPair {
    fileprivate mutating func learn(_ logarithm: Double) {
        count += 1
        let difference = clipped(logarithm - mean)
        let step = max(0.001, 1 / Double(count))
        mean += step * difference
        variance += step * (difference * difference - variance)
    }
}

extension StateByteReader {
    /// A number that must not exceed a bound.
    mutating func count(atMost bound: Int) throws(StateDecodingError) -> Int {
        let value = try varint()
        guard bound >= 0, value <= UInt64(bound) else { throw StateDecodingError(.outOfBounds) }
        return Int(value)
    }
}
