import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

@Suite struct RiskValuesTests {
    @Test("The memory that took a label longest ago goes first", arguments: Seed.several(8))
    func oldest(_ seed: Seed) {
        var random = seed.random
        var values = RiskValues(keys: 2)
        // By key, the values in the order of their last labels.
        var order: [[String]] = [[], []]
        var evicted = 0
        for round in 0..<20_000 {
            let key = Int(random.below(2))
            let name = "v\(random.below(400))"
            var text = name
            let slot = text.withUTF8 { values.intern($0, key: key) }
            if !values.hasMemory(slot), order[key].count == 120 {
                let oldest = values.oldestMemory(ofKey: key)
                #expect(values.withText(oldest) { String(decoding: $0, as: UTF8.self) } == order[key][0])
                values.forgetMemory(oldest)
                if values.isIdle(oldest), oldest != slot { values.remove(oldest) }
                values.findFree()
                order[key].removeFirst()
                evicted += 1
            }
            values.take(RiskMemory(last: Int64(round)), at: slot)
            order[key].removeAll { $0 == name }
            order[key].append(name)
        }
        #expect(values.memoryCounts == order.map(\.count))
        #expect(evicted > 1000)
    }

    @Test("A value stays as long as something waits with it, however much that is")
    func waiting() {
        var values = RiskValues(keys: 1)
        var text = "popular"
        let slot = text.withUTF8 { values.intern($0, key: 0) }
        let count = 20_000
        for _ in 0..<count { values.wait(slot) }
        for left in (0..<count).reversed() { #expect(values.leave(slot) == (left == 0)) }
    }

    @Test("A memory takes at most 96 bytes, its key and its index included")
    func size() {
        var values = RiskValues(keys: 1)
        let count = 1_000_000
        for number in 0..<count {
            var text = "m\(number)"
            let slot = text.withUTF8 { values.intern($0, key: 0) }
            values.take(RiskMemory(last: 0), at: slot)
        }
        #expect(values.memoryBytes <= 96 * count, "\(Double(values.memoryBytes) / Double(count))")
        var missing = 0
        for number in stride(from: 0, to: count, by: 97) {
            var text = "m\(number)"
            if text.withUTF8({ values.find($0, key: 0) }) == nil { missing += 1 }
        }
        #expect(missing == 0)
    }

    @Test("A million wrong labels about one thing leave the weights finite")
    func finite() {
        let layout = InputLayout(riskKeys: ["merchant_id"])
        let weights = Weights(slotCount: layout.slotCount, ScoringSettings.Learning())
        let active = (0..<layout.activeCount).map { Int32($0) }
        active.withUnsafeBufferPointer { active in
            for _ in 0..<1_000_000 { weights.learn(active, isFraud: true) }
            let certain = weights.probability(active)
            #expect(certain > 0.99 && certain <= 1)
            for slot in active { #expect(weights.weight(at: Int(slot)).isFinite) }
            // What is right is learned again.
            for _ in 0..<1000 { weights.learn(active, isFraud: false) }
            #expect(weights.probability(active) < 0.5)
        }
    }
}
