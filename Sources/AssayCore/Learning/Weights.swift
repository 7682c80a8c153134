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

        /// Of a slot that no example has moved it is 0 whatever the settings.
        @inline(__always)
        func weight(_ slot: Slot) -> Double {
            slot.gradients == 0 ? 0 : -slot.gradients / ((beta + slot.squares.squareRoot()) / rate + l2)
        }
    }

    init(slotCount: Int, _ settings: ScoringSettings.Learning) {
        slots = Array(repeating: Slot(), count: slotCount)
        pace = Pace(settings)
    }

    mutating func follow(_ settings: ScoringSettings.Learning) { pace = Pace(settings) }

    package func weight(at slot: Int) -> Double { pace.weight(slots[slot]) }

    /// Four slots of an example, side by side.
    private struct Four {
        let gradients: SIMD4<Double>
        let squares: SIMD4<Double>
        /// Of the squares.
        let roots: SIMD4<Double>
        let weights: SIMD4<Double>

        @inline(__always)
        init(_ slots: UnsafePointer<Slot>, _ active: UnsafePointer<Int32>, _ pace: Pace) {
            let (x, y) = (slots[Int(active[0])], slots[Int(active[1])])
            let (z, w) = (slots[Int(active[2])], slots[Int(active[3])])
            gradients = SIMD4(x.gradients, y.gradients, z.gradients, w.gradients)
            squares = SIMD4(x.squares, y.squares, z.squares, w.squares)
            roots = squares.squareRoot()
            let weights = -gradients / ((pace.beta + roots) / pace.rate + pace.l2)
            self.weights = weights.replacing(with: 0, where: gradients .== 0)
        }
    }

    /// What an example's slots weigh, in their order.
    @inline(__always)
    private static func sum(
        _ slots: UnsafePointer<Slot>, _ active: UnsafeBufferPointer<Int32>, _ pace: Pace
    ) -> Double {
        var sum = 0.0
        var place = 0
        while place + 4 <= active.count {
            let four = Four(slots, active.baseAddress! + place, pace)
            sum += four.weights.x
            sum += four.weights.y
            sum += four.weights.z
            sum += four.weights.w
            place += 4
        }
        while place < active.count {
            sum += pace.weight(slots[Int(active[place])])
            place += 1
        }
        return sum
    }

    /// The probability that the sum of some slots' weights stands for.
    @inline(__always)
    func probability(_ active: UnsafeBufferPointer<Int32>) -> Double {
        let pace = pace
        return slots.withUnsafeBufferPointer {
            Self.probability(ofSum: Self.sum($0.baseAddress!, active, pace))
        }
    }

    @inline(__always)
    static func probability(ofSum sum: Double) -> Double {
        let bounded = sum > -30 ? (sum < 30 ? sum : 30) : -30
        return 1 / (1 + exp(-bounded))
    }

    /// Moves the weights of an example towards what it turned out to be. No slot occurs twice in it.
    mutating func learn(_ active: UnsafeBufferPointer<Int32>, isFraud: Bool) {
        let pace = pace
        slots.withUnsafeMutableBufferPointer { slots in
            let slots = slots.baseAddress!
            let probability = Self.probability(ofSum: Self.sum(slots, active, pace))
            let gradient = probability - (isFraud ? 1 : 0)
            let square = gradient * gradient
            var place = 0
            while place + 4 <= active.count {
                let four = Four(slots, active.baseAddress! + place, pace)
                let squares = four.squares + square
                let steps = (squares.squareRoot() - four.roots) / pace.rate * four.weights
                let gradients = four.gradients + (gradient - steps)
                slots[Int(active[place])] = Slot(gradients: gradients.x, squares: squares.x)
                slots[Int(active[place + 1])] = Slot(gradients: gradients.y, squares: squares.y)
                slots[Int(active[place + 2])] = Slot(gradients: gradients.z, squares: squares.z)
                slots[Int(active[place + 3])] = Slot(gradients: gradients.w, squares: squares.w)
                place += 4
            }
            while place < active.count {
                let before = slots[Int(active[place])]
                let squares = before.squares + square
                let step = (squares.squareRoot() - before.squares.squareRoot()) / pace.rate * pace.weight(before)
                slots[Int(active[place])] = Slot(
                    gradients: before.gradients + (gradient - step), squares: squares)
                place += 1
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
