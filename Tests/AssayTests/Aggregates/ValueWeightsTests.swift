import CEL
import Glibc
import Testing

@testable import Assay
@testable import AssayCore

/// What is kept of more different values than there is room for.
@Suite struct ValueWeightsTests {
    private static let most = ValueWeights.mostValues

    private static func rewritten(_ weights: ValueWeights) throws -> ValueWeights {
        try AssayTests.rewritten({ weights.encode(into: &$0) }, { try ValueWeights(&$0) })
    }

    private static func text(_ weights: ValueWeights, _ count: Int) -> [String] {
        weights.top(count).map { "\($0.value.literal) \($0.weight.double) \($0.error?.double ?? 0)" }
    }

    @Test("Up to the bound all weights are exact, then the lightest half goes, and who comes later has an error")
    func bound() throws {
        var weights = ValueWeights(.keepsHeaviest)
        for number in 0..<2 * Self.most - 1 {
            weights.add(.int(Int64(number)), .int(number == 7 ? 1 : 2), of: .keepsHeaviest)
        }
        #expect(weights.count == 2 * Self.most - 1 && weights.top(Self.most).allSatisfy { $0.error == nil })
        weights.add(.string("last"), .double(2.5), of: .keepsHeaviest)
        #expect(weights.count == Self.most)
        #expect(Self.text(weights, 2) == ["\"last\" 2.5 0.0", "0 2.0 0.0"])
        weights.add(.string("new"), .int(1), of: .keepsHeaviest)
        weights.add(.string("new"), .int(2), of: .keepsHeaviest)
        #expect(Self.text(try Self.rewritten(weights), 1) == ["\"new\" 5.0 2.0"])
        #expect(!weights.top(Self.most).contains { $0.value.literal == "7" })
    }

    @Test(
        "What is told of a value is no less than its weight, and no more than that and the error, also after a restart",
        arguments: Seed.several(4))
    func errors(_ seed: Seed) throws {
        print("value weights: \(seed.testDescription)")
        var random = seed.random
        var parts = [ValueWeights(.keepsHeaviest), ValueWeights(.keepsHeaviest)]
        var restarted = parts[0]
        var exact: [String: Int64] = [:]
        for step in 0..<150_000 {
            // A few come often, most of them once or twice.
            let number = random.below(3) == 0 ? random.below(50) : random.below(200_000)
            let weight = Int64(random.below(4))
            let value = Value.string("v\(number)")
            exact[value.literal, default: 0] += weight
            let part = step % 3 == 0 ? 1 : 0
            parts[part].add(value, .int(weight), of: .keepsHeaviest)
            if part == 0 { restarted.add(value, .int(weight), of: .keepsHeaviest) }
            if step % 40_000 == 10_000 { restarted = try Self.rewritten(restarted) }
        }
        #expect(Self.text(restarted, 500) == Self.text(parts[0], 500))
        parts[0].merge(parts[1])
        restarted.merge(try Self.rewritten(parts[1]))
        #expect(Self.text(restarted, Self.most) == Self.text(parts[0], Self.most))
        var inexact = 0
        for (value, weight, error) in parts[0].top(Self.most) {
            let true_ = Double(exact[value.literal] ?? 0)
            if error != nil { inexact += 1 }
            #expect(weight.double >= true_ && weight.double - (error?.double ?? 0) <= true_)
        }
        #expect(inexact > 1000)
        let often = Set(exact.sorted { $0.value > $1.value }.prefix(40).map(\.key))
        #expect(often.isSubset(of: parts[0].top(60).map(\.value.literal)))
    }

    @Test("Counts are exact up to the bound, and further values are counted together, whole or in parts")
    func counts() throws {
        var whole = ValueWeights(.countsOthers)
        var parts = [ValueWeights(.countsOthers), ValueWeights(.countsOthers)]
        for number in 0..<Self.most + 500 {
            for _ in 0..<2 {
                whole.add(.int(Int64(number)), .int(1), of: .countsOthers)
                parts[number < 6000 ? 0 : 1].add(.int(Int64(number)), .int(1), of: .countsOthers)
            }
        }
        whole.add(.int(3), .int(1), of: .countsOthers)
        parts[1].add(.int(3), .int(1), of: .countsOthers)
        whole = try Self.rewritten(whole)
        parts[0].merge(parts[1])
        for weights in [whole, parts[0]] {
            let counts = weights.counts
            #expect(counts.count == Self.most + 1)
            #expect(counts.first?.key.literal == "3" && counts.first?.count.literal == "3")
            #expect(counts.last?.key.literal == "\"…\"" && counts.last?.count.literal == "1000")
        }
        // One value more, and the others are there; one less, and they are not.
        var full = ValueWeights(.countsOthers)
        for number in 0..<Self.most { full.add(.int(Int64(number)), .int(1), of: .countsOthers) }
        #expect(full.counts.count == Self.most && full.counts.last?.key.literal != "\"…\"")
        full.add(.string("…"), .int(1), of: .countsOthers)
        #expect(full.counts.last?.key.literal == "\"…\"")
    }

    @Test("No two values have one key as JSON, and equal numbers are one value")
    func keys() {
        var weights = ValueWeights(.countsOthers)
        let values: [Value] = [
            .int(1), .string("1"), .uint(1), .double(1), .double(1.5), .string("1.5"), .bool(true), .string("true"),
            .string("\"1\""), .string("a"), .string("…"), .null, .list([]),
        ]
        for value in values { weights.add(value, .int(1), of: .countsOthers) }
        let keys = weights.counts.map { ValueEncoder(.utc).text($0.key) }
        #expect(Set(keys).count == keys.count)
        #expect(
            weights.counts.map { "\(ValueEncoder(.utc).text($0.key)) \($0.count.literal)" }.sorted()
                == [
                    "\"\"1\"\" 1", "\"1\" 1", "\"1.5\" 1", "\"true\" 1", "1 3", "1.5 1", "a 1", "true 1", "… 1",
                ])
        for number in 0..<Self.most { weights.add(.int(Int64(number + 10)), .int(1), of: .countsOthers) }
        #expect(weights.counts.map { ValueEncoder(.utc).text($0.key) }.filter { $0.contains("…") } == ["\"…\"", "…"])
    }

    @Test("A value costs no more than about twice what it costs 'distinct', however many there are")
    func cost() {
        func nanoseconds(_ aggregate: Aggregate) -> Double {
            var (start, end) = (timespec(), timespec())
            var state = AggregateState(aggregate)
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
            for number in 0..<100_000 {
                state.add(.string("value \(number * 7919 % 100_003)"), number: UInt64(number), of: aggregate)
            }
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
            let seconds = Double(end.tv_sec - start.tv_sec) + Double(end.tv_nsec - start.tv_nsec) / 1e9
            return seconds * 1e9 / 100_000
        }
        // As much again is for a machine that shares its caches.
        func isFine(_ costs: [Double]) -> Bool { costs[1] < 4 * costs[0] && costs[2] < 4 * costs[0] }
        // In turn, so that what else the machine does is the same for all, and until it has let one of each alone.
        var costs = [Double](repeating: .infinity, count: 3)
        for round in 0..<60 where round < 5 || !isFine(costs) {
            for (index, aggregate) in [Aggregate.distinct, .top(3), .countBy].enumerated() {
                costs[index] = min(costs[index], nanoseconds(aggregate))
            }
        }
        print("100,000 values: distinct \(Int(costs[0])) ns each, top \(Int(costs[1])), count_by \(Int(costs[2]))")
        #expect(isFine(costs), "\(costs)")
    }
}
