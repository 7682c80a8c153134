import CivilTime
import Foundation
import StateStore
import Testing

@testable import Assay
@testable import AssayCore

/// What a run promises to sources of whatever kind, shown with one that no file lies behind.
@Suite struct SourcePortTests {
    /// So many lines, one a batch; its position is the number of the next line, in two bytes that it alone reads.
    private final class Counter: SourceDefinition, FoundSource, Source, @unchecked Sendable {
        private let count: UInt64
        private let lock = NSLock()
        private var next: UInt64 = 0
        private var commits: [SourcePosition] = []
        private var given: [SourcePosition] = []

        init(count: UInt64) {
            self.count = count
        }

        var path: String { "counter" }
        var format: InputFormat { .jsonl }
        var isEndless: Bool { false }
        var file: String? { nil }
        var finding: InputFinding { next == 0 ? .first : .same }
        var position: SourcePosition { Self.position(next) }
        var csvHeader: [UInt8] { [] }
        var isFinished: Bool { next == count }
        var wasInterrupted: Bool { false }
        var totalBytes: UInt64? { nil }

        private static func position(_ next: UInt64) -> SourcePosition {
            SourcePosition(offset: next, line: next, bytes: [UInt8(next >> 8), UInt8(next & 255)])
        }

        func find(_ recorded: CheckpointRecord.Input?, _ opening: SourceOpening) -> any FoundSource {
            if let recorded { next = UInt64(recorded.position[0]) << 8 | UInt64(recorded.position[1]) }
            return self
        }

        func open(_ reading: SourceReading) -> any Source { self }

        func fill(_ text: inout InputText, upTo limit: UInt64) -> SourceOutcome {
            guard next < count else { return .end }
            // Half of it is held back until something was committed of the other half.
            while next == count / 2, committed.isEmpty { usleep(1000) }
            text.reset(offset: next, firstLine: next + 1)
            let bytes = Array((line(id: "t\(next)", time: "\(1_767_225_600 + next)") + "\n").utf8)
            bytes.withUnsafeBufferPointer { text.append($0) }
            text.count = text.filled
            return .lines
        }

        func advance(past text: borrowing InputText, lines: UInt64, csvHeader: [UInt8]) -> SourcePosition {
            next += lines
            let position = Self.position(next)
            lock.withLock { given.append(position) }
            return position
        }

        func committed(_ position: SourcePosition) {
            lock.withLock { commits.append(position) }
        }

        var committed: [SourcePosition] { lock.withLock { commits } }
        var all: [SourcePosition] { lock.withLock { given } }
    }

    private static func run(_ counter: Counter, in folder: URL) throws -> RunResult {
        let configuration = Configuration()
        let inputs = [NamedInput(name: "counter", counter)]
        let output = FileOutput(
            OutputTarget(path: folder.appendingPathComponent("out.jsonl").path), form: .json, name: "assessments")
        var request = RunRequest.scoring(
            inputs: inputs, outputs: [NamedOutput(stream: "assessments", output, columns: nil)], configuration,
            zone: .utc)
        request.folder = folder.appendingPathComponent("state").path
        var parts = RunParts()
        parts.checkpointIntervalSeconds = 0.01
        // A process that another test starts holds every open lock until it is another program.
        for attempt in 0... {
            do throws(RunFailure) {
                let preparation = try RunPreparation.make(request)
                return Run<ScoringStage>(parts).run(
                    ScoringStage(settings: ScoringSettings(), zone: .utc), preparation)
            } catch {
                guard error.kind == .inUse, attempt < 100 else { throw error }
                usleep(20_000)
            }
        }
        preconditionFailure("the last attempt returns or throws")
    }

    @Test("A source hears of positions that it gave and that are committed, in order, up to its end")
    func commits() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("assay-port-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }  // the system clears it otherwise
        let first = Counter(count: 400)
        let result = try Self.run(first, in: folder)
        #expect(result.failure == nil && result.counts.accepted == 400)
        let offsets = first.committed.map(\.offset)
        #expect(offsets == offsets.sorted() && offsets.last == 400 && offsets.count > 1)
        #expect(first.committed.allSatisfy { $0.offset == 0 || first.all.contains($0) })
        let second = Counter(count: 1000)
        #expect(try Self.run(second, in: folder).failure == nil)
        #expect(second.all.first?.offset == 401 && second.committed.last?.offset == 1000)
        let lines = try String(contentsOf: folder.appendingPathComponent("out.jsonl"), encoding: .utf8)
            .split(separator: "\n")
        #expect(lines.count == 1000)
    }
}
