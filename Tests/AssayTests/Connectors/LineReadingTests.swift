import Foundation
import Testing

@testable import Assay
@testable import AssayCore

@Suite struct LineReadingTests {
    /// Feeds bytes through a pipe in chunks of a size and collects the batches' lines.
    private static func read(_ bytes: [UInt8], chunk: Int, format: InputFormat = .jsonl) throws -> [String] {
        let pipe = Pipe()
        let writer = Thread {
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = rest.prefix(chunk)
                // The reader may have gone.
                try? pipe.fileHandleForWriting.write(contentsOf: Data(part))
                rest = rest.dropFirst(chunk)
            }
            try? pipe.fileHandleForWriting.close()  // nothing more can be done about it
        }
        writer.start()
        var reader = LineReader(
            descriptor: pipe.fileHandleForReading.fileDescriptor, start: LineReader.Start())
        var decoder = TransactionDecoder(format: format, fields: .standard, zone: .utc)
        var seen: [String] = []
        let batch = TransactionBatch()
        while true {
            batch.reset()
            guard try reader.fill(&batch.text) == .lines else { break }
            decoder.decode(&batch.text, into: &batch.decoded)
            reader.advance(past: batch.text, lines: batch.lineCount)
            let text = batch.text.view
            var lines = batch.decoded.transactions.map {
                ($0.lineIndex, "\(batch.text.firstLine + UInt64($0.lineIndex)) \(text.string($0.id))")
            }
            lines += batch.decoded.rejects.map { reject in
                let rejected = RejectedLine(reject, text: batch.text)
                return (
                    reject.lineIndex, "\(rejected.line) \(rejected.offset) \(rejected.reason.code) \(reject.line.count)"
                )
            }
            seen += lines.sorted { $0.0 < $1.0 }.map(\.1)
        }
        return seen
    }

    @Test("However the input is cut into reads, the lines are the same", arguments: [1, 7, 4096, 1 << 20])
    func chunks(_ chunk: Int) throws {
        var text = "\u{FEFF}" + line(id: "first") + "\r\n\n  \n"
        for index in 0..<50 { text += line(id: "t\(index)") + "\n" + (index % 9 == 0 ? "bad\n" : "") }
        text += line(id: "last")
        let seen = try Self.read(Array(text.utf8), chunk: chunk)
        #expect(seen.count == 58 && seen.first == "1 first" && seen.last == "60 last")
        #expect(seen.filter { $0.contains("malformed_json 3") }.count == 6)
    }

    @Test(
        "A line may have a mebibyte and not one byte more, and the next line is found",
        arguments: [
            (0, "1 a"), (1, "1 0 line_too_long 1048577"), (3 << 20, "1 0 line_too_long 4099"),
            (9 << 20, "1 0 line_too_long 4099"),
        ])
    func longLines(_ excess: Int, _ expected: String) throws {
        let frame = line(id: "a", more: #","x":"""#).utf8.count
        let long = line(id: "a", more: #","x":""# + String(repeating: "x", count: longestLine - frame + excess) + "\"")
        let text = long + "\r\n" + line(id: "b") + "\nbad\n" + line(id: "c")
        let offset = long.utf8.count + 2 + line(id: "b").utf8.count + 1
        let seen = try Self.read(Array(text.utf8), chunk: 1 << 16)
        #expect(seen == [expected, "2 b", "3 \(offset) malformed_json 3", "4 c"])
    }

    @Test("A line past all bounds at the end of the input is rejected too")
    func endlessLine() throws {
        let text = line(id: "a") + "\n" + String(repeating: "x", count: 5 << 20)
        let offset = line(id: "a").utf8.count + 1
        #expect(try Self.read(Array(text.utf8), chunk: 1 << 16) == ["1 a", "2 \(offset) line_too_long 4099"])
    }

    @Test("A CSV quote that never closes costs its own line only", arguments: [1, 1000, 1 << 20])
    func openQuote(_ chunk: Int) throws {
        var text = "transaction_id,user_id,amount,timestamp\n\"open,u,1,1\n"
        for index in 0..<60_000 { text += "t\(index),u,1,1767225600\n" }
        let seen = try Self.read(Array(text.utf8.prefix(chunk == 1 ? 4000 : .max)), chunk: chunk, format: .csv)
        #expect(seen.first == "2 40 malformed_csv 11" && seen[1] == "3 t0")
        #expect(chunk == 1 || seen.last == "60002 t59999")
    }

    @Test(
        "Up to where a run before had read, a last line without its newline is whole, and one that goes on is refused",
        arguments: [("", false), ("\nnext\n", false), ("\r\nnext\n", false), ("next\n", true)])
    func limited(_ rest: String, _ isRefused: Bool) throws {
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data(("begun" + rest).utf8))
        try pipe.fileHandleForWriting.close()
        var reader = LineReader(descriptor: pipe.fileHandleForReading.fileDescriptor, start: LineReader.Start())
        var text = InputText(capacity: InputText.batchBytes)
        if isRefused {
            #expect(throws: InputError.changed(offset: 5)) { try reader.fill(&text, upTo: 5) }
        } else {
            #expect(try reader.fill(&text, upTo: 5) == .lines)
            #expect(text.count > 5 && text.base[text.count - 1] == UInt8(ascii: "\n"))
            reader.advance(past: text, lines: 1)
            #expect(reader.offset >= 5)
            #expect(try reader.fill(&text, upTo: .max) == (rest.isEmpty ? .end : .lines))
        }
    }
}
