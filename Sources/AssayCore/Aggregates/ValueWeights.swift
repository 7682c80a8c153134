import CEL

/// How often each value came, or with how much weight. Exact up to a limit of different values; then the lightest half
/// is dropped now and then, and rare values may be missed.
struct ValueWeights: Equatable, Sendable {
    struct Weight: Equatable, Sendable {
        /// The value as bytes: equal values of one type have the same.
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

    /// The heaviest first; equal weights are ordered by their bytes, so that the order is always the same.
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
}

extension Value {
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
        case .uint(let uint):
            if let int = Int64(exactly: uint) { add(int) } else { add(Double(uint)) }
        case .double(let double) where !double.isNaN: add(double)
        default: return false
        }
        return true
    }
}
