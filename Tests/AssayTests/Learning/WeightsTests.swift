import CBytes
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

/// What weights come to is the same to the last bit on every processor, and what the formula gives one slot after the
/// other.
@Suite struct WeightsTests {
    /// The formula as it is written down.
    private struct Plain {
        var slots: [Weights.Slot]
        let pace: assay_pace

        func weight(_ slot: Weights.Slot) -> Double {
            if slot.gradients == 0 { return 0 }
            let scale: Double = (pace.beta + slot.squares.squareRoot()) / pace.rate
            return -slot.gradients / (scale + pace.l2)
        }

        func sum(_ active: [Int32]) -> Double { active.reduce(0) { $0 + weight(slots[Int($1)]) } }

        mutating func learn(_ active: [Int32], isFraud: Bool) {
            let gradient = assay_probability(sum(active)) - (isFraud ? 1 : 0)
            for place in active {
                let slot = slots[Int(place)]
                let squares = slot.squares + gradient * gradient
                let step = (squares.squareRoot() - slot.squares.squareRoot()) / pace.rate * weight(slot)
                slots[Int(place)] = Weights.Slot(gradients: slot.gradients + (gradient - step), squares: squares)
            }
        }
    }

    /// With what follows from a slot's own numbers.
    private static func bits(_ slots: [assay_slot]) -> [UInt64] {
        slots.flatMap { [$0.gradients, $0.squares, $0.root, $0.weight].map(\.bitPattern) }
    }

    @Test("Sums and steps are those of the formula, four slots at a time and one by one", arguments: Seed.several(4))
    func exact(_ seed: Seed) {
        var random = seed.random
        let mostActive = Int(ASSAY_MOST_ACTIVE)
        for count in 1...mostActive {
            let rate = Double(1 + random.below(100)) / 100
            var pace = assay_pace(
                rate: rate, beta: Double(random.below(3)) * 0.3, l2: Double(random.below(3)) * 0.1)
            var plain = Plain(slots: Array(repeating: Weights.Slot(), count: 3 * mostActive), pace: pace)
            var wide = plain.slots.map { _ in assay_slot() }
            var narrow = wide
            for _ in 0..<40 {
                var all = Array(plain.slots.indices)
                all.shuffle(using: &random)
                let active = all.prefix(count).map { Int32($0) }
                let isFraud = random.below(3) == 0
                let sums = [assay_weigh(wide, active, UInt32(count)), plain.sum(active)]
                #expect(Set(sums.map(\.bitPattern)).count == 1, "\(seed): \(count) \(sums)")
                assay_learn(&wide, active, UInt32(count), &pace, isFraud)
                assay_learn_plainly(&narrow, active, UInt32(count), &pace, isFraud)
                plain.learn(active, isFraud: isFraud)
                let expected = plain.slots.flatMap { slot in
                    [slot.gradients, slot.squares, slot.squares.squareRoot(), plain.weight(slot)].map(\.bitPattern)
                }
                guard Self.bits(wide) == expected, Self.bits(narrow) == expected else {
                    Issue.record("\(seed): \(count) slots have learned something else")
                    return
                }
            }
        }
    }

    @Test("A slot that no example has moved weighs nothing, whatever the pace")
    func untouched() {
        var pace = assay_pace(rate: 0.3, beta: 0, l2: 0)
        #expect(assay_make_slot(0, 0, &pace).weight == 0)
        #expect(assay_weigh(Array(repeating: assay_slot(), count: 8), [0, 1, 2, 3, 4, 5], 6) == 0)
    }

    @Test("Weights follow another pace at once, and a model takes those of another as they would be at its own")
    func pace() {
        var settings = ScoringSettings.Learning()
        let slots: [Int32] = [0, 3, 5, 9]
        func learned(_ settings: ScoringSettings.Learning) -> Double {
            let weights = Weights(slotCount: 12, settings)
            slots.withUnsafeBufferPointer { weights.learn($0, isFraud: true) }
            return weights.weight(at: 3)
        }
        var weights = Weights(slotCount: 12, settings)
        slots.withUnsafeBufferPointer { weights.learn($0, isFraud: true) }
        let before = weights.weight(at: 3)
        #expect(before == learned(settings) && before > 0)
        settings.l2 = 2
        let other = Weights(slotCount: 12, settings)
        other.take(weights)
        weights.follow(settings)
        #expect(weights.weight(at: 3) < before && weights.weight(at: 3) == other.weight(at: 3))
        #expect(weights[3] == other[3])
    }
}
