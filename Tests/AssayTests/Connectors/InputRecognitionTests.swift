import Foundation
import StateStore
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

@Suite struct InputRecognitionTests {
    private static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        // A carriage return might be taken for a line end.
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }.map { $0 == 0x0D ? 0 : $0 }
    }

    private static func recorded(_ bytes: ArraySlice<UInt8>, endsInsideLine: Bool = false) -> FilePosition {
        var digest = InputDigest()
        // In pieces of odd sizes.
        var rest = bytes
        while !rest.isEmpty {
            rest.prefix(10_007).withUnsafeBytes { digest.update($0) }
            rest = rest.dropFirst(10_007)
        }
        var position = FilePosition()
        position.mark = digest.present
        position.endsInsideLine = endsInsideLine
        // As it comes back from a checkpoint.
        return FilePosition(position.bytes) ?? FilePosition()
    }

    private static func rest(of input: InputFile) -> [UInt8] {
        var rest: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while case let got = input.read(into: &part, atMost: part.count), got > 0 { rest += part[..<got] }
        return rest
    }

    private static func recognize(
        _ bytes: [UInt8], as recorded: FilePosition, throughPipe: Bool,
        _ expectation: InputExpectation = .auto
    ) throws -> String {
        let folder = try TemporaryFolder()
        try Data(bytes).write(to: folder.url.appending(path: "in"))
        var file = try FileHandle(forReadingFrom: folder.url.appending(path: "in"))
        let cat = Process()
        if throughPipe {
            let pipe = Pipe()
            cat.executableURL = URL(filePath: "/bin/cat")
            cat.standardInput = file
            cat.standardOutput = pipe
            try cat.run()
            try pipe.fileHandleForWriting.close()
            file = pipe.fileHandleForReading
        }
        defer { if throughPipe { cat.terminate() } }
        let input = InputFile(file.fileDescriptor)
        var recognizer = InputRecognizer(input: input, interruption: -1, recorded: recorded)
        do throws(RunFailure) {
            switch try recognizer.recognize(expectation) {
            case .new:
                // What was read of it must not be lost.
                let rest = throughPipe ? Self.rest(of: input) : bytes
                #expect(recognizer.readAhead + rest == bytes)
                return "new"
            case .interrupted: return "interrupted"
            case .same(let resumed):
                let start = Int(resumed.offset) + resumed.skipped.count
                #expect(Self.rest(of: input) == Array(bytes[start...]))
                var digest = InputDigest(from: resumed.mark, blockBytes: resumed.blockBytes)
                bytes[Int(resumed.offset)...].withUnsafeBytes { digest.update($0) }
                let goesOn = digest.present == whole(bytes)
                return "same from \(start)" + (resumed.isFinished ? ", finished" : "") + (goesOn ? "" : ", changed")
            }
        } catch {
            return "\(error.kind)"
        }
    }

    private static func whole(_ bytes: [UInt8]) -> InputDigest.Mark {
        var digest = InputDigest()
        bytes.withUnsafeBytes { digest.update($0) }
        return digest.present
    }

    @Test(
        "The same input is found again at whatever position it was left",
        arguments: [1, 5000, 65_535, 65_536, 65_537, 131_072, 200_000, 300_000], [false, true])
    func same(_ position: Int, _ throughPipe: Bool) throws {
        let bytes = Self.bytes(300_000)
        let recorded = Self.recorded(bytes[..<position])
        let isFinished = position == bytes.count && !throughPipe
        #expect(
            try Self.recognize(bytes, as: recorded, throughPipe: throughPipe)
                == "same from \(position)" + (isFinished ? ", finished" : ""))
        #expect(try Self.recognize(bytes, as: recorded, throughPipe: throughPipe, .new) == "new")
    }

    @Test("Another beginning is a new input, another continuation an error", arguments: [false, true])
    func different(_ throughPipe: Bool) throws {
        let bytes = Self.bytes(300_000)
        let recorded = Self.recorded(bytes[..<250_000])
        for (place, expected) in [(0, "new"), (65_535, "new"), (249_999, "badData"), (190_000, "badData")] {
            var changed = bytes
            changed[place] ^= 1
            #expect(try Self.recognize(changed, as: recorded, throughPipe: throughPipe) == expected, "\(place)")
        }
        // A file is entered by its last blocks, a pipe is read from its start.
        var middle = bytes
        middle[100_000] ^= 1
        #expect(
            try Self.recognize(middle, as: recorded, throughPipe: throughPipe)
                == (throughPipe ? "badData" : "same from 250000, changed"))
        #expect(try Self.recognize(Array(bytes[..<249_999]), as: recorded, throughPipe: throughPipe) == "badData")
        #expect(try Self.recognize(Array(bytes[..<1000]), as: recorded, throughPipe: throughPipe) == "new")
        #expect(try Self.recognize([], as: recorded, throughPipe: throughPipe) == "new")
        #expect(try Self.recognize([], as: recorded, throughPipe: throughPipe, .same) == "badData")
    }

    @Test("A last line without its newline may get one, but not more text", arguments: [false, true])
    func unterminated(_ throughPipe: Bool) throws {
        let bytes = Array("one\ntwo".utf8)
        let recorded = Self.recorded(bytes[...], endsInsideLine: true)
        func outcome(_ more: String) throws -> String {
            try Self.recognize(bytes + Array(more.utf8), as: recorded, throughPipe: throughPipe)
        }
        #expect(try outcome("") == "same from 7, finished")
        #expect(try outcome("\nthree") == "same from 8")
        #expect(try outcome("\r\nthree") == "same from 9")
        #expect(try outcome("more\n") == "badData")
    }
}
