import CEL
import Foundation
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

/// What conditions read of a run, against going through all that it has taken.
@Suite struct PatternChainTests {
    @Test("Any event of any stage is found, however runs share and mix them", arguments: Seed.several(6))
    func events(_ seed: Seed) {
        print("pattern chains: \(seed.testDescription)")
        var random = seed.random
        var looked = 0
        for round in 0..<40 {
            var state = PatternState()
            let stages = 1 + Int(random.below(4))
            for number in 0..<300 {
                let kept = state.keep(KeptEvent(number: Int64(number), time: 0, content: []))
                let previous =
                    number == 0 || random.below(20) == 0
                    ? -1 : Int32(state.links.count - 1 - Int(random.below(UInt64(min(number, 4)))))
                // Long stretches of one stage, and rounds of several.
                let stage = round % 2 == 0 ? number / 100 % stages : Int(random.below(UInt64(stages)))
                _ = state.link(stage, kept, behind: previous)
                if random.below(50) == 0 { state.findSteps() }
            }
            state.findSteps()
            let chain = PatternChain(state)
            for last in stride(from: 0, to: state.links.count, by: 7) {
                var run = PatternRun.waiting
                run.last = Int32(last)
                var taken = [[Int64]](repeating: [], count: stages)
                state.forEachTaken(run) { taken[$0].append($1.number) }
                for stage in 0..<stages {
                    let wanted = Array(taken[stage].reversed())
                    looked += wanted.count
                    #expect(chain.count(of: stage, run) == wanted.count)
                    #expect(chain.events(of: stage, run).map(\.number) == wanted)
                    #expect((0..<wanted.count).map { chain.event($0, of: stage, run)?.number } == wanted)
                    #expect(chain.event(wanted.count, of: stage, run) == nil)
                    #expect(chain.event(-1, of: stage, run) == nil)
                }
            }
        }
        #expect(looked > 10_000)
    }

    private static let pattern = """
        patterns:
          - name: p
            within: 1h
            stages: [{name: small, where: amount < 2.0, times: "1+"}, {name: large, followedBy: CONDITION}]
            risk: 0.8

        """

    private static func payments(_ count: Int, users: Int) -> String {
        (0..<count).map { number in
            let amount = number % 997 == 996 ? "900.0" : "1.\(number % 89 + 10)"
            return #"{"transaction_id":"t\#(number)","user_id":"u\#(number % users)","transaction_type":"payment","#
                + #""amount":\#(amount),"currency":"EUR","timestamp":\#(1_735_689_600 + number / 10)}"# + "\n"
        }.joined()
    }

    @Test("What a condition reads of one event does not depend on how many the run has taken")
    func cost() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("in", Self.payments(4000, users: 4))
        for (name, condition) in [
            ("plain", "amount > 400.0"), ("first", "\"amount > 400.0 * small[0].amount\""),
            ("last", "\"amount > 400.0 * small[size(small) - 1].amount\""),
        ] {
            _ = try folder.write("\(name).yaml", Self.pattern.replacingOccurrences(of: "CONDITION", with: condition))
        }
        let run = try Binary.shell(
            """
            TIMEFORMAT=%U
            for name in plain first last; do
                time $ASSAY score in --config $name.yaml --no-checkpoints -q -o $name.out 2> told
            done
            for name in plain first last; do grep -o '"type":"pattern"[^]]*]' $name.out > $name.found; done
            cmp plain.found first.found; cmp plain.found last.found
            wc -l < plain.found
            """, in: folder)
        let seconds = run.errors.split(separator: "\n").compactMap { Double($0) }
        print("seconds of CPU: \(seconds)")
        #expect(run.code == 0 && Int(run.lines.last ?? "") ?? 0 > 1, "\(run.lines) \(run.errors)")
        // Going through all that was taken costs more than a hundred times as much.
        #expect(seconds.count == 3 && seconds[1] < 40 * seconds[0] && seconds[2] < 40 * seconds[0], "\(seconds)")
    }

    @Test("With little memory what users have begun goes and comes back, within the limit")
    func memory() throws {
        let folder = try TemporaryFolder()
        let (users, rounds) = (1500, 60)
        var text = ""
        for number in 0..<users * rounds {
            let amount = number % 7919 == 7918 ? "900.0" : "1.\(number % 89 + 10)"
            text +=
                #"{"transaction_id":"t\#(number)","user_id":"u\#(number % users)","transaction_type":"payment","#
                + #""amount":\#(amount),"currency":"EUR","timestamp":\#(1_735_689_600 + number / 15)}"# + "\n"
        }
        _ = try folder.write("in", text)
        _ = try folder.write(
            "p.yaml", Self.pattern.replacingOccurrences(of: "CONDITION", with: "amount > 400.0"))
        let run = try Binary.shell(
            """
            $ASSAY score in --config p.yaml --memory 64MiB --checkpoint-interval 1s -q -o small 2> told &
            process=$!
            while grep VmHWM /proc/$process/status >> peaks 2>> gone; do sleep 0.05; done
            wait $process
            $ASSAY score in --config p.yaml --no-checkpoints -q -o large 2> told
            cmp small large
            tail -n 1 peaks | tr -cd 0-9
            """, in: folder)
        let peak = Int(run.lines.last ?? "") ?? .max
        print("resident at most: \(peak) KiB")
        // The sanitizer has its own memory beside each piece of ours.
        let isSanitized = ProcessInfo.processInfo.environment["ASSAY_SANITIZED"] != nil
        #expect(run.code == 0 && (isSanitized || peak < 110 << 10), "\(run.lines) \(run.errors)")
    }
}
