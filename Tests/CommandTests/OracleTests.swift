import Foundation
import TestSupport
import Testing

/// The engine against an independent implementation in another language, on lines that nobody would write by hand.
@Suite struct OracleTests {
    private static var seed: UInt64 {
        ProcessInfo.processInfo.environment["ASSAY_TEST_SEED"].flatMap { UInt64($0) } ?? 20_251_230
    }

    private static func agree(_ folder: TemporaryFolder, options: String = "", assayOptions: String = "") throws {
        let script = """
            $ASSAY score in -q -o out.jsonl --rejects rejects.jsonl \(assayOptions) &
            \(Repository.python) \(Repository.oracle) score in -o expected.jsonl \\
                --rejects expected-rejects.jsonl \(options)
            wait $!
            \(Repository.python) \(Repository.oracle) compare out.jsonl expected.jsonl
            \(Repository.python) \(Repository.oracle) compare rejects.jsonl expected-rejects.jsonl
            """
        let run = try Binary.shell(script, in: folder)
        #expect(run.code == 0, "ASSAY_TEST_SEED=\(seed): \(String(decoding: run.output, as: UTF8.self)) \(run.errors)")
    }

    @Test("Mutated lines are judged as an independent parser judges them")
    func mutatedLines() throws {
        let folder = try TemporaryFolder()
        let count = ProcessInfo.processInfo.environment["ASSAY_FUZZ_LINES"].flatMap { Int($0) } ?? 1_000_000
        var mutator = LineMutator(seed: Self.seed, sources: ["ordinary", "edges", "seoul"])
        try mutator.write(lines: count, to: folder.path("in"))
        try Self.agree(folder)
        let rejects = try String(contentsOfFile: folder.path("rejects.jsonl"), encoding: .utf8)
        for reason in [
            "malformed_json", "not_an_object", "missing_field", "invalid_field", "invalid_utf8", "duplicate",
            "line_too_long",
        ] {
            #expect(rejects.contains(#""reason":"\#(reason)""#), "no line was \(reason)")
        }
    }

    @Test(
        "Crowded users with far too many types, places and currencies score the same",
        arguments: [
            ("", ""), ("--timezone America/New_York --combine max", "--config c.yaml"),
        ])
    func crowdedUsers(_ options: String, _ assayOptions: String) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("c.yaml", "timezone: America/New_York\ncombine: max\n")
        var mutator = LineMutator(seed: Self.seed &+ 1, sources: [])
        try mutator.writeCrowdedUsers(lines: 60_000, to: folder.path("in"))
        try Self.agree(folder, options: options, assayOptions: assayOptions)
        let scored = try String(contentsOfFile: folder.path("out.jsonl"), encoding: .utf8)
        for factor in [
            "high_velocity", "unusual_location", "unusual_amount", "unusual_time", "unusual_transaction_type",
            "late_night", "weekend",
        ] {
            #expect(scored.contains(factor), "no factor was \(factor)")
        }
    }

    @Test("A generated stream scores the same, in order and out of it", arguments: ["0", "600"])
    func generated(_ disorder: String) throws {
        let folder = try TemporaryFolder()
        let made = try Binary.run([
            "generate", "-n", "100000", "--users", "2000", "--days", "20", "--fraud", "0.1", "--disorder", disorder,
            "-o", folder.path("in"),
        ])
        #expect(made.code == 0)
        try Self.agree(folder)
    }
}
