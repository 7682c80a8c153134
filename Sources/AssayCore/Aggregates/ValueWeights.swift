import CEL

/// How often each value came, or how much came with it. Exact up to a bound of different values; then the lightest half
/// is dropped now and again, and what is rare may be missed.
struct ValueWeights: Equatable, Sendable {
    struct Weight: Equatable, Sendable {
        /// Of the value, as bytes: what is equal in one type has the same ones.
        let key: [UInt8]
        var sum: ExactSum
    }

    static let mostValues = 10_000

    private var weights: [[UInt8]: ExactSum] = [:]

    var count: Int { weights.count }

    mutating func add(_ value: Value, _ weight: Value) {
        var sum = weights[value.stateBytes] ?? ExactSum()
        guard sum.add(weight) else { return }
        weights[value.stateBytes] = sum
        prune()
    }

    mutating func merge(_ other: ValueWeights) {
        for (key, sum) in other.weights { weights[key, default: ExactSum()].merge(sum) }
        prune()
    }

    private mutating func prune() {
        guard weights.count > 2 * Self.mostValues else { return }
        weights = Dictionary(uniqueKeysWithValues: heaviest.prefix(Self.mostValues).map { ($0.key, $0.sum) })
    }

    /// The heaviest first; of equally heavy ones by their bytes, so that the order is always the same.
    private var heaviest: [Weight] {
        weights.map { Weight(key: $0.key, sum: $0.value) }.sorted { left, right in
            let (leftSum, rightSum) = (left.sum.double, right.sum.double)
            if leftSum != rightSum { return leftSum > rightSum }
            return left.key.lexicographicallyPrecedes(right.key)
        }
    }

    /// The heaviest values with their weights.
    func top(_ count: Int) -> [(value: Value, weight: ExactSum)] {
        heaviest.prefix(min(count, Self.mostValues)).map { (Value(stateBytes: $0.key), $0.sum) }
    }

    // MARK: As bytes

    init() {}

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(weights.count))
        for weight in heaviest {
            bytes.append(varint: UInt64(weight.key.count))
            bytes.reserve(weight.key.count)
            weight.key.withUnsafeBufferPointer { bytes.write($0) }
            weight.sum.encode(into: &bytes)
        }
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        for _ in 0..<(try reader.count()) {
            let key = Array(try reader.content())
            guard Value.isWhole(stateBytes: key) else { throw StateDecodingError(.outOfBounds) }
            weights[key] = try ExactSum(&reader)
        }
    }

    init(earlier reader: inout StateByteReader) throws(StateDecodingError) {
        for _ in 0..<(try reader.count()) {
            let key = Array(try reader.content())
            guard Value.isWhole(stateBytes: key) else { throw StateDecodingError(.outOfBounds) }
            weights[key] = try ExactSum(earlier: &reader)
        }
    }
}

extension Value {
    /// As states keep it; values of one type are equal exactly when these are.
    var stateBytes: [UInt8] {
        var bytes = OutputBuffer(capacity: 64)
        ValueCoding.encode(self, into: &bytes)
        return Array(bytes.bytes)
    }

    /// Whether bytes are those of one value, and nothing else.
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

    /// Of bytes that were made so.
    init(stateBytes: [UInt8]) {
        self = stateBytes.withUnsafeBytes { bytes in
            var reader = StateByteReader(bytes)
            do throws(StateDecodingError) {
                return try ValueCoding.decode(&reader)
            } catch {
                preconditionFailure("a value's own bytes are good: \(error.problem)")
            }
        }
    }

    /// Of numbers, nil of everything else and of what is no number.
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
    /// False when the value is no number.
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
