import Foundation
import TestSupport
import Testing

/// Windows through pipeline files and the binary, against answers of Apache Flink.
@Suite struct PipelineGoldenTests {
    struct Case: Codable, CustomTestStringConvertible {
        struct Window: Codable {
            let kind: String
            let size: Int64?
            let slide: Int64?
            let offset: Int64?
            let gap: Int64?

            /// As a pipeline file says it.
            var yaml: String {
                let offset = offset.map { ", offset: \($0)ms" } ?? ""
                switch kind {
                case "tumbling": return "{tumbling: \(size ?? 0)ms\(offset)}"
                case "sliding": return "{sliding: \(size ?? 0)ms, every: \(slide ?? 0)ms\(offset)}"
                default: return "{session: \(gap ?? 0)ms}"
                }
            }
        }

        struct Event: Codable {
            let id: String
            let key: String
            let time: Int64
            let value: Int64
        }

        struct Answer: Codable {
            let firings: [Firing]
            let late: [String]
        }

        let `case`: Int
        let window: Window
        let bound: Int64
        let lateness: Int64
        let events: [Event]
        let expected: Answer

        var testDescription: String { "\(`case`), \(window.kind)" }
    }

    struct Firing: Codable, Equatable {
        let key: String
        let start: Int64
        let end: Int64
        let count: Int
        let sum: Int64
        let ids: [String]
    }

    static let cases: [Case] = {
        let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Golden/windows.jsonl")
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [] }  // noticed by `found`
        // What is no case is missed by `found`.
        return text.split(separator: "\n").compactMap { try? JSONDecoder().decode(Case.self, from: Data($0.utf8)) }
    }()

    @Test("All cases are there")
    func found() { #expect(Self.cases.count == 60) }

    /// A line of standard output.
    private struct Line: Decodable {
        let stream: String
        let key: String?
        let id: String?
        let start: String?
        let end: String?
        let count: Int?
        let sum: Int64?
        let ids: [String]?
    }

    @Test(
        "The binary fires as Flink does and names the same late events, also when it was killed in between",
        arguments: cases)
    func golden(_ testCase: Case) throws {
        let folder = try TemporaryFolder()
        let lines = testCase.events.map { event in
            #"{"id":"\#(event.id)","key":"\#(event.key)","time":\#(event.time),"value":\#(event.value)}"#
        }
        _ = try folder.write("in.jsonl", lines.joined(separator: "\n") + "\n")
        _ = try folder.write(
            "golden.yaml",
            """
            input: {time: time, time_unit: ms, out_of_order: \(testCase.bound)ms}
            streams:
              windows:
                key: {key: key}
                window: \(testCase.window.yaml)
                lateness: \(testCase.lateness)ms
                late: late
                emit:
                  start: window_start
                  end: window_end
                  count: count()
                  sum: sum(value)
                  ids: collect(id, 1000)
            """)
        // Half of it, stopped with everything open, then all of it: the second run goes on.
        let half = lines.count / 2
        let run = try Binary.shell(
            """
            $ASSAY run golden.yaml in.jsonl --no-checkpoints -q
            echo --
            head -\(half) in.jsonl > part.jsonl
            $ASSAY run golden.yaml part.jsonl --keep-open -q > out
            tail -n +\(half + 1) in.jsonl >> part.jsonl
            $ASSAY run golden.yaml part.jsonl -q >> out
            cat out
            """, in: folder)
        try #require(run.code == 0, "\(run.errors)")
        let parts = run.lines.split(separator: "--", omittingEmptySubsequences: false)
        for part in parts {
            let found = try part.map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
            let firings = found.filter { $0.stream == "windows" }.map { line in
                Firing(
                    key: line.key ?? "?", start: Moment.milliseconds(line.start), end: Moment.milliseconds(line.end),
                    count: line.count ?? 0, sum: line.sum ?? 0, ids: line.ids ?? [])
            }
            #expect(firings == testCase.expected.firings)
            #expect(found.filter { $0.stream == "late" }.compactMap(\.id) == testCase.expected.late)
        }
        #expect(parts.count == 2)
    }
}
