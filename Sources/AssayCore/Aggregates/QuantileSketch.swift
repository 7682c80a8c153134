import Glibc

/// Quantiles of numbers, each to one per cent of itself, whatever their size: counts in buckets whose bounds grow by a
/// constant factor (DDSketch). Merging two equals one that saw everything.
struct QuantileSketch: Equatable, Sendable {
    private static let accuracy = 0.01
    private static let factor = (1 + accuracy) / (1 - accuracy)
    private static let logFactor = log(factor)
    /// Smaller magnitudes count as zero.
    private static let smallest = 1e-9
    /// Two thousand buckets span seventeen orders of magnitude; beyond that the smallest ones are merged.
    private static let mostBuckets = 2048

    private var positive: [Int32: UInt64] = [:]
    private var negative: [Int32: UInt64] = [:]
    private var zeros: UInt64 = 0
    private(set) var count: UInt64 = 0

    mutating func add(_ number: Double) {
        guard number.isFinite else { return }
        count += 1
        if abs(number) < Self.smallest {
            zeros += 1
        } else if number > 0 {
            positive[Self.bucket(number), default: 0] += 1
            Self.collapse(&positive)
        } else {
            negative[Self.bucket(-number), default: 0] += 1
            Self.collapse(&negative)
        }
    }

    mutating func merge(_ other: QuantileSketch) {
        positive.merge(other.positive, uniquingKeysWith: +)
        negative.merge(other.negative, uniquingKeysWith: +)
        Self.collapse(&positive)
        Self.collapse(&negative)
        zeros += other.zeros
        count += other.count
    }

    private static func bucket(_ magnitude: Double) -> Int32 { Int32((log(magnitude) / logFactor).rounded(.up)) }

    /// The middle of a bucket, relative to its bounds.
    private static func magnitude(_ bucket: Int32) -> Double { 2 * exp(Double(bucket) * logFactor) / (factor + 1) }

    /// What is nearest to zero loses its accuracy first.
    private static func collapse(_ buckets: inout [Int32: UInt64]) {
        guard buckets.count > mostBuckets else { return }
        let sorted = buckets.keys.sorted()
        let lowest = sorted[sorted.count - mostBuckets]
        for bucket in sorted.prefix(sorted.count - mostBuckets) {
            buckets[lowest, default: 0] += buckets.removeValue(forKey: bucket) ?? 0
        }
    }

    /// The number below which this part of all numbers lies, nil without numbers.
    func quantile(_ part: Double) -> Double? {
        guard count > 0 else { return nil }
        let rank = UInt64((part * Double(count - 1)).rounded(.down))
        var seen: UInt64 = 0
        for bucket in negative.keys.sorted(by: >) {
            seen += negative[bucket] ?? 0
            if seen > rank { return -Self.magnitude(bucket) }
        }
        seen += zeros
        if seen > rank { return 0 }
        for bucket in positive.keys.sorted() {
            seen += positive[bucket] ?? 0
            if seen > rank { return Self.magnitude(bucket) }
        }
        preconditionFailure("the buckets hold all counted numbers")
    }

    /// About what its tables take.
    var memoryBytes: Int { (positive.capacity + negative.capacity) * 2 * MemoryLayout<UInt64>.stride }

    // MARK: As bytes

    init() {}

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(varint: zeros)
        for buckets in [positive, negative] {
            bytes.append(varint: UInt64(buckets.count))
            for (bucket, count) in buckets.sorted(by: { $0.key < $1.key }) {
                bytes.append(fixed: UInt64(bitPattern: Int64(bucket)))
                bytes.append(varint: count)
            }
        }
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        zeros = try reader.varint()
        positive = try Self.buckets(&reader)
        negative = try Self.buckets(&reader)
        count = zeros
        for more in [positive, negative].flatMap(\.values) {
            let (sum, overflow) = count.addingReportingOverflow(more)
            guard !overflow else { throw StateDecodingError(.outOfBounds) }
            count = sum
        }
    }

    private static func buckets(_ reader: inout StateByteReader) throws(StateDecodingError) -> [Int32: UInt64] {
        let count = try reader.count()
        guard count <= mostBuckets else { throw StateDecodingError(.outOfBounds) }
        var buckets: [Int32: UInt64] = [:]
        for _ in 0..<count {
            guard let bucket = Int32(exactly: Int64(bitPattern: try reader.fixed())) else {
                throw StateDecodingError(.outOfBounds)
            }
            buckets[bucket] = try reader.varint()
        }
        return buckets
    }
}
