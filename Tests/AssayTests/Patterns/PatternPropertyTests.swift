import Testing

@testable import Assay
@testable import AssayCore

/// Patterns against what they mean, worked out by trying every choice of events; and their states as bytes.
@Suite struct PatternPropertyTests {
    /// A sequence of single stages over events of a few types.
    private struct Sample: CustomStringConvertible {
        var stages: [(contiguity: Pattern.Contiguity, types: Set<Int>)] = []
        var within: Int64?
        var events: [(time: Int64, type: Int)] = []

        init(_ random: inout SeededRandom) {
            let order: [Pattern.Contiguity] = [.next, .followedBy, .followedByAny]
            for stage in 0..<(1 + random.below(4)) {
                let types = (0..<3).filter { _ in random.below(2) == 0 }
                stages.append(
                    (stage == 0 ? .begin : order[random.below(3)], types.isEmpty ? [random.below(3)] : Set(types)))
            }
            if random.below(2) == 0 { within = Int64(1 + random.below(12)) }
            var time: Int64 = 0
            for _ in 0..<(3 + random.below(8)) {
                time += Int64(random.below(4))
                events.append((time, random.below(4)))
            }
        }

        var pattern: Pattern {
            var pattern = Pattern(stages: [], within: within)
            for (number, stage) in stages.enumerated() {
                pattern.stages.append(
                    Pattern.Stage(
                        name: "s\(number)", contiguity: stage.contiguity, content: .events(condition: number)))
            }
            return pattern
        }

        /// The events of every match, by trying all choices.
        var matches: [[Int]] {
            var found: [[Int]] = []
            func choose(_ stage: Int, _ chosen: [Int]) {
                if stage == stages.count { return found.append(chosen) }
                for index in (chosen.last.map { $0 + 1 } ?? 0)..<max(events.count, (chosen.last ?? 0) + 1) {
                    guard stages[stage].types.contains(events[index].type) else { continue }
                    if let first = chosen.first, let within, events[index].time - events[first].time >= within {
                        continue
                    }
                    if let last = chosen.last {
                        let between = events[(last + 1)..<index]
                        switch stages[stage].contiguity {
                        case .next: if !between.isEmpty { continue }
                        case .followedBy:
                            if between.contains(where: { stages[stage].types.contains($0.type) }) { continue }
                        default: break
                        }
                    }
                    choose(stage + 1, chosen + [index])
                }
            }
            choose(0, [])
            return found
        }

        var description: String { "\(stages) within \(within ?? -1) \(events)" }
    }

    private static func waiting(_ sample: Sample, _ index: Int) -> PatternState.Waiting {
        var truth = PatternTruth()
        for (number, stage) in sample.stages.enumerated() where stage.types.contains(sample.events[index].type) {
            truth.met |= 1 << UInt64(number)
        }
        return PatternState.Waiting(time: sample.events[index].time, truth: truth, content: [UInt8(index)])
    }

    /// The state after each event is written down and read again.
    private static func found(_ sample: Sample) throws -> [[Int]] {
        let automaton = try AutomatonBuilder.build(sample.pattern)
        var matcher = PatternMatcher(automaton)
        var state = PatternState()
        var found: [[Int]] = []
        for index in sample.events.indices {
            matcher.advance(to: sample.events[index].time, &state) { _ in }
            matcher.show(waiting(sample, index), &state) { sequence in
                if sequence.isComplete { found.append(sequence.taken.map { Int($0.event.content[0]) }) }
            }
            state = try again(state, automaton)
        }
        return found
    }

    private static func bytes(_ state: PatternState) -> [UInt8] {
        var buffer = OutputBuffer(capacity: 256)
        state.encode(into: &buffer)
        return Array(buffer.bytes)
    }

    private static func again(_ state: PatternState, _ automaton: Automaton) throws -> PatternState {
        let bytes = bytes(state)
        return try bytes.withUnsafeBytes { raw in
            var reader = StateByteReader(raw)
            let again = try PatternState(&reader, for: automaton)
            #expect(Self.bytes(again) == bytes)
            return again
        }
    }

    @Test(
        "Whatever the stages, exactly those choices of events match that the pattern allows", arguments: Seed.several(3)
    )
    func bruteForce(_ seed: Seed) throws {
        var random = seed.random
        var matches = 0
        for _ in 0..<2000 {
            let sample = Sample(&random)
            let expected = sample.matches.sorted { $0.lexicographicallyPrecedes($1) }
            let found = try Self.found(sample).sorted { $0.lexicographicallyPrecedes($1) }
            try #require(found == expected, "\(seed) \(sample)")
            matches += found.count
        }
        // Otherwise it would show nothing.
        #expect(matches > 2000, "\(matches)")
    }

