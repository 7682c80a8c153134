import CEL

/// The state of an aggregate as windows keep it. Counts and ordinary sums, which most are, are plain words that are
/// added to where they are; everything else is a state of its own.
struct AggregateTally: Sendable {
    private enum Form: UInt8 {
        case count, sum, wholeSum, average, other
    }

    /// Of sums and averages: the sum in units.
    private var units: Int128 = 0
    private var count: UInt64 = 0
    private var form: Form
    private var other: Box?

    /// Shared by copies until one of them changes.
    ///
    /// @unchecked Sendable: only one that is not shared is changed.
    private final class Box: @unchecked Sendable {
        // For the same reason nothing else reads it meanwhile.
        @exclusivity(unchecked) var state: AggregateState

        init(_ state: AggregateState) { self.state = state }
    }

    init(_ state: AggregateState) {
        form = .other
        switch state {
        case .count(let count): (form, self.count) = (.count, count)
        case .sum(let sum, let isWhole): take(sum, isWhole ? .wholeSum : .sum)
        case .average(let sum, let count):
            take(sum, .average)
            if form != .other { self.count = count }
        default: break
        }
        if form == .other { other = Box(state) }
    }

    private mutating func take(_ sum: ExactSum, _ form: Form) {
        if let units = sum.plainUnits { (self.form, self.units) = (form, units) }
    }

    var state: AggregateState {
        switch form {
        case .count: .count(count)
        case .sum: .sum(ExactSum(units: units), isWhole: false)
        case .wholeSum: .sum(ExactSum(units: units), isWhole: true)
        case .average: .average(ExactSum(units: units), count: count)
        case .other: box.state
        }
    }

    private var box: Box {
        guard let other else { preconditionFailure("a state that is not plain is by reference") }
        return other
    }

    /// What it points to, about.
    var memoryBytes: Int {
        guard let other else { return 0 }
        return Self.boxBytes + other.state.memoryBytes
    }

    private static let boxBytes = 32 + MemoryLayout<AggregateState>.size

    // MARK: Adding

    /// For aggregates that count events.
    @inline(__always)
    mutating func countOne() { count += 1 }

    @inline(__always)
    mutating func add(_ integer: Int64, number: UInt64, of aggregate: Aggregate) {
        guard form != .other, form != .count, addUnits(ExactSum.units(integer)) else {
            return change { $0.add(.int(integer), number: number, of: aggregate) }
        }
        count += 1
    }

    @inline(__always)
    mutating func add(_ double: Double, number: UInt64, of aggregate: Aggregate) {
        guard form != .other, form != .count, let more = ExactSum.units(double), addUnits(more) else {
            return change { $0.add(.double(double), number: number, of: aggregate) }
        }
        count += 1
        if form == .wholeSum { form = .sum }
    }

    mutating func add(_ value: Value, weight: Value? = nil, number: UInt64, of aggregate: Aggregate) {
        change { $0.add(value, weight: weight, number: number, of: aggregate) }
    }

    /// Returns false for what no longer fits.
    @inline(__always)
    private mutating func addUnits(_ more: Int128) -> Bool {
        let (sum, overflow) = units.addingReportingOverflow(more)
        if overflow { return false }
        units = sum
        return true
    }

    @inline(never)
    private mutating func change(_ change: (inout AggregateState) -> Void) {
        guard form == .other else {
            var changed = state
            change(&changed)
            self = AggregateTally(changed)
            return
        }
        if !isKnownUniquelyReferenced(&other) { other = Box(box.state) }
        change(&box.state)
    }

    mutating func merge(_ more: AggregateTally) {
        switch (form, more.form) {
        case (.count, .count): count += more.count
        case (.sum, .sum), (.sum, .wholeSum), (.wholeSum, .sum), (.wholeSum, .wholeSum), (.average, .average):
            guard addUnits(more.units) else { fallthrough }
            count += more.count
            if more.form == .sum { form = .sum }
        default: change { $0.merge(more.state) }
        }
    }

    // MARK: Results

    func value(_ aggregate: Aggregate) -> Value {
        switch form {
        case .count: .int(Int64(clamping: count))
        case .wholeSum: ExactSum.integer(units) ?? state.value(aggregate)
        default: state.value(aggregate)
        }
    }
}
