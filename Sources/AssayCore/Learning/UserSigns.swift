import CBytes
import Glibc

/// What learning remembers of one user: a block of words that belongs to a pool.
///
/// The words: what is left of outliers, the time of the last great one, the numbers of currencies and norms with the
/// capacity; then the currencies, in no order, and the user's norms, the one used last first.
struct UserSigns {
    static let mostCurrencies = UserState.mostCurrencies
    static let mostNorms = 16

    /// How the amounts in one currency run.
    struct Amounts {
        var currency: CurrencyCode
        var level: Double
        var deviation: Double
        var day: Double
        var month: Double
        var time: Int64
    }

    /// Of a category in a currency.
    struct Norm {
        /// The number of the pair in its low bits, above them how many transactions it is made of.
        private var packed: UInt64
        var mean: Double
        var variance: Double

        private static let pairBits: UInt64 = 16

        init(pair: UInt16, count: UInt64, mean: Double, variance: Double) {
            packed = UInt64(pair) | count << Self.pairBits
            (self.mean, self.variance) = (mean, variance)
        }

        var pair: UInt16 { UInt16(truncatingIfNeeded: packed) }

        var count: UInt64 {
            get { packed >> Self.pairBits }
            set { packed = UInt64(pair) | newValue << Self.pairBits }
        }

        /// Far more than a user can have.
        static let mostCount: UInt64 = 1 << 48 - 1
    }

    private enum Words {
        static let head = 3
        static let amounts = MemoryLayout<Amounts>.stride / 8
        static let norm = MemoryLayout<Norm>.stride / 8
        static let one = head + amounts + 3 * norm
    }

    private(set) var block: UnsafeMutablePointer<UInt64>

    init(in pool: inout BlockPool) {
        let capacity = BlockCapacity(words: Words.one)
        block = pool.take(capacity)
        (outliers, outlierTime) = (0, nil)
        block[2] = 0
        self.capacity = capacity
    }

    init(_ place: UserPlace) {
        guard let block = UnsafeMutablePointer<UInt64>(bitPattern: UInt(place.bits)) else {
            preconditionFailure("a place is where a block is")
        }
        self.block = block
    }

    var place: UserPlace { UserPlace(bits: UInt64(UInt(bitPattern: block))) }

    // MARK: The head

    var outliers: Double {
        get { Double(bitPattern: block[0]) }
        nonmutating set { block[0] = newValue.bitPattern }
    }

    /// Of the last great outlier.
    var outlierTime: Int64? {
        get { block[1] == .max ? nil : Int64(bitPattern: block[1]) }
        nonmutating set { block[1] = newValue.map { UInt64(bitPattern: $0) } ?? .max }
    }

    private var currencyCount: Int {
        get { Int(block[2] & 0xFF) }
        nonmutating set { block[2] = block[2] & ~0xFF | UInt64(newValue) }
    }

    private var normCount: Int {
        get { Int(block[2] >> 8 & 0xFF) }
        nonmutating set { block[2] = block[2] & ~0xFF00 | UInt64(newValue) << 8 }
    }

    private var capacity: BlockCapacity {
        get { BlockCapacity(step: Int(block[2] >> 16 & 0xFF)) }
        nonmutating set { block[2] = block[2] & ~0xFF_0000 | UInt64(newValue.step) << 16 }
    }

    // MARK: The lists

    /// Valid until something is added.
    var amounts: UnsafeMutableBufferPointer<Amounts> { view(Words.head, currencyCount) }

    var norms: UnsafeMutableBufferPointer<Norm> { view(Words.head + currencyCount * Words.amounts, normCount) }

    private func view<Element>(_ start: Int, _ count: Int) -> UnsafeMutableBufferPointer<Element> {
        UnsafeMutableBufferPointer(
            start: UnsafeMutableRawPointer(block + start).assumingMemoryBound(to: Element.self), count: count)
    }

    private var wordCount: Int { Words.head + currencyCount * Words.amounts + normCount * Words.norm }

    var byteCount: Int { capacity.words * 8 }

    func prefetch() {
        let bytes = UnsafeRawPointer(block)
        for line in 0..<4 { assay_prefetch(bytes + line * 64) }
    }

    func norm(of pair: UInt16) -> Int? { norms.firstIndex { $0.pair == pair } }

