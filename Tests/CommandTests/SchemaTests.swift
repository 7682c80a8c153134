import Foundation
import TestSupport
import Testing

/// What is published in `schemas/` against what the binary really reads and writes.
@Suite struct SchemaTests {
    private static func validate(_ schema: String, _ file: String, _ folder: TemporaryFolder) throws -> Binary.Result {
        try Binary.shell(
            "\(Repository.python) \(Repository.validator) \(Repository.root.path)/schemas/\(schema) \(file)", in: folder
        )
    }

    @Test(
        "Everything written keeps to the schemas, and everything accepted keeps to the transaction's",
        arguments: [
            "ordinary", "edges", "seoul",
        ])
    func streams(_ stream: String) throws {
        let folder = try TemporaryFolder()
        let input = Repository.golden("\(stream).jsonl")
        let run = try Binary.shell("$ASSAY score \(input) -q -o out.jsonl --rejects rejects.jsonl", in: folder)
        #expect(run.code == 0)
        for (schema, file) in [("risk-assessment.schema.json", "out.jsonl"), ("reject.schema.json", "rejects.jsonl")] {
            let checked = try Self.validate(schema, file, folder)
            #expect(checked.code == 0, "\(String(decoding: checked.output, as: UTF8.self)) \(checked.errors)")
        }
        // Lines that were rejected for what they say, not for being duplicates, don't keep to the schema.
        let rejects = try String(contentsOfFile: folder.path("rejects.jsonl"), encoding: .utf8)
        let bad = Set(
            try rejects.split(separator: "\n").compactMap { line -> Int? in
                let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                return object["reason"] as? String == "duplicate" ? nil : object["line"] as? Int
            })
        let lines = try #require(FileManager.default.contents(atPath: input))
            .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let accepted = lines.enumerated().filter { !bad.contains($0.offset + 1) }.map(\.element)
        try Data(accepted.joined(separator: [UInt8(ascii: "\n")])).write(to: folder.url.appending(path: "accepted"))
        let checked = try Self.validate("transaction.schema.json", "accepted", folder)
        #expect(checked.code == 0, "\(String(decoding: checked.output, as: UTF8.self)) \(checked.errors)")
    }

    @Test(
        "The schemas refuse what is not theirs",
        arguments: [
            ("transaction.schema.json", #"{"transaction_id":"a","user_id":"u","amount":-1,"timestamp":1}"#),
            ("transaction.schema.json", #"{"transaction_id":"a","user_id":"u","amount":1}"#),
            (
                "transaction.schema.json",
                #"{"transaction_id":"a","user_id":"u","amount":1,"timestamp":1,"location":{"latitude":1}}"#
            ),
            ("risk-assessment.schema.json", #"{"transaction_id":"a"}"#),
            ("reject.schema.json", #"{"line":1,"offset":0,"reason":"because","message":"","input":""}"#),
            ("config.schema.json", #"{"combin":"max"}"#),
            ("config.schema.json", #"{"levels":{"high":2}}"#),
        ])
    func refusals(_ schema: String, _ text: String) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("in", text)
        #expect(try Self.validate(schema, file, folder).code == 1)
    }

    @Test("The printed defaults keep to the configuration's schema")
    func defaults() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell("$ASSAY check-config --print-defaults > defaults.yaml", in: folder)
        #expect(run.code == 0)
        let checked = try Self.validate("config.schema.json", "defaults.yaml", folder)
        #expect(checked.code == 0, "\(String(decoding: checked.output, as: UTF8.self)) \(checked.errors)")
    }
}
