import Foundation
import TestSupport
import Testing

@testable import Assay

/// The file that has the order of several sources.
@Suite struct OrderLogTests {
    private static let entries: [OrderEntry] = (0..<200).map { number in
        number % 7 == 0 ? .idle(source: number % 3) : .lines(source: number % 3, upTo: UInt64(number) * 1000)
    }

    /// Appends entries to a log that goes on from a number, and returns what was in it from there.
    private static func append(
        _ entries: [OrderEntry], in folder: TemporaryFolder, from number: UInt64, trimmedBefore: UInt64? = nil
    ) throws -> [OrderEntry] {
        var log = try OrderLog.open(in: folder.url.path, from: number, isSame: true)
        for entry in entries { log.append(entry) }
        try log.sync()
        if let trimmedBefore { try log.trim(before: trimmedBefore) }
        return log.replayed
    }

    @Test("What was synced comes back from any number on")
    func comesBack() throws {
        let folder = try TemporaryFolder()
        #expect(try Self.append(Self.entries, in: folder, from: 0) == [])
        #expect(try Self.append([], in: folder, from: 0) == Self.entries)
        #expect(try Self.append([], in: folder, from: 150) == Array(Self.entries[150...]))
        // What lay before is gone now.
        #expect(throws: RunFailure.self) { try Self.append([], in: folder, from: 149) }
        #expect(throws: RunFailure.self) { try Self.append([], in: folder, from: 201) }
    }

    @Test("A torn or changed tail is cut off, and nothing after it counts")
    func torn() throws {
        let folder = try TemporaryFolder()
        _ = try Self.append(Self.entries, in: folder, from: 0)
        let path = OrderLog.path(in: folder.url.path)
        let whole = try Data(contentsOf: URL(filePath: path))
        for (cut, kept) in [(whole.count - 1, 199), (whole.count - 16, 199), (16, 0), (17, 0)] {
            try whole.prefix(cut).write(to: URL(filePath: path))
            #expect(try Self.append([], in: folder, from: 0).count == kept)
        }
        var changed = whole
        changed[16 + 16 * 50 + 4] ^= 1
        try changed.write(to: URL(filePath: path))
        #expect(try Self.append([], in: folder, from: 0) == Array(Self.entries[..<50]))
    }

    @Test("A log is made anew once most of it is in checkpoints")
    func trimmed() throws {
        let folder = try TemporaryFolder()
        let many = (0..<10_000).map { OrderEntry.lines(source: 1, upTo: UInt64($0)) }
        _ = try Self.append(many, in: folder, from: 5, trimmedBefore: 10_000)
        let size = try Data(contentsOf: URL(filePath: OrderLog.path(in: folder.url.path))).count
        #expect(size == 16 + 5 * 16)
        #expect(try Self.append([], in: folder, from: 10_000) == Array(many[9_995...]))
    }

    @Test("Other inputs have no order yet")
    func otherInputs() throws {
        let folder = try TemporaryFolder()
        _ = try Self.append(Self.entries, in: folder, from: 0)
        let log = try OrderLog.open(in: folder.url.path, from: 30, isSame: false)
        let replayed = log.replayed
        #expect(replayed == [])
        #expect(try Self.append([], in: folder, from: 30) == [])
    }
}
