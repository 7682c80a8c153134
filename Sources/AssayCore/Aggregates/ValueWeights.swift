import CEL

/// How often each value came, or how much came with it: exact up to a bound of different values.
struct ValueWeights: Sendable {
    /// What becomes of values beyond the bound.
    enum Kind: UInt8, Sendable {
        /// All of them are counted as one.
        case countsOthers
        /// The lightest are dropped now and again, and what comes then may have weighed as much before: that is its
        /// error (Space-Saving, many at a time).
        case keepsHeaviest
    }

    struct Entry: Sendable {
        /// As bytes, the same ones for all that is equal as a key of a map.
        let key: [UInt8]
        fileprivate let hash: UInt64
        /// The first one of those.
        let value: [UInt8]
        var sum: ExactSum
        /// So much of the sum may never have come.
        var error = ExactSum()

        init(key: [UInt8], hash: UInt64, value: [UInt8], sum: ExactSum, error: ExactSum = ExactSum()) {
            (self.key, self.hash, self.value, self.sum, self.error) = (key, hash, value, sum, error)
        }
    }

    /// As many are counted apart, or stay when the lightest are dropped: that is when there are twice as many.
    static let mostValues = 10_000

    /// Nil in one of an earlier release, until it is known what is asked.
    private var kind: Kind?
    private var entries: [Entry] = []
    private var places = KeyPlaces()
    /// No value that was dropped weighs more, as long as weights are not negative. Nil before one was.
    private var bound: ExactSum?
    /// How often values beyond the bound came.
    private var others: UInt64 = 0

    init(_ kind: Kind?) {
        self.kind = kind
    }

    var count: Int { entries.count }

    /// The memory it takes, about.
    var memoryBytes: Int {
        entries.capacity * MemoryLayout<Entry>.stride + places.memoryBytes
            + entries.count * (Value.headerBytes + (entries.last?.key.count ?? 0))
    }

    mutating func add(_ value: Value, _ weight: Value, of asked: Kind) {
        if kind == nil { kind = asked }
        if asked == .countsOthers, !value.isKey { return }
        let key = value.isNumber ? value.keyBytes : value.stateBytes
        let hash = KeyPlaces.hash(key)
        if let place = places.find(key, hash, in: entries) {
            _ = entries[place].sum.add(weight)
            return
        }
        if asked == .countsOthers, entries.count >= Self.mostValues {
            others += 1
            return
        }
        var sum = bound ?? ExactSum()
        guard sum.add(weight) else { return }
        append(
            Entry(
                key: key, hash: hash, value: value.isNumber ? value.stateBytes : key, sum: sum,
                error: bound ?? ExactSum()))
        if asked == .keepsHeaviest { dropLightest() }
    }

    private mutating func append(_ entry: Entry) {
        entries.append(entry)
        places.addLast(of: entries)
    }

    // MARK: Dropping

    /// Of equally heavy values the earlier ones stay.
    private mutating func dropLightest() {
        guard entries.count >= 2 * Self.mostValues else { return }
        let weights = entries.map(\.sum.double)
        let least = weights.greatest(Self.mostValues)
        var room = Self.mostValues - weights.count { $0 > least }
        var kept = 0
        var heaviest: (weight: Double, sum: ExactSum) = (bound?.double ?? 0, bound ?? ExactSum())
        for (place, weight) in weights.enumerated() {
            if weight > least || weight == least && room > 0 {
                if weight == least { room -= 1 }
                entries.swapAt(kept, place)
                kept += 1
            } else if weight > heaviest.weight {
                heaviest = (weight, entries[place].sum)
            }
        }
        entries.removeLast(entries.count - kept)
        bound = heaviest.sum
        places = KeyPlaces(of: entries)
    }

    // MARK: Merging

    mutating func merge(_ other: ValueWeights) {
        kind = kind ?? other.kind
        others += other.others
        // What one of them has dropped may have weighed so much there.
        if let unseen = other.bound {
            for place in entries.indices
            where other.places.find(entries[place].key, entries[place].hash, in: other.entries) == nil {
                entries[place].sum.merge(unseen)
                entries[place].error.merge(unseen)
            }
        }
        for entry in other.entries {
            if let place = places.find(entry.key, entry.hash, in: entries) {
                entries[place].sum.merge(entry.sum)
                entries[place].error.merge(entry.error)
            } else if kind == .countsOthers, entries.count >= Self.mostValues {
                if case .int(let count)? = entry.sum.integer { others += UInt64(clamping: count) }
            } else {
                append(entry)
                if let bound {
                    entries[entries.count - 1].sum.merge(bound)
                    entries[entries.count - 1].error.merge(bound)
                }
            }
        }
        if let more = other.bound {
            var sum = bound ?? ExactSum()
            sum.merge(more)
            bound = sum
        }
        if kind == .keepsHeaviest { dropLightest() }
    }

    // MARK: Results

