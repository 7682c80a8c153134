import CEL

/// A value and its arrival number, so that merged parts keep their order.
struct ArrivedValue: Sendable {
    let number: UInt64
    let value: Value
}

/// The state of an aggregate. Parts of a window are merged into the whole.
enum AggregateState: Sendable {
    case count(UInt64)
    /// `isWhole`: of integers alone.
    case sum(ExactSum, isWhole: Bool)
    case average(ExactSum, count: UInt64)
    /// Welford's numbers.
    case spread(count: UInt64, mean: Double, squares: Double)
    case least(Value?)
    case greatest(Value?)
    case first(ArrivedValue?)
    case last(ArrivedValue?)
    case collected([ArrivedValue], most: Int)
    case distinct(DistinctValues)
    case weights(ValueWeights)
    case sketch(QuantileSketch)

    init(_ aggregate: Aggregate) {
        self =
            switch aggregate {
            case .count, .countIf: .count(0)
            case .sum: .sum(ExactSum(), isWhole: true)
            case .average: .average(ExactSum(), count: 0)
            case .deviation: .spread(count: 0, mean: 0, squares: 0)
            case .least: .least(nil)
            case .greatest: .greatest(nil)
            case .first: .first(nil)
            case .last: .last(nil)
            case .collect(let most): .collected([], most: most)
            case .distinct: .distinct(.exact([]))
            case .countBy, .top: .weights(ValueWeights(aggregate.weighing))
            case .quantile: .sketch(QuantileSketch())
            }
    }

    /// For aggregates that count events.
    @inline(__always)
    mutating func countOne() {
        guard case .count(let count) = self else { preconditionFailure("it counts") }
        self = .count(count + 1)
    }

    /// Adds a value of an event, with a weight if it has one; `number` counts the arrivals. What does not fit the
    /// aggregate, such as a text in a sum of a field without a type, is ignored.
    mutating func add(_ value: Value, weight: Value? = nil, number: UInt64, of aggregate: Aggregate) {
        switch self {
        case .count: countOne()
        case .sum(var sum, let isWhole):
            if sum.add(value) { self = .sum(sum, isWhole: isWhole && value.isInteger) }
        case .average(var sum, let count):
            if sum.add(value) { self = .average(sum, count: count + 1) }
        case .spread(let count, let mean, let squares):
            guard let number = value.number else { return }
            let difference = number - mean
            let next = mean + difference / Double(count + 1)
            self = .spread(count: count + 1, mean: next, squares: squares + difference * (number - next))
        case .least(let least):
            if Self.precedes(value, least) { self = .least(value) }
        case .greatest(let greatest):
            if greatest == nil ? value.isOrdered : Self.precedes(greatest!, value) { self = .greatest(value) }
        case .first(let first):
            if first == nil { self = .first(ArrivedValue(number: number, value: value)) }
        case .last: self = .last(ArrivedValue(number: number, value: value))
        case .collected(var values, let most):
            guard values.count < most else { return }
            // Must not be shared while it is changed, or every value would copy everything.
            self = .count(0)
            values.append(ArrivedValue(number: number, value: value))
            self = .collected(values, most: most)
        case .distinct(var values):
            self = .count(0)
            values.add(value)
            self = .distinct(values)
        case .weights(var weights):
            self = .count(0)
            weights.add(value, weight ?? .int(1), of: aggregate.weighing)
            self = .weights(weights)
        case .sketch(var sketch):
            guard let number = value.number else { return }
            self = .count(0)
            sketch.add(number)
            self = .sketch(sketch)
        }
    }

    /// Whether a value comes before the least so far, if it has an order at all.
    private static func precedes(_ value: Value, _ other: Value?) -> Bool {
        guard let other else { return value.isOrdered }
        return value.precedes(other)
    }

