import CEL

/// States of aggregates as bytes that any later version can read.
extension AggregateState {
    private enum Tag: UInt8 {
        case count, earlierSum, earlierWholeSum, earlierAverage, spread, least, greatest, first, last, collected
        case distinct, earlierWeights, sketch
        // What is written since sums are exact whatever they are of, and weights have an error.
        case sum, wholeSum, average, weights
    }

    private var tag: Tag {
        switch self {
        case .count: .count
        case .sum(_, let isWhole): isWhole ? .wholeSum : .sum
        case .average: .average
        case .spread: .spread
        case .least: .least
        case .greatest: .greatest
        case .first: .first
        case .last: .last
        case .collected: .collected
        case .distinct: .distinct
        case .weights: .weights
        case .sketch: .sketch
        }
    }

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(byte: tag.rawValue)
        switch self {
        case .count(let count): bytes.append(varint: count)
        case .sum(let sum, _): sum.encode(into: &bytes)
        case .average(let sum, let count):
            bytes.append(varint: count)
            sum.encode(into: &bytes)
        case .spread(let count, let mean, let squares):
            bytes.append(varint: count)
            bytes.append(double: mean)
            bytes.append(double: squares)
        case .least(let value), .greatest(let value):
            bytes.append(byte: value == nil ? 0 : 1)
            if let value { ValueCoding.encode(value, into: &bytes) }
        case .first(let arrived), .last(let arrived): Self.encode([arrived].compactMap(\.self), into: &bytes)
        case .collected(let values, let most):
            bytes.append(varint: UInt64(most))
            Self.encode(values, into: &bytes)
        case .distinct(let values): values.encode(into: &bytes)
        case .weights(let weights): weights.encode(into: &bytes)
        case .sketch(let sketch): sketch.encode(into: &bytes)
        }
    }

    private static func encode(_ values: [ArrivedValue], into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(values.count))
        for arrived in values {
            bytes.append(varint: arrived.number)
            ValueCoding.encode(arrived.value, into: &bytes)
        }
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        guard let tag = Tag(rawValue: try reader.byte()) else { throw StateDecodingError(.outOfBounds) }
        switch tag {
        case .count: self = .count(try reader.varint())
        case .earlierSum: self = .sum(try ExactSum(earlier: &reader), isWhole: false)
        case .earlierWholeSum: self = .sum(try ExactSum(earlier: &reader), isWhole: true)
        case .earlierAverage:
            let count = try reader.varint()
            self = .average(try ExactSum(earlier: &reader), count: count)
        case .sum: self = .sum(try ExactSum(&reader), isWhole: false)
        case .wholeSum: self = .sum(try ExactSum(&reader), isWhole: true)
        case .average:
            let count = try reader.varint()
            self = .average(try ExactSum(&reader), count: count)
        case .spread:
            let count = try reader.varint()
            let mean = try reader.double()
            self = .spread(count: count, mean: mean, squares: try reader.double())
        case .least: self = .least(try Self.optional(&reader))
        case .greatest: self = .greatest(try Self.optional(&reader))
        case .first: self = .first(try Self.arrived(&reader, atMost: 1).first)
        case .last: self = .last(try Self.arrived(&reader, atMost: 1).first)
        case .collected:
            guard let most = Int(exactly: try reader.varint()), most <= Aggregate.mostCollected else {
                throw StateDecodingError(.outOfBounds)
            }
            self = .collected(try Self.arrived(&reader, atMost: most), most: most)
        case .distinct: self = .distinct(try DistinctValues(&reader))
        case .earlierWeights: self = .weights(try ValueWeights(earlier: &reader))
        case .weights: self = .weights(try ValueWeights(&reader))
        case .sketch: self = .sketch(try QuantileSketch(&reader))
        }
    }

    private static func optional(_ reader: inout StateByteReader) throws(StateDecodingError) -> Value? {
        try reader.byte(atMost: 1) == 0 ? nil : try ValueCoding.decode(&reader)
    }

    private static func arrived(
        _ reader: inout StateByteReader, atMost bound: Int
    ) throws(StateDecodingError) -> [ArrivedValue] {
        let count = try reader.count()
        guard count <= bound else { throw StateDecodingError(.outOfBounds) }
        var values: [ArrivedValue] = []
        for _ in 0..<count {
            let number = try reader.varint()
            values.append(ArrivedValue(number: number, value: try ValueCoding.decode(&reader)))
        }
        return values
    }
}