    /// The heaviest values with their weights, and by how much those may be too great.
    func top(_ count: Int) -> [(value: Value, weight: ExactSum, error: ExactSum?)] {
        heaviest(min(count, Self.mostValues)).map {
            (Value(stateBytes: $0.value), $0.sum, $0.error.double > 0 ? $0.error : nil)
        }
    }

    private func heaviest(_ count: Int) -> [Entry] {
        let weights = entries.map(\.sum.double)
        // The heaviest first; of equally heavy ones by their bytes, so that the order is always the same.
        func precedes(_ left: Int, _ right: Int) -> Bool {
            if weights[left] != weights[right] { return weights[left] > weights[right] }
            return entries[left].value.lexicographicallyPrecedes(entries[right].value)
        }
        if count > Self.mostSearched {
            return entries.indices.sorted(by: precedes).prefix(count).map { entries[$0] }
        }
        var found: [Int] = []
        for next in entries.indices where found.count < count || precedes(next, found[count - 1]) {
            if found.count == count { found.removeLast() }
            var place = found.count
            while place > 0, precedes(next, found[place - 1]) { place -= 1 }
            found.insert(next, at: place)
        }
        return found.map { entries[$0] }
    }

    /// Of so few, each is looked for in its place.
    private static let mostSearched = 64

    /// Stands for all values beyond the bound.
    private static let othersKey = "…"

    /// All values with how often they came. Numbers and truth values have their JSON as a key; a text has itself or,
    /// where that is another's key, itself in quotes.
    var counts: [(key: Value, count: Value)] {
        let sorted = heaviest(max(entries.count, Self.mostSearched + 1))
        let hasOthers = others > 0
        var taken: Set<Text> = hasOthers ? [Text(Self.othersKey)] : []
        let values = sorted.map { Value(stateBytes: $0.key) }
        for value in values where value.isNumber || value.kind == .bool {
            taken.insert(Text(ValueEncoder(.utc).text(value)))
        }
        var counts: [(key: Value, count: Value)] = []
        for (value, entry) in zip(values, sorted) {
            let count = entry.sum.integer ?? .double(entry.sum.double)
            switch value {
            case .string(let text):
                var key = text
                if !taken.isEmpty { while !taken.insert(key).inserted { key = Text("\"\(key.string)\"") } }
                counts.append((.string(key), count))
            case .double: counts.append((.string(ValueEncoder(.utc).text(value)), count))
            default: counts.append((value, count))
            }
        }
        return hasOthers ? counts + [(.string(Self.othersKey), .int(Int64(clamping: others)))] : counts
    }

    // MARK: As bytes

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(byte: kind.map { $0.rawValue + 1 } ?? 0)
        bytes.append(byte: bound == nil ? 0 : 1)
        bound?.encode(into: &bytes)
        bytes.append(varint: others)
        bytes.append(varint: UInt64(entries.count))
        for entry in entries {
            bytes.append(varint: UInt64(entry.value.count))
            bytes.reserve(entry.value.count)
            entry.value.withUnsafeBufferPointer { bytes.write($0) }
            entry.sum.encode(into: &bytes)
            if bound != nil { entry.error.encode(into: &bytes) }
        }
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        let asked = try reader.byte()
        kind = Kind(rawValue: asked &- 1)
        guard asked == 0 || kind != nil else { throw StateDecodingError(.outOfBounds) }
        if try reader.byte(atMost: 1) == 1 { bound = try ExactSum(&reader) }
        others = try reader.varint()
        for _ in 0..<(try reader.count()) {
            let (key, value) = try Self.value(&reader)
            let hash = KeyPlaces.hash(key)
            guard places.find(key, hash, in: entries) == nil else { throw StateDecodingError(.outOfBounds) }
            var entry = Entry(key: key, hash: hash, value: value, sum: try ExactSum(&reader))
            if bound != nil { entry.error = try ExactSum(&reader) }
            append(entry)
        }
    }

    /// What was written before there was an error: values with their sums, the heaviest first.
    init(earlier reader: inout StateByteReader) throws(StateDecodingError) {
        for _ in 0..<(try reader.count()) {
            let (key, value) = try Self.value(&reader)
            let sum = try ExactSum(earlier: &reader)
            let hash = KeyPlaces.hash(key)
            if let place = places.find(key, hash, in: entries) {
                entries[place].sum.merge(sum)
            } else {
                append(Entry(key: key, hash: hash, value: value, sum: sum))
            }
        }
    }

    private static func value(
        _ reader: inout StateByteReader
    ) throws(StateDecodingError) -> (key: [UInt8], value: [UInt8]) {
        let bytes = Array(try reader.content())
        guard Value.isWhole(stateBytes: bytes) else { throw StateDecodingError(.outOfBounds) }
        let value = Value(stateBytes: bytes)
        return (value.isNumber ? value.keyBytes : bytes, bytes)
    }
}