    @Test("Damaged states are refused, whatever byte is wrong", arguments: Seed.several(2))
    func damaged(_ seed: Seed) throws {
        var random = seed.random
        var refused = 0
        for _ in 0..<300 {
            let sample = Sample(&random)
            let automaton = try AutomatonBuilder.build(sample.pattern)
            var matcher = PatternMatcher(automaton)
            var state = PatternState()
            for index in sample.events.indices { matcher.show(Self.waiting(sample, index), &state) { _ in } }
            var bytes = Self.bytes(state)
            if random.below(2) == 0 {
                bytes.removeLast(1 + random.below(bytes.count - 1))
            } else {
                bytes[random.below(bytes.count)] ^= UInt8(1 << random.below(8))
            }
            bytes.withUnsafeBytes { raw in
                var reader = StateByteReader(raw)
                do throws(StateDecodingError) {
                    // What can be read can also go on.
                    var again = try PatternState(&reader, for: automaton)
                    matcher.advance(to: .max, &again) { _ in }
                } catch {
                    refused += 1
                }
            }
        }
        #expect(refused > 100)
    }

    // MARK: Limits

    /// `a` any number of times, then `b`.
    private static func loop(_ limits: PatternLimits, skip: Pattern.Skip = .none) throws -> PatternMatcher {
        let pattern = Pattern(
            stages: [
                Pattern.Stage(
                    name: "a", contiguity: .begin, content: .events(condition: 0), quantifier: .atLeast(1),
                    isGreedy: true),
                Pattern.Stage(name: "b", contiguity: .followedBy, content: .events(condition: 1)),
            ], skip: skip)
        return PatternMatcher(try AutomatonBuilder.build(pattern), limits: limits)
    }

    private static func show(
        _ text: String, _ matcher: inout PatternMatcher, _ state: inout PatternState
    ) -> [String] {
        var found: [String] = []
        for letter in text.utf8 {
            let met: UInt64 = letter == UInt8(ascii: "a") ? 1 : letter == UInt8(ascii: "b") ? 2 : 0
            let event = PatternState.Waiting(
                time: state.nextNumber, truth: PatternTruth(met: met), content: [letter])
            matcher.show(event, &state) { sequence in
                found.append(String(decoding: sequence.taken.map { $0.event.content[0] }, as: UTF8.self))
            }
        }
        return found
    }

    @Test("At the limit of runs nothing is lost, beyond it the oldest go", arguments: [(3, 0), (4, 1), (10, 7)])
    func runs(_ count: Int, _ dropped: UInt64) throws {
        var matcher = try Self.loop(PatternLimits(runs: 3, events: 100))
        var state = PatternState()
        #expect(Self.show(String(repeating: "a", count: count), &matcher, &state).isEmpty)
        #expect(state.openRuns == 3)
        #expect(matcher.droppedRuns == dropped)
    }

    @Test("A run that can take no more is given up, so that it holds nobody back")
    func events() throws {
        var matcher = try Self.loop(PatternLimits(runs: 100, events: 3), skip: .pastLast)
        var state = PatternState()
        #expect(Self.show("aaaaab", &matcher, &state) == ["aab"])
        #expect(matcher.droppedRuns > 0)
        #expect(state.isEmpty)
    }

    @Test("A key that always begins and never ends keeps its memory bounded")
    func bounded() throws {
        var matcher = try Self.loop(PatternLimits(runs: 50, events: 20))
        var state = PatternState()
        for _ in 0..<200 { _ = Self.show(String(repeating: "a", count: 50), &matcher, &state) }
        #expect(state.memoryBytes < 100_000, "\(state.memoryBytes)")
        #expect(matcher.droppedRuns > 5000)
    }

    @Test("Optional groups of optional stages do not blow up in one event")
    func ways() throws {
        var stages = [Pattern.Stage(name: "z", contiguity: .begin, content: .events(condition: 0))]
        for number in 0..<40 {
            let member = Pattern.Stage(
                name: "s\(number)", contiguity: .begin, content: .events(condition: 2), isOptional: true)
            stages.append(Pattern.Stage(contiguity: .followedBy, content: .group([member]), isOptional: true))
        }
        stages.append(Pattern.Stage(name: "end", contiguity: .followedBy, content: .events(condition: 1)))
        var matcher = PatternMatcher(try AutomatonBuilder.build(Pattern(stages: stages)))
        var state = PatternState()
        #expect(Self.show("a", &matcher, &state).isEmpty)
        #expect(!Self.show("b", &matcher, &state).isEmpty)
        #expect(matcher.droppedRuns > 0)
    }
}

extension SeededRandom {
    fileprivate mutating func below(_ bound: Int) -> Int { Int(below(UInt64(bound))) }
}
