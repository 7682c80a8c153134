import Foundation
import TestSupport
import Testing

@Suite struct GoldenTests {
    private static let streams: [(name: String, options: String)] = [
        ("ordinary", ""), ("edges", ""), ("seoul", "--config seoul.yaml"), ("clocks", ""),
        ("start", "--config \(Repository.golden("start.yaml"))"),
        ("learning", "--config \(Repository.golden("learning.yaml"))"),
        (
            "learning-merged",
            "--config \(Repository.golden("learning-merged.yaml")) --labels "
                + Repository.golden("learning-merged.labels.csv")
        ),
    ]

    private static func prepare() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        _ = try folder.write("seoul.yaml", "timezone: Asia/Seoul\ncombine: mean\n")
        return folder
    }

    private static func expectAgreement(_ stream: String, _ folder: TemporaryFolder) throws {
        var pairs = [("out.jsonl", Repository.golden("\(stream).expected.jsonl"))]
        let rejects = Repository.golden("\(stream).rejects.jsonl")
        if FileManager.default.fileExists(atPath: rejects) { pairs.append(("rejects.jsonl", rejects)) }
        for (actual, expected) in pairs {
            let compared = try Binary.shell(
                "\(Repository.python) \(Repository.oracle) compare \(actual) \(expected)", in: folder)
            #expect(compared.code == 0, "\(String(decoding: compared.output, as: UTF8.self))")
        }
    }

    @Test("A golden file gives the golden answers", arguments: streams)
    func file(_ stream: (name: String, options: String)) throws {
        let folder = try Self.prepare()
        let input = Repository.golden("\(stream.name).jsonl")
        let run = try Binary.shell(
            "$ASSAY score \(input) \(stream.options) -o out.jsonl --rejects rejects.jsonl", in: folder)
        #expect(run.code == 0, "\(run.errors)")
        try Self.expectAgreement(stream.name, folder)
    }

    @Test("A golden pipe gives the golden answers however it is cut", arguments: streams, [1, 7, 4096, 1 << 20])
    func pipe(_ stream: (name: String, options: String), _ chunk: Int) throws {
        let folder = try Self.prepare()
        // dd writes each block as it reads it, so the pipe sees them one by one.
        let run = try Binary.shell(
            "dd if=\(Repository.golden("\(stream.name).jsonl")) bs=\(chunk) status=none | "
                + "$ASSAY score - \(stream.options) --rejects rejects.jsonl > out.jsonl", in: folder)
        #expect(run.code == 0, "\(run.errors)")
        try Self.expectAgreement(stream.name, folder)
    }
}
