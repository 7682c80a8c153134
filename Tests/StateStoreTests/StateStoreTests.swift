import Foundation
import TestSupport
import Testing

@testable import AssayCore
@testable import StateStore

@Suite struct StateStoreTests {
    private static let functions: [(id: Int64, name: String)] = [(1, "f")]

    private static func page(_ id: Int64, entries: Int = 3) -> StatePage {
        var builder = StatePageBuilder()
        for entry in 0..<entries {
            let key = Array("key \(id) \(entry)".utf8)
            let value = [UInt8](repeating: UInt8(entry), count: 40)
            key.withUnsafeBytes { key in
                value.withUnsafeBytes { builder.append(previousPage: id - 1, key: key, value: $0) }
            }
        }
        return builder.finish(id: id, function: 1)
    }

    private static func record(_ id: Int64, pages: [StatePage], firstPage: Int64 = 1) -> CheckpointRecord {
        var record = CheckpointRecord()
        record.id = id
        record.reason = .interval
        record.stage.sequence = UInt64(id) * 100
        var log = LogExtent(function: 1)
        (log.firstPage, log.pageCount) = (firstPage, Int64(pages.count))
        log.pageSum = pages.reduce(0) { $0 &+ $1.checksum }
        record.stage.logs = [log]
        record.configuration = "combine: max\n"
        var input = CheckpointRecord.Input(name: "transactions")
        (input.path, input.offset, input.line) = ("it's; \"here\"", UInt64(Int64.max), 77)
        input.position = [0, 255, 10]
        record.inputs = [input]
        record.outputs = [CheckpointRecord.Output(name: "assessments", path: "/out", length: 12, resume: [1, 0])]
        record.stage.tallies = [Tally(name: "low", count: 5)]
        record.stage.fields = [StageRecord.Field(name: "watermark_ms", value: -3)]
        return record
    }

    private static func changes(_ pages: [StatePage], firstPage: Int64) -> [LogChanges] {
        [LogChanges(function: 1, pages: pages, firstPage: firstPage)]
    }

    private static func pages(_ store: StateStore, _ record: CheckpointRecord) throws -> [Int64] {
        var ids: [Int64] = []
        for log in record.stage.logs {
            try StatePageReader(path: store.path).readAll(of: log) { id, _, _ in ids.append(id) }
        }
        return ids
    }

    @Test("What was committed is read back, by this and by a later process")
    func commits() throws {
        let folder = try TemporaryFolder()
        let store = try StateStore(folder: folder.url.path, functions: Self.functions)
        #expect(try store.lastCheckpoint() == nil)
        let first = [Self.page(1), Self.page(2), Self.page(3)]
        try store.commit(Self.record(1, pages: first), Self.changes(first, firstPage: 1))
        let second = [Self.page(4)]
        let record = Self.record(2, pages: [first[2], second[0]], firstPage: 3)
        try store.commit(record, Self.changes(second, firstPage: 3))
        #expect(try store.lastCheckpoint() == record)
        #expect(try Self.pages(store, record) == [4, 3])
        let later = try StateStore(folder: folder.url.path, functions: Self.functions)
        #expect(try later.lastCheckpoint() == record && Self.pages(later, record) == [4, 3])
    }

    @Test("A commit that fails leaves everything as it was, and the next one works")
    func failedCommit() throws {
        let folder = try TemporaryFolder()
        let store = try StateStore(folder: folder.url.path, functions: Self.functions)
        let pages = [Self.page(1)]
        let record = Self.record(1, pages: pages)
        try store.commit(record, Self.changes(pages, firstPage: 1))
        let clash = Self.changes([Self.page(2), Self.page(1)], firstPage: 1)
        let error = #expect(throws: StoreError.self) { try store.commit(Self.record(2, pages: []), clash) }
        #expect(error?.extendedCode == 2067 && error?.kind == .damaged)
        #expect(try store.lastCheckpoint() == record && Self.pages(store, record) == [1])
        try store.commit(Self.record(2, pages: pages), Self.changes([], firstPage: 1))
        #expect(try store.lastCheckpoint()?.id == 2)
    }

    @Test("The last hundred checkpoints are kept, with all that belongs to them")
    func keptCheckpoints() throws {
        let folder = try TemporaryFolder()
        let store = try StateStore(folder: folder.url.path, functions: Self.functions)
        for id in 1...130 as ClosedRange<Int64> {
            try store.commit(Self.record(id, pages: []), Self.changes([], firstPage: 1))
        }
        let database = try Database(path: store.path, access: .readOnly)
        for table in ["checkpoint", "state_log", "input_position", "output_position", "tally", "stage_field"] {
            #expect(try database.integer("SELECT count(*) FROM \(table)") == 100)
        }
        #expect(try database.integer("SELECT min(id) FROM checkpoint") == 31)
    }

