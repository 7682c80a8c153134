import Glibc

/// The weights of a logistic regression over slots, learned one example at a time (FTRL-proximal).
package struct Weights: Sendable {
    package struct Slot: Equatable, Sendable {
        /// The sum of the adjusted gradients.
        package var gradients = 0.0
        /// The sum of their squares.
        package var squares = 0.0
    }

    package private(set) var slots: [Slot]
    private var pace: Pace

    /// How fast the weights move.
    private struct Pace {
        let rate: Double
        let beta: Double
        let l2: Double

        init(_ settings: ScoringSettings.Learning) {
            (rate, beta, l2) = (settings.rate, settings.beta, settings.l2)
        }

        @inline(__always)
        func weight(_ slot: Slot) -> Double {
            -slot.gradients / ((beta + slot.squares.squareRoot()) / rate + l2)
        }
    }

    init(slotCount: Int, _ settings: ScoringSettings.Learning) {
        slots = Array(repeating: Slot(), count: slotCount)
        pace = Pace(settings)
    }

    mutating func follow(_ settings: ScoringSettings.Learning) { pace = Pace(settings) }

    package func weight(at slot: Int) -> Double { pace.weight(slots[slot]) }

    /// The probability that the sum of some slots' weights stands for.
    @inline(__always)
    func probability(_ active: UnsafeBufferPointer<Int32>) -> Double {
        slots.withUnsafeBufferPointer { slots in
            var sum = 0.0
            for slot in active { sum += pace.weight(slots[Int(slot)]) }
            return Self.probability(ofSum: sum)
        }
    }

    @inline(__always)
    static func probability(ofSum sum: Double) -> Double {
        let bounded = sum > -30 ? (sum < 30 ? sum : 30) : -30
        return 1 / (1 + exp(-bounded))
    }

    /// Moves the weights of an example towards what it turned out to be.
    @inline(__always)
    mutating func learn(_ active: UnsafeBufferPointer<Int32>, isFraud: Bool) {
        let gradient = probability(active) - (isFraud ? 1 : 0)
        let square = gradient * gradient
        let pace = pace
        slots.withUnsafeMutableBufferPointer { slots in
            for slot in active {
                let before = slots[Int(slot)]
                let squares = before.squares + square
                let step = (squares.squareRoot() - before.squares.squareRoot()) / pace.rate * pace.weight(before)
                slots[Int(slot)] = Slot(gradients: before.gradients + (gradient - step), squares: squares)
            }
        }
    }

    mutating func set(_ slot: Int, _ value: Slot) { slots[slot] = value }

    /// Those that an example had.
    var usedCount: Int { slots.reduce(0) { $0 + ($1.squares > 0 ? 1 : 0) } }

    // MARK: As bytes

    /// Appends the slots of a range that an example had. Returns false when there are none.
    func encode(_ range: Range<Int>, into bytes: inout OutputBuffer) -> Bool {
        var hasAny = false
        for slot in range where slots[slot] != Slot() {
            hasAny = true
            bytes.append(byte: UInt8(slot - range.lowerBound))
            bytes.append(double: slots[slot].gradients)
            bytes.append(double: slots[slot].squares)
        }
        return hasAny
    }

    mutating func decode(first: UInt64, _ reader: inout StateByteReader) throws(StateDecodingError) {
        while reader.remaining > 0 {
            let slot = first &+ UInt64(try reader.byte())
            guard slot < UInt64(slots.count) else { throw StateDecodingError(.outOfBounds) }
            slots[Int(slot)] = Slot(gradients: try reader.double(), squares: try reader.double())
        }
    }
}
