import Foundation
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

/// The matcher against answers of Apache Flink, and against a plain implementation of what a pattern means.
@Suite struct PatternTests {
    /// A pattern of a golden case, with what its conditions say.
    final class Compiled: IterativeConditions {
        struct Condition {
            let types: String
            var least: Int64?
            /// The number of the stage whose values are summed up.
            var stage: Int??
        }

        private(set) var conditions: [Condition] = []
        private(set) var pattern = Pattern(stages: [])

        init(_ testCase: PatternCase) {
            let names = testCase.pattern.names
            func compile(_ stage: PatternCase.Stage) -> Pattern.Stage {
                let content: Pattern.Stage.Content
                if let condition = stage.where {
                    let sum = condition.value_gt_sum_of.map { Optional(names.firstIndex(of: $0)) }
                    content = .events(
                        condition: add(
                            Condition(types: condition.type, least: condition.value_gt, stage: sum ?? nil)))
                } else {
                    content = .group((stage.stages ?? []).map(compile))
                }
                var made = Pattern.Stage(
                    name: stage.name, contiguity: Pattern.Contiguity(rawValue: stage.contiguity)!, content: content)
                if let quantifier = stage.quantifier {
                    made.quantifier =
                        quantifier.most.map { .times(quantifier.least, $0) } ?? .atLeast(quantifier.least)
                }
                made.isOptional = stage.optional ?? false
                made.isGreedy = stage.greedy ?? false
                made.inner = stage.inner.flatMap(Pattern.Inner.init) ?? .relaxed
                made.until = stage.until.map { add(Condition(types: $0)) }
                return made
            }
            let skip = testCase.pattern.skip.split(separator: ":").map(String.init)
            pattern = Pattern(stages: testCase.pattern.stages.map(compile), within: testCase.pattern.within_ms)
            switch skip[0] {
            case "skip_to_next": pattern.skip = .toNext
            case "skip_past_last": pattern.skip = .pastLast
            case "skip_to_first": pattern.skip = .toFirst(skip[1])
            case "skip_to_last": pattern.skip = .toLast(skip[1])
            default: break
            }
        }

        private func add(_ condition: Condition) -> Int {
            conditions.append(condition)
            return conditions.count - 1
        }

        func waiting(_ event: PatternCase.Event) -> PatternState.Waiting {
            var truth = PatternTruth()
            for (number, condition) in conditions.enumerated() where condition.types.contains(event.type) {
                guard event.value > condition.least ?? .min else { continue }
                if condition.stage == nil {
                    truth.met |= 1 << UInt64(number)
                } else {
                    truth.open |= 1 << UInt64(number)
                }
            }
            return PatternState.Waiting(
                time: event.time, truth: truth, content: Array("\(event.id) \(event.value)".utf8))
        }

        static func parts(_ event: KeptEvent) -> (id: String, value: Int64) {
            let parts = String(decoding: event.content, as: UTF8.self).split(separator: " ")
            return (String(parts[0]), Int64(parts[1])!)
        }

        func begin() {}

        func holds(_ condition: Int, for event: KeptEvent, after run: PatternRun, in state: PatternState) -> Bool {
            var sum: Int64 = 0
            let wanted = conditions[condition].stage ?? nil
            state.forEachTaken(run) { stage, event in if stage == wanted { sum += Self.parts(event).value } }
            return Self.parts(event).value > sum
        }
    }

    /// What a stage of the runtime makes of the events of a case.
    static func run(
        _ testCase: PatternCase, _ compiled: Compiled, _ automaton: Automaton
    ) throws -> (out: [String: [PatternCase.Result]], late: [String]) {
        var stage = KeyedStage(
            function: PatternFunction(PatternMatcher(automaton, conditions: compiled)),
            output: PatternFunction.Output(), functionNumber: 2, isSaved: false)
        var out: [String: [PatternCase.Result]] = [:]
        var late: [String] = []
        var watermark = Watermark(bound: testCase.bound)
        func take(_ output: PatternFunction.Output, _ stage: borrowing KeyedStage<PatternFunction>) {
            for found in output.found {
                var taken: [String: [String]] = [:]
                for (stage, event) in found.sequence.taken {
                    taken[automaton.names[stage], default: []].append(Compiled.parts(event).id)
                }
                let key = stage.withKey(found.key) { String(decoding: $0, as: UTF8.self) }
                out[key, default: []].append(
                    PatternCase.Result(
                        match: found.sequence.isComplete ? taken : nil,
                        timeout: found.sequence.isComplete ? nil : taken, at: found.sequence.at))
            }
        }
        func move(_ stage: inout KeyedStage<PatternFunction>) {
            while stage.fireNext(0, upTo: watermark.milliseconds) {
                let output = stage.withOutput { output in
                    defer { output.removeAll() }
                    return output
                }
                take(output, stage)
            }
        }
        for event in testCase.events {
            let key = Array(event.key.utf8)
            try key.withUnsafeBufferPointer {
                try stage.process(
                    compiled.waiting(event), key: $0, at: EventTime(milliseconds: event.time),
                    watermark: watermark.milliseconds)
            }
            if stage.withOutput({ $0.isLate }) { late.append(event.id) }
            stage.withOutput { $0.removeAll() }
            if watermark.observe(EventTime(milliseconds: event.time)) { move(&stage) }
        }
        watermark.finish()
        move(&stage)
        return (out, late)
    }

    @Test("All cases are there")
    func found() { #expect(PatternCase.all.count == 200) }

    @Test("The matcher finds, in order, what Flink finds", arguments: PatternCase.all)
    func golden(_ testCase: PatternCase) throws {
        let compiled = Compiled(testCase)
        let automaton: Automaton
        do {
            automaton = try AutomatonBuilder.build(compiled.pattern)
        } catch {
            #expect(testCase.expected.refused != nil, "\(error.message)")
            return
        }
        try #require(testCase.expected.refused == nil, "it was not refused")
        let (out, late) = try Self.run(testCase, compiled, automaton)
        #expect(out == testCase.expected.out)
        #expect(late == testCase.expected.late)
    }

    @Test("'until' of a group bounds its own members, and not those of a group inside it")
    func untilOfGroup() throws {
        let text = """
            {"case": 0, "bound": 0, "features": [], "events": [
              {"id": "1", "key": "k", "time": 1, "type": "a", "value": 0},
              {"id": "2", "key": "k", "time": 2, "type": "u", "value": 0},
              {"id": "3", "key": "k", "time": 3, "type": "x", "value": 0}],
             "pattern": {"skip": "no_skip", "stages": [
               {"contiguity": "begin", "quantifier": {"oneOrMore": true}, "until": "u", "stages": [
                 {"name": "a", "contiguity": "begin", "where": {"type": "a"}},
                 {"contiguity": "followedBy", "stages": [
                   {"name": "b", "contiguity": "begin", "where": {"type": "u"}}]}]}]},
             "expected": {"out": {"k": [{"match": {"a": ["1"], "b": ["2"]}, "at": 2}]}, "late": []}}
            """
        let testCase = try JSONDecoder().decode(PatternCase.self, from: Data(text.utf8))
        let compiled = Compiled(testCase)
        let (out, _) = try Self.run(testCase, compiled, try AutomatonBuilder.build(compiled.pattern))
        #expect(out == testCase.expected.out)
    }
}
