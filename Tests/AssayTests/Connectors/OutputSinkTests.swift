import Foundation
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

@Suite struct OutputSinkTests {
    private static func bytes(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    @Test("Past the cache or through it, a file gets every byte once and in order", arguments: Seed.several(3))
    func pieces(_ seed: Seed) throws {
        var random = seed.random
        let folder = try TemporaryFolder()
        let path = folder.path("out")
        // Begins in the middle of a segment, as a run that was continued does.
        var expected = Self.bytes(Int(random.below(3 * UInt64(OutputSegment.byteCount))), &random)
        #expect(FileManager.default.createFile(atPath: path, contents: Data(expected)))
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var sink = OutputSink(descriptor: descriptor, length: UInt64(expected.count), pathPastCache: path)
        var wholeSegments = 0
        for _ in 0..<40 {
            let piece = Self.bytes(Int(random.below(random.below(3) == 0 ? 2_500_000 : 300_000)), &random)
            try piece.withUnsafeBytes { try sink.write($0) }
            expected += piece
            wholeSegments += sink.length % UInt64(OutputSegment.byteCount) == 0 ? 1 : 0
            #expect(sink.length <= UInt64(expected.count))
            #expect(UInt64(expected.count) - sink.length < UInt64(OutputSegment.byteCount))
            if random.below(4) == 0 {
                try sink.flush()
                #expect(sink.length == UInt64(expected.count))
                #expect(try Data(contentsOf: URL(filePath: path)) == Data(expected))
            }
        }
        try sink.flush()
        #expect(wholeSegments > 5)
        #expect(try Data(contentsOf: URL(filePath: path)) == Data(expected))
    }

    @Test("A path that is another file by now is not written to")
    func otherFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("out")
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        defer { close(descriptor) }
        try FileManager.default.moveItem(atPath: path, toPath: folder.path("moved"))
        #expect(FileManager.default.createFile(atPath: path, contents: Data("theirs".utf8)))
        var sink = OutputSink(descriptor: descriptor, pathPastCache: path)
        let piece = [UInt8](repeating: 7, count: 3 << 20)
        try piece.withUnsafeBytes { try sink.write($0) }
        try sink.flush()
        #expect(try Data(contentsOf: URL(filePath: path)) == Data("theirs".utf8))
        #expect(try Data(contentsOf: URL(filePath: folder.path("moved"))) == Data(piece))
    }
}