    mutating func merge(_ other: AggregateState) {
        switch (self, other) {
        case (.count(let count), .count(let more)): self = .count(count + more)
        case (.sum(var sum, let isWhole), .sum(let more, let isOtherWhole)):
            sum.merge(more)
            self = .sum(sum, isWhole: isWhole && isOtherWhole)
        case (.average(var sum, let count), .average(let more, let otherCount)):
            sum.merge(more)
            self = .average(sum, count: count + otherCount)
        case (.spread(let count, let mean, let squares), .spread(let otherCount, let otherMean, let otherSquares)):
            let all = count + otherCount
            guard all > 0 else { return }
            let difference = otherMean - mean
            let part = Double(otherCount) / Double(all)
            self = .spread(
                count: all, mean: mean + difference * part,
                squares: squares + otherSquares + difference * difference * Double(count) * part)
        case (.least(let least), .least(let other?)):
            if Self.precedes(other, least) { self = .least(other) }
        case (.greatest(let greatest), .greatest(let other?)):
            if greatest == nil || Self.precedes(greatest!, other) { self = .greatest(other) }
        case (.first(let first), .first(let other?)):
            if first.map({ other.number < $0.number }) ?? true { self = .first(other) }
        case (.last(let last), .last(let other?)):
            if last.map({ other.number > $0.number }) ?? true { self = .last(other) }
        case (.least, .least), (.greatest, .greatest), (.first, .first), (.last, .last): return
        case (.collected(let values, let most), .collected(let others, _)):
            let all = (values + others).sorted { $0.number < $1.number }
            self = .collected(Array(all.prefix(most)), most: most)
        case (.distinct(var values), .distinct(let others)):
            values.merge(others)
            self = .distinct(values)
        case (.weights(var weights), .weights(let others)):
            weights.merge(others)
            self = .weights(weights)
        case (.sketch(var sketch), .sketch(let other)):
            sketch.merge(other)
            self = .sketch(sketch)
        default: preconditionFailure("parts of one window have the same aggregates")
        }
    }

    /// Null without the values that it needs.
    func value(_ aggregate: Aggregate) -> Value {
        switch self {
        case .count(let count): return .int(Int64(clamping: count))
        case .sum(let sum, let isWhole): return Self.value(sum, isWhole: isWhole)
        case .average(let sum, let count): return count == 0 ? .null : .double(sum.double / Double(count))
        case .spread(let count, _, let squares):
            return count < 2 ? .null : .double((squares / Double(count - 1)).squareRoot())
        case .least(let value), .greatest(let value): return value ?? .null
        case .first(let arrived), .last(let arrived): return arrived?.value ?? .null
        case .collected(let values, _): return .list(values.map(\.value))
        case .distinct(let values): return Self.map([("count", .int(values.count)), ("exact", .bool(values.isExact))])
        case .weights(let weights):
            guard case .top(let count) = aggregate else {
                return MapValue(weights.counts.map { (key: $0.key, value: $0.count) }).map(Value.map) ?? .null
            }
            return .list(
                weights.top(count).map { value, weight, error in
                    func number(_ sum: ExactSum) -> Value { Self.value(sum, isWhole: sum.integer != nil) }
                    let entries = [("value", value), ("weight", number(weight))]
                    return Self.map(entries + (error.map { [("error", number($0))] } ?? []))
                })
        case .sketch(let sketch):
            guard case .quantile(let part) = aggregate else { return .null }
            return sketch.quantile(part).map(Value.double) ?? .null
        }
    }

    private static func value(_ sum: ExactSum, isWhole: Bool) -> Value {
        if isWhole, let integer = sum.integer { return integer }
        return .double(sum.double)
    }

    private static func map(_ entries: [(String, Value)]) -> Value {
        guard let map = MapValue(entries.map { (key: .string($0.0), value: $0.1) }) else {
            preconditionFailure("no name repeats")
        }
        return .map(map)
    }
}

extension Value {
    fileprivate var isInteger: Bool {
        switch self {
        case .int, .uint: true
        default: false
        }
    }

    /// Whether it can be a minimum or maximum.
    fileprivate var isOrdered: Bool {
        switch self {
        case .int, .uint, .string, .timestamp, .duration, .bool, .bytes: true
        case .double(let double): !double.isNaN
        default: false
        }
    }

    /// Compares numbers by value whatever their types; values without an order don't precede each other.
    fileprivate func precedes(_ other: Value) -> Bool { Value.isLess(self, other) }
}

extension Aggregate {
    /// What becomes of values beyond the bound.
    fileprivate var weighing: ValueWeights.Kind { if case .top = self { .keepsHeaviest } else { .countsOthers } }
}