    /// Makes a norm the one used last.
    func useNorm(_ index: Int) {
        guard index > 0 else { return }
        let norms = norms
        let used = norms[index]
        for place in stride(from: index, to: 0, by: -1) { norms[place] = norms[place - 1] }
        norms[0] = used
    }

    /// Adds a norm as the one used last. The one used longest ago makes room if necessary.
    mutating func add(_ norm: Norm, in pool: inout BlockPool) {
        if normCount == Self.mostNorms {
            norms[Self.mostNorms - 1] = norm
            return useNorm(Self.mostNorms - 1)
        }
        reserve(Words.norm, in: &pool)
        normCount += 1
        norms[normCount - 1] = norm
        useNorm(normCount - 1)
    }

    mutating func add(_ amounts: Amounts, in pool: inout BlockPool) {
        precondition(currencyCount < Self.mostCurrencies, "currencies that the user no longer has are dropped first")
        reserve(Words.amounts, in: &pool)
        let start = block + Words.head + currencyCount * Words.amounts
        memmove(start + Words.amounts, start, normCount * Words.norm * 8)
        currencyCount += 1
        self.amounts[currencyCount - 1] = amounts
    }

    /// Drops the currencies that the user no longer has.
    func keepAmounts(where isKept: (CurrencyCode) -> Bool) {
        for index in (0..<currencyCount).reversed() where !isKept(amounts[index].currency) {
            let hole = block + Words.head + index * Words.amounts
            memmove(hole, hole + Words.amounts, (wordCount - Words.head - (index + 1) * Words.amounts) * 8)
            currencyCount -= 1
        }
    }

    private mutating func reserve(_ words: Int, in pool: inout BlockPool) {
        let used = wordCount
        guard used + words > capacity.words else { return }
        let (old, oldCapacity) = (block, capacity)
        let larger = BlockCapacity(words: used + words)
        block = pool.take(larger)
        memcpy(block, old, used * 8)
        capacity = larger
        pool.giveBack(old, oldCapacity)
    }

    func giveBack(to pool: inout BlockPool) { pool.giveBack(block, capacity) }

    // MARK: As bytes

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(double: outliers)
        bytes.append(varint: outlierTime.map { UInt64($0) + 1 } ?? 0)
        bytes.append(byte: UInt8(currencyCount))
        for amounts in amounts {
            bytes.append(fixed: amounts.currency.packed)
            bytes.append(double: amounts.level)
            bytes.append(double: amounts.deviation)
            bytes.append(double: amounts.day)
            bytes.append(double: amounts.month)
            bytes.append(varint: UInt64(amounts.time))
        }
        bytes.append(byte: UInt8(normCount))
        for norm in norms {
            bytes.append(varint: UInt64(norm.pair))
            bytes.append(varint: norm.count)
            bytes.append(double: norm.mean)
            bytes.append(double: norm.variance)
        }
    }

    /// What was read, before it gets a block.
    struct Content {
        var outliers = 0.0
        var outlierTime: Int64?
        var amounts: [Amounts] = []
        var norms: [Norm] = []

        init(_ reader: inout StateByteReader) throws(StateDecodingError) {
            outliers = try reader.double()
            let time = try reader.varint()
            guard time <= UInt64(EventTime.endMilliseconds) else { throw StateDecodingError(.outOfBounds) }
            outlierTime = time == 0 ? nil : Int64(time) - 1
            for _ in 0..<(try reader.byte(atMost: UserSigns.mostCurrencies)) {
                amounts.append(
                    Amounts(
                        currency: CurrencyCode(packed: try reader.fixed()), level: try reader.double(),
                        deviation: try reader.double(), day: try reader.double(), month: try reader.double(),
                        time: try reader.time().milliseconds))
            }
            for _ in 0..<(try reader.byte(atMost: UserSigns.mostNorms)) {
                let pair = UInt16(try reader.count(atMost: Norms.mostPairs - 1))
                let count = try reader.varint()
                guard count <= Norm.mostCount else { throw StateDecodingError(.outOfBounds) }
                norms.append(
                    Norm(pair: pair, count: count, mean: try reader.double(), variance: try reader.double()))
            }
        }
    }

    init(_ content: Content, in pool: inout BlockPool) {
        self.init(in: &pool)
        (outliers, outlierTime) = (content.outliers, content.outlierTime)
        for amounts in content.amounts { add(amounts, in: &pool) }
        for norm in content.norms.reversed() { add(norm, in: &pool) }
    }
}