    @Test(
        "Anything changed behind our back is found",
        arguments: [
            "UPDATE state_page SET entries = zeroblob(length(entries)) WHERE id = 2",
            "UPDATE state_page SET entry_count = entry_count + 1 WHERE id = 1",
            "UPDATE state_page SET checksum = checksum + 1 WHERE id = 3",
            "DELETE FROM state_page WHERE id = 1", "DELETE FROM state_page WHERE id = 3",
            "UPDATE checkpoint SET sequence = sequence + 1", "UPDATE state_log SET page_sum = 0",
            "DELETE FROM tally", "UPDATE input_position SET byte_offset = 5", "DELETE FROM output_position",
            "UPDATE output_position SET length = 13", "UPDATE output_position SET resume = x'00'",
            "UPDATE input_position SET position = x'00'", "DELETE FROM stage_field", "DELETE FROM state_log",
            "UPDATE checkpoint SET configuration = ''",
            "DELETE FROM store",
        ])
    func tampering(_ sql: String) throws {
        let folder = try TemporaryFolder()
        do {
            let store = try StateStore(folder: folder.url.path, functions: Self.functions)
            let pages = [Self.page(1), Self.page(2), Self.page(3)]
            try store.commit(Self.record(1, pages: pages), Self.changes(pages, firstPage: 1))
        }
        try Database(path: "\(folder.url.path)/state.db", access: .readWrite).execute(sql)
        let error = #expect(throws: StoreError.self) {
            let store = try StateStore(folder: folder.url.path, functions: Self.functions)
            guard let record = try store.lastCheckpoint() else { return }
            _ = try Self.pages(store, record)
        }
        #expect(error?.kind == .damaged)
    }

    @Test("A state of a later version is left alone")
    func newerFormat() throws {
        let folder = try TemporaryFolder()
        _ = try StateStore(folder: folder.url.path, functions: Self.functions)
        let database = try Database(path: "\(folder.url.path)/state.db", access: .readWrite)
        try database.execute("UPDATE store SET format = format + 1")
        let error = #expect(throws: StoreError.self) {
            try StateStore(folder: folder.url.path, functions: Self.functions)
        }
        #expect(error?.kind == .newerFormat)
    }

    @Test("One process at a time has the lock, and its end gives it back")
    func lock() throws {
        let folder = try TemporaryFolder()
        func take() throws { _ = try StoreLock(folder: folder.url.path) }
        do {
            let lock = try StoreLock(folder: folder.url.path)
            let error = #expect(throws: StoreError.self) { try take() }
            #expect(error?.kind == .inUse(pid: getpid()))
            _ = consume lock
        }
        try take()
    }

    @Test("A snapshot stands alone and holds one whole checkpoint")
    func snapshot() throws {
        let folder = try TemporaryFolder()
        let store = try StateStore(folder: folder.url.path, functions: Self.functions)
        let pages = [Self.page(1), Self.page(2)]
        let record = Self.record(1, pages: pages)
        try store.commit(record, Self.changes(pages, firstPage: 1))
        let other = try TemporaryFolder()
        try store.writeSnapshot(to: other.path("state.db"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: other.url.path) == ["state.db"])
        let restored = try StateStore(folder: other.url.path, functions: Self.functions)
        #expect(try restored.lastCheckpoint() == record && Self.pages(restored, record) == [2, 1])
    }

    @Test("The published schema is the one that is used")
    func schema() throws {
        let published = try String(contentsOf: Repository.root.appending(path: "schemas/state.sql"), encoding: .utf8)
        #expect(published == StateSchema.sql)
    }

    @Test("Entries come back from a page, and broken pages end early without reading beyond")
    func entries() {
        let page = Self.page(5, entries: 40)
        page.entries.withUnsafeBytes { bytes in
            var reader = StateEntryReader(bytes)
            var count = 0
            while let entry = reader.next() {
                #expect(entry.previousPage == 4 && Array(entry.key) == Array("key 5 \(count)".utf8))
                count += 1
            }
            #expect(count == 40 && reader.isAtEnd)
            for end in 0..<bytes.count {
                var cut = StateEntryReader(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
                while cut.next() != nil {}
            }
        }
    }
}
