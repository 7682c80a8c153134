import Foundation
import TestSupport
import Testing

/// The process is killed for real, at moments nobody chose.
@Suite(.serialized) struct KillTests {
    /// Runs and kills until a run gets to its end by itself. Answers how often it was killed.
    private static func killUntilDone(
        _ scenario: Scenario, _ random: inout Random, throughPipe: Bool, longest: UInt64
    ) throws -> Int {
        var kills = 0
        // The time allowed grows, so that it ends however slow the machine is.
        var longest = longest
        while true {
            var arguments = scenario.arguments
            if throughPipe { arguments[1] = "-" }
            let code = try TimedRun.run(
                arguments, in: scenario.folder, fed: throughPipe ? "in" : nil,
                killedAfter: 1000 + random.below(longest * 1000))
            if let code {
                try #require(code == 0, "\(scenario.errors)")
                return kills
            }
            kills += 1
            longest += longest / 20 + 1
        }
    }

    @Test(
        "Killed at any moment, again and again, the output is that of one uninterrupted run",
        arguments: [
            (false, ["--checkpoint-interval", "5ms"], 40),
            (true, ["--checkpoint-interval", "5ms"], 40),
            (false, ["--checkpoint-interval", "20ms", "--snapshot-interval", "1ms", "--snapshots-keep", "2"], 35),
            (false, ["--checkpoint-every", "1000", "--checkpoint-interval", "1h"], 30),
            // Too many users for the memory: states come and go.
            (false, ["--checkpoint-interval", "50ms", "--memory", "64MiB"], 60),
        ] as [(Bool, [String], UInt64)])
    func killed(_ throughPipe: Bool, _ options: [String], _ longest: UInt64) throws {
        let isCrowded = options.contains("--memory")
        var kills = 0
        for round in 0..<UInt64(2 * Scenario.rounds) {
            var random = Random(state: Scenario.seed &+ round)
            let scenario = try Scenario(
                transactions: isCrowded ? 200_000 : 160_000, users: isCrowded ? 200_000 : 3000,
                seed: Scenario.seed &+ round, options: options)
            kills += try Self.killUntilDone(scenario, &random, throughPipe: throughPipe, longest: longest)
            #expect(scenario.difference == nil, "ASSAY_TEST_SEED=\(Scenario.seed &+ round) \(options)")
        }
        print("killed \(kills) times (\(throughPipe ? "pipe" : "file"), \(options.joined(separator: " ")))")
        #expect(kills >= 5)
    }
}