/// Where entries stand, by their keys. It has the entries' places alone, and is made anew when those change.
private struct KeyPlaces: Sendable {
    /// The upper half of a hash and the place, counted from one; zero where nothing is.
    private var slots = [UInt64](repeating: 0, count: 16)

    var memoryBytes: Int { slots.capacity * MemoryLayout<UInt64>.stride }

    init() {}

    init(of entries: [ValueWeights.Entry]) {
        while slots.count < 4 * entries.count { slots = [UInt64](repeating: 0, count: 2 * slots.count) }
        for (place, entry) in entries.enumerated() { put(place, entry.hash) }
    }

    static func hash(_ key: [UInt8]) -> UInt64 { key.withUnsafeBufferPointer { $0.stableHash } }

    func find(_ key: [UInt8], _ hash: UInt64, in entries: [ValueWeights.Entry]) -> Int? {
        var position = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[position] != 0 {
            if slots[position] >> 32 == hash >> 32 {
                let place = Int(slots[position] & 0xFFFF_FFFF) - 1
                if entries[place].key == key { return place }
            }
            position = (position + 1) & (slots.count - 1)
        }
        return nil
    }

    /// An entry was appended.
    mutating func addLast(of entries: [ValueWeights.Entry]) {
        if 2 * entries.count > slots.count {
            self = KeyPlaces(of: entries)
        } else {
            put(entries.count - 1, entries[entries.count - 1].hash)
        }
    }

    private mutating func put(_ place: Int, _ hash: UInt64) {
        var position = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[position] != 0 { position = (position + 1) & (slots.count - 1) }
        slots[position] = hash & ~0xFFFF_FFFF | UInt64(place + 1)
    }
}

extension [Double] {
    /// The one that so many are as great as, or greater: no sorting is needed for that.
    fileprivate func greatest(_ count: Int) -> Double {
        var numbers = self
        var (first, last) = (0, numbers.count - 1)
        while first < last {
            // The middle one of three keeps numbers that are in order from being gone through again and again.
            let ends = [numbers[first], numbers[(first + last) / 2], numbers[last]].sorted()
            var (left, right) = (first, last)
            while left <= right {
                while numbers[left] > ends[1] { left += 1 }
                while numbers[right] < ends[1] { right -= 1 }
                guard left <= right else { break }
                numbers.swapAt(left, right)
                left += 1
                right -= 1
            }
            if count - 1 <= right { last = right } else if count - 1 >= left { first = left } else { break }
        }
        return numbers[count - 1]
    }
}

extension Value {
    /// Whether it is counted: what a map can have as a key, or can have the text of.
    fileprivate var isKey: Bool {
        switch self {
        case .bool, .int, .uint, .double, .string: true
        default: false
        }
    }

    fileprivate var isNumber: Bool {
        switch self {
        case .int, .uint, .double: true
        default: false
        }
    }

    /// As states keep it, of numbers in the one form that all equal ones share.
    fileprivate var keyBytes: [UInt8] {
        switch self {
        case .uint(let uint): Int64(exactly: uint).map { Value.int($0).stateBytes } ?? stateBytes
        case .double(let double):
            (Int64(exactly: double).map(Value.int) ?? UInt64(exactly: double).map(Value.uint) ?? self).stateBytes
        default: stateBytes
        }
    }

    /// The value's bytes in states; values of one type are equal exactly when these are.
    var stateBytes: [UInt8] {
        var bytes = OutputBuffer(capacity: 64)
        ValueCoding.encode(self, into: &bytes)
        return Array(bytes.bytes)
    }

    /// Whether bytes are those of exactly one value.
    static func isWhole(stateBytes: [UInt8]) -> Bool {
        stateBytes.withUnsafeBytes { bytes in
            var reader = StateByteReader(bytes)
            do throws(StateDecodingError) {
                _ = try ValueCoding.decode(&reader)
                try reader.finish()
                return true
            } catch {
                return false
            }
        }
    }

    /// The value of such bytes.
    init(stateBytes: [UInt8]) {
        self = stateBytes.withUnsafeBytes { bytes in
            var reader = StateByteReader(bytes)
            do throws(StateDecodingError) {
                return try ValueCoding.decode(&reader)
            } catch {
                preconditionFailure("a value's own bytes are valid: \(error.problem)")
            }
        }
    }

    /// The number; nil for any other value and for NaN.
    var number: Double? {
        switch self {
        case .int(let int): Double(int)
        case .uint(let uint): Double(uint)
        case .double(let double): double.isNaN ? nil : double
        default: nil
        }
    }
}

extension ExactSum {
    /// Returns false when the value is not a number.
    mutating func add(_ value: Value) -> Bool {
        switch value {
        case .int(let int): add(int)
        case .uint(let uint): add(uint)
        case .double(let double) where !double.isNaN: add(double)
        default: return false
        }
        return true
    }
}
