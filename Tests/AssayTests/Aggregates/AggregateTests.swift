import CEL
import Foundation
import Testing

@testable import Assay
@testable import AssayCore

/// What is asked of many events at once: the same however they are cut into parts, merged, and written down in between.
@Suite struct AggregateTests {
    private static let seed =
        ProcessInfo.processInfo.environment["ASSAY_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0...UInt64.max)

    private static func state(_ aggregate: Aggregate, _ values: [[Value]], from number: UInt64 = 0) -> AggregateState {
        var state = AggregateState(aggregate)
        for (index, arguments) in values.enumerated() {
            if aggregate == .count {
                state.countOne()
            } else if aggregate == .countIf {
                if case .bool(true)? = arguments.first { state.countOne() }
            } else {
                state.add(
                    arguments[0], weight: arguments.count > 1 ? arguments[1] : nil, number: number + UInt64(index),
                    of: aggregate)
            }
        }
        return state
    }

    /// The same as windows keep it.
    private static func tally(_ aggregate: Aggregate, _ values: [[Value]], from number: UInt64 = 0) -> AggregateTally {
        var tally = AggregateTally(AggregateState(aggregate))
        for (index, arguments) in values.enumerated() {
            let number = number + UInt64(index)
            switch (aggregate, arguments.first) {
            case (.count, _), (.countIf, .bool(true)?): tally.countOne()
            case (.countIf, _): break
            case (_, .int(let int)?) where arguments.count == 1: tally.add(int, number: number, of: aggregate)
            case (_, .double(let double)?) where arguments.count == 1: tally.add(double, number: number, of: aggregate)
            default:
                tally.add(
                    arguments[0], weight: arguments.count > 1 ? arguments[1] : nil, number: number, of: aggregate)
            }
        }
        return tally
    }

    private static func bytes(_ state: AggregateState) -> [UInt8] {
        var buffer = OutputBuffer(capacity: 64)
        state.encode(into: &buffer)
        return Array(buffer.bytes)
    }

    private static func result(_ aggregate: Aggregate, _ values: [Value]) -> String {
        state(aggregate, values.map { [$0] }).value(aggregate).literal
    }

    private static func rewritten(_ state: AggregateState) throws -> AggregateState {
        try AssayTests.rewritten({ state.encode(into: &$0) }, { try AggregateState(&$0) })
    }

    @Test("Each comes to what its name says, and to null or zero of nothing")
    func results() {
        let numbers: [Value] = [.int(4), .int(-2), .int(7)]
        let texts: [Value] = [.string("b"), .string("a"), .string("b")]
        let expected: [(Aggregate, [Value], String)] = [
            (.sum, numbers, "9"), (.sum, [.double(0.1), .double(0.2)], "0.3"), (.sum, [.int(1), .double(0.5)], "1.5"),
            (.sum, [], "0"), (.average, numbers, "3.0"), (.average, [], "null"),
            (
                .deviation, [.int(2), .int(4), .int(4), .int(4), .int(5), .int(5), .int(7), .int(9)],
                "2.138089935299395"
            ),
            (.deviation, [.int(1)], "null"), (.least, numbers, "-2"), (.greatest, numbers, "7"),
            (.least, texts, "\"a\""), (.greatest, texts, "\"b\""), (.least, [], "null"),
            (.least, [.int(2), .double(1.5), .uint(3)], "1.5"), (.greatest, [.double(.nan), .int(1)], "1"),
            (.first, numbers, "4"), (.last, numbers, "7"), (.first, [], "null"),
            (.collect(2), numbers, "[4, -2]"), (.collect(5), [], "[]"),
            (.distinct, texts, #"{"count": 2, "exact": true}"#),
            (.countBy, texts, #"{"b": 2, "a": 1}"#), (.countBy, [.int(1), .uint(1)], "{1: 2}"),
            (.top(1), texts, #"[{"value": "b", "weight": 2}]"#), (.countIf, [.bool(true), .bool(false)], "1"),
            (.quantile(0.5), [], "null"), (.sum, [.string("x"), .int(1)], "1"),
        ]
        for (aggregate, values, result) in expected {
            #expect(Self.result(aggregate, values) == result, "\(aggregate) of \(values.map(\.literal))")
            #expect(Self.tally(aggregate, values.map { [$0] }).value(aggregate).literal == result)
        }
        #expect(Self.state(.count, [[], [], []]).value(.count).literal == "3")
        let weighted = Self.state(
            .top(2), [[.string("a"), .double(0.1)], [.string("b"), .int(2)], [.string("a"), .double(0.2)]])
        #expect(
            weighted.value(.top(2)).literal
                == #"[{"value": "b", "weight": 2}, {"value": "a", "weight": 0.3}]"#)
    }

    @Test("Sums of money are exact, however many and in whatever order")
    func exactSums() throws {
        var random = SeededRandom(seed: Self.seed)
        for _ in 0..<200 {
            let cents = (0..<1000).map { _ in Int64(random.below(2_000_000)) - 1_000_000 }
            var sum = ExactSum()
            for cent in cents.shuffled(using: &random) { sum.add(Double(cent) / 100) }
            let total = cents.reduce(0, +)
            #expect(sum.double == Double(total) / 100)
        }
        var tenths = ExactSum()
        for _ in 0..<1_000_000 { tenths.add(0.1) }
        #expect(tenths.double == 100_000 && tenths.integer?.literal == "100000")
        var large = ExactSum()
        for number in [1e300, 1.0, -1e300, 9_007_199_254_740_993.0, 1e-300] { large.add(number) }
        #expect(large.double == 9_007_199_254_740_994.0)
        var ints = ExactSum()
        for _ in 0..<3 { ints.add(Int64.max) }
        #expect(ints.integer == nil && ints.double == 3 * 0x1p63)
        // More than there is room for in exact units.
        var many = ExactSum()
        for _ in 0..<20_000_000 { many.add(Int64.max) }
        #expect(abs(many.double - 2e7 * 0x1p63) < 1e12 && many.integer == nil)
        many.merge(many)
        #expect(abs(many.double - 4e7 * 0x1p63) < 1e12)
    }

    private static let all: [Aggregate] = [
        .count, .countIf, .sum, .average, .deviation, .least, .greatest, .first, .last, .collect(7), .distinct,
        .countBy,
        .top(3), .quantile(0.9),
    ]

    @Test(
        "Parts that are merged in any order, and written down in between, come to what the whole does", arguments: all)
    func parts(_ aggregate: Aggregate) throws {
        print("aggregates: seed \(Self.seed)")
        var random = SeededRandom(seed: Self.seed)
        for round in 0..<60 {
            let many = round % 20 == 0 ? 3000 : 40
            let values: [[Value]] = (0..<Int(random.below(UInt64(many)))).map { _ in
                switch aggregate {
                case .count: return []
                case .countIf: return [.bool(random.below(2) == 0)]
                case .distinct: return [.int(Int64(random.below(UInt64(many))))]
                case .countBy, .top: return [.string("k\(random.below(9))")]
                default:
                    let cents = Int64(random.below(200_000)) - 50_000
                    return [cents % 3 == 0 ? .int(cents) : .double(Double(cents) / 100)]
                }
            }
            let whole = Self.state(aggregate, values)
            #expect(Self.bytes(Self.tally(aggregate, values).state) == Self.bytes(whole))
            var parts: [AggregateState] = []
            var start = 0
            while start < values.count {
                let end = min(values.count, start + 1 + Int(random.below(UInt64(max(1, many / 4)))))
                parts.append(try Self.rewritten(Self.state(aggregate, Array(values[start..<end]), from: UInt64(start))))
                start = end
            }
            parts.shuffle(using: &random)
            var merged = AggregateState(aggregate)
            var tally = AggregateTally(merged)
            for part in parts {
                // A copy keeps what it was.
                let (before, bytes) = (tally, Self.bytes(tally.state))
                merged.merge(part)
                tally.merge(AggregateTally(part))
                #expect(Self.bytes(before.state) == bytes)
            }
            #expect(tally.value(aggregate).literal == merged.value(aggregate).literal)
            let (found, wanted) = (try Self.rewritten(merged).value(aggregate), whole.value(aggregate))
            if case .deviation = aggregate, case .double(let left) = found, case .double(let right) = wanted {
                #expect(abs(left - right) <= 1e-9 * max(1, right))
            } else {
                #expect(found.literal == wanted.literal)
            }
        }
    }

    @Test(
        "Distinct values are counted exactly up to the bound, then to a few per cent",
        arguments: [1000, 1001, 5000, 200_000])
    func distinct(_ count: Int) throws {
        var values = DistinctValues.exact([])
        for number in 0..<count {
            values.add(.string("value \(number)"))
            if number % 3 == 0 { values.add(.string("value \(number / 2)")) }
        }
        #expect(values.isExact == (count <= DistinctValues.mostExact))
        let error = abs(Double(values.count) - Double(count)) / Double(count)
        #expect(values.isExact ? error == 0 : error < 0.05, "\(values.count) of \(count)")
    }

    @Test("Quantiles are right to one per cent of the value, over many orders of magnitude")
    func quantiles() {
        var random = SeededRandom(seed: Self.seed)
        var sketch = QuantileSketch()
        var numbers: [Double] = []
        for _ in 0..<20_000 {
            let number = exp2(random.unit() * 40 - 10) * (random.below(4) == 0 ? -1 : 1)
            numbers.append(number)
            sketch.add(number)
        }
        sketch.add(0)
        numbers.append(0)
        numbers.sort()
        for part in [0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let wanted = numbers[Int(part * Double(numbers.count - 1))]
            let found = sketch.quantile(part) ?? .nan
            #expect(abs(found - wanted) <= 0.0101 * abs(wanted), "\(part): \(found), not \(wanted)")
        }
    }

    @Test("Bytes that are no state are refused, wherever they are cut", arguments: all)
    func damagedBytes(_ aggregate: Aggregate) throws {
        let values: [[Value]] =
            aggregate == .count
            ? [[], []]
            : [[.bool(true)], [.string("x")], [.double(1.5)], [.int(3)], [.list([.null, .bytes([1])])]]
        var buffer = OutputBuffer(capacity: 64)
        Self.state(aggregate, values).encode(into: &buffer)
        let bytes = Array(buffer.bytes)
        for count in 0..<bytes.count {
            #expect(throws: StateDecodingError.self) {
                try Array(bytes[..<count]).withUnsafeBytes { bytes in
                    var reader = StateByteReader(bytes)
                    _ = try AggregateState(&reader)
                    try reader.finish()
                }
            }
        }
    }

    @Test("Values read back as what they were, and other bytes are refused")
    func values() throws {
        let text =
            #"[null, true, 1, 1u, 2.5, "é\n", b"\xff", [[]], {"a": {1: 2u}}, "#
            + #"timestamp(-5), duration("-1.5s"), int]"#
        guard case .value(let value) = ExpressionTrial.evaluate(text, with: []) else {
            Issue.record("the expression is good")
            return
        }
        let bytes = value.stateBytes
        #expect(Value(stateBytes: bytes).literal == value.literal)
        for count in 0..<bytes.count { #expect(!Value.isWhole(stateBytes: Array(bytes[..<count]))) }
        #expect(!Value.isWhole(stateBytes: bytes + [0]))
        // Lists inside lists without end.
        #expect(!Value.isWhole(stateBytes: (0..<2000).flatMap { _ in [UInt8(8), 1] } + [0]))
    }

    @Test(
        "A call that no aggregate takes is refused in words",
        arguments: [
            ("sum", ["string"], "sum() takes no string"), ("count", ["int"], "does not take 1"),
            ("count_if", ["int"], "takes no int"), ("collect", ["int", "int"], "from 1 to 10000 as its second"),
            ("top", ["int", "int"], "from 1 to 10000 as its first"), ("quantile", ["double", "double"], "from 0 to 1"),
            ("min", ["list(int)"], "takes no list(int)"), ("count_by", ["bytes"], "takes no bytes"),
        ])
    func refusals(_ name: String, _ types: [String], _ message: String) {
        do throws(Aggregate.Fault) {
            _ = try Aggregate.call(
                name, types.compactMap { CEL.`Type`(name: $0) }, literals: types.map { _ in .int(-1) })
            Issue.record("it was taken")
        } catch {
            #expect(error.message.contains(message), "\(error.message)")
        }
    }
}
