import Foundation
import TestSupport

/// Brokers in memory, of one test's own, gone with it.
///
/// @unchecked Sendable: the pipes are used by one thread at a time.
final class MockCluster: @unchecked Sendable {
    let brokers: String
    private let process = Process()
    private let commands = Pipe()
    private let answers = Pipe()
    private let folder: TemporaryFolder
    private var unread = Data()

    init(brokers count: Int = 3, topics: [String: Int]) throws {
        folder = try TemporaryFolder()
        process.executableURL = URL(filePath: Topic.tool)
        process.arguments = ["mock", "\(count)"]
        process.standardInput = commands
        process.standardOutput = answers
        process.standardError = FileHandle.nullDevice
        try process.run()
        brokers = Self.line(answers, &unread)
        for (topic, partitions) in topics.sorted(by: { $0.key < $1.key }) { try obey("topic \(topic) \(partitions)") }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static func line(_ pipe: Pipe, _ unread: inout Data) -> String {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread = Data(unread[(end + 1)...]) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            let more = pipe.fileHandleForReading.availableData
            if more.isEmpty { return "" }
            unread += more
        }
    }

    func obey(_ command: String) throws {
        try commands.fileHandleForWriting.write(contentsOf: Data("\(command)\n".utf8))
        let answer = Self.line(answers, &unread)
        guard answer == "ok" else { throw Failed("\(command): \(answer)") }
    }
}

struct Failed: Error {
    let message: String
    init(_ message: String) { self.message = message }
}

/// A topic as other programs see it.
struct Topic {
    let brokers: String
    let name: String

    static let tool = URL(filePath: Binary.path).deletingLastPathComponent().appending(path: "BrokerTool").path

    /// Makes it, as an administrator would.
    func create(partitions: Int) throws { try change("create \(brokers) \(name) \(partitions)") }

    func grow(partitions: Int) throws { try change("grow \(brokers) \(name) \(partitions)") }

    func delete() throws { try change("delete \(brokers) \(name)") }

    private func change(_ arguments: String) throws {
        let run = try Binary.shell("\(Self.tool) \(arguments)", in: TemporaryFolder())
        guard run.code == 0 else { throw Failed(run.errors) }
    }

    struct Record: Equatable {
        var partition: Int
        var offset: Int
        var key: String
        var headers: [String: String]
        /// Nil for a tombstone.
        var value: String?

        var sequence: Int { headers["assay-sequence"].flatMap { Int($0) } ?? 0 }
    }

    /// Writes records of lines, each a key and a value with a tab between them; an empty value is a tombstone.
    func write(_ lines: [String], options: String = "") throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("lines", lines.map { $0 + "\n" }.joined())
        let run = try Binary.shell(
            "kcat -P -b \(brokers) -t \(name) -K '\t' -Z -X partitioner=murmur2_random \(options) -l lines", in: folder)
        guard run.code == 0 else { throw Failed(run.errors) }
    }

    /// All records, partition by partition.
    func records(options: String = "") throws -> [Record] {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            "timeout 60 kcat -C -b \(brokers) -t \(name) -o beginning -e -q \(options) "
                + #"-f '%p\x1f%o\x1f%k\x1f%h\x1f%S\x1f%s\x1e'"#, in: folder)
        guard run.code == 0 else { throw Failed(run.errors) }
        let records = String(decoding: run.output, as: UTF8.self).split(separator: "\u{1E}").map { text in
            let cells = text.split(separator: "\u{1F}", omittingEmptySubsequences: false).map(String.init)
            let headers = cells[3].split(separator: ",").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
            return Record(
                partition: Int(cells[0]) ?? -1, offset: Int(cells[1]) ?? -1, key: cells[2],
                headers: Dictionary(headers.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { $1 },
                value: cells[4] == "-1" ? nil : cells[5])
        }
        return records.sorted { ($0.partition, $0.offset) < ($1.partition, $1.offset) }
    }
}
