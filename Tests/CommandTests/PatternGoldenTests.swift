import Foundation
import TestSupport
import Testing

/// Patterns through pipeline files and the binary, against answers of Apache Flink.
@Suite struct PatternGoldenTests {
    /// A line of standard output.
    private struct Line: Decodable {
        struct Event: Decodable {
            let id: String
        }

        let stream: String
        let id: String?
        let key: String?
        let ended: String?
        let stages: [String: [Event]]?
    }

    /// The end of the input is no moment: what is decided then has the time at which the sequence's time is over.
    private static func expected(_ testCase: PatternCase) -> [String: [PatternCase.Result]] {
        let times = Dictionary(testCase.events.map { ($0.id, $0.time) }, uniquingKeysWith: { first, _ in first })
        return (testCase.expected.out ?? [:]).mapValues { results in
            results.map { result in
                guard result.at == .max else { return result }
                var moved = result
                let began = (result.match ?? [:]).values.joined().compactMap { times[$0] }.min() ?? 0
                moved.at = began + (testCase.pattern.within_ms ?? 0)
                return moved
            }
        }
    }

    @Test(
        "The binary finds what Flink finds and names the same late events, also when it was stopped in between",
        arguments: PatternCase.all)
    func golden(_ testCase: PatternCase) throws {
        let folder = try TemporaryFolder()
        let lines = try testCase.events.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
        _ = try folder.write("in.jsonl", lines.joined(separator: "\n") + "\n")
        _ = try folder.write(
            "golden.yaml",
            """
            input: {time: time, time_unit: ms, out_of_order: \(testCase.bound)ms}
            streams:
              found: {key: key, late: late, pattern: \(testCase.yaml)}
            """)
        // Half of it, stopped with everything open, then all of it: the second run goes on.
        let half = lines.count / 2
        let run = try Binary.shell(
            """
            $ASSAY run golden.yaml in.jsonl --no-checkpoints -q || exit $?
            echo --
            head -\(half) in.jsonl > part.jsonl
            $ASSAY run golden.yaml part.jsonl --keep-open -q > out
            tail -n +\(half + 1) in.jsonl >> part.jsonl
            $ASSAY run golden.yaml part.jsonl -q >> out
            cat out
            """, in: folder)
        if testCase.expected.refused != nil {
            #expect(run.code == 78 && run.errors.contains("golden.yaml:3:"), "\(run.code) \(run.errors)")
            return
        }
        try #require(run.code == 0, "\(run.errors)")
        let parts = run.lines.split(separator: "--", omittingEmptySubsequences: false)
        let expected = Self.expected(testCase)
        for part in parts {
            let found = try part.map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
            var out: [String: [PatternCase.Result]] = [:]
            for line in found where line.stream != "late" {
                let taken = (line.stages ?? [:]).mapValues { $0.map(\.id) }
                out[line.key ?? "?", default: []].append(
                    PatternCase.Result(
                        match: line.stream == "found" ? taken : nil,
                        timeout: line.stream == "unfinished" ? taken : nil, at: Moment.milliseconds(line.ended)))
            }
            #expect(out == expected)
            #expect(found.filter { $0.stream == "late" }.compactMap(\.id) == testCase.expected.late)
        }
        #expect(parts.count == 2)
    }
}
