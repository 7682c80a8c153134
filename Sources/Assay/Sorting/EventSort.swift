import AssayCore
import CivilTime
import Compression
import Glibc

/// Sorts lines by their event times, those of equal times as they came, in bounded memory: what does not fit is
/// written down in sorted runs, which are merged.
package struct EventSort: ~Copyable {
    package struct Plan {
        package var format = InputFormat.jsonl
        package var dialect = CSVDialect()
        /// The field or column that has the time.
        package var timeField = "timestamp"
        package var zone = TimeZoneRules.utc
        package var memoryBytes = 256 << 20
        /// For what does not fit into memory.
        package var temporaryFolder = "/tmp"
        package var compression: CompressionFormat?

        package init() {}
    }

    package struct Outcome {
        package fileprivate(set) var lines: UInt64 = 0
        package fileprivate(set) var rejected: UInt64 = 0
        /// How often the lines were written down because they did not fit.
        package fileprivate(set) var runs = 0
    }

    /// More are merged into one first, those that come first together, so that equal times stay in order.
    static let mergedAtOnce = 64

    private let plan: Plan
    private var buffer: SortBuffer
    private var runs: [SortedRun] = []
    private var outcome = Outcome()
    private var output: SortOutput
    private var rejects: OutputSink?

    /// `output` and `rejects`: open for writing.
    package init(_ plan: Plan, output: Int32, rejects: Int32?) {
        self.plan = plan
        // A run is written while its lines are still in memory; the buffers of merging fit into the same room.
        buffer = SortBuffer(capacity: plan.memoryBytes / 2)
        self.output = SortOutput(output, plan.compression)
        self.rejects = rejects.map { OutputSink(descriptor: $0) }
    }

    package consuming func run(input: Int32) throws(SortFault) -> Outcome {
        let header = try read(input)
        // A file without a header stays one.
        if !header.isEmpty, plan.dialect.columns == nil {
            try header.withUnsafeBufferPointer { line throws(SortFault) in try output.write(line) }
        }
        if runs.isEmpty {
            // Apart from the rest, which the lines go to.
            var sorted = SortBuffer(capacity: 0)
            swap(&sorted, &buffer)
            try sorted.drain { (_, line) throws(SortFault) in try output.write(line) }
        } else {
            try spill()
            outcome.runs = runs.count
            while runs.count > Self.mergedAtOnce { try mergeSome() }
            let runs = runs
            try Self.merge(runs) { (_, line) throws(SortFault) in try output.write(line) }
        }
        try output.finish()
        return outcome
    }

    // MARK: Reading

    /// Takes all lines in. Returns the header of CSV.
    private mutating func read(_ input: Int32) throws(SortFault) -> [UInt8] {
        var reader = LineReader(
            descriptor: input, format: plan.format, isDigested: false, start: LineReader.Start())
        var decoder = EventTimeDecoder(plan.timeField, format: plan.format, zone: plan.zone, dialect: plan.dialect)
        let batch = EventBatch()
        while true {
            batch.reset()
            do throws(InputError) {
                guard try reader.fill(&batch.text) == .lines else { break }
            } catch {
                throw .input(error)
            }
            decoder.decode(batch)
            if let fault = decoder.headerFault { throw .input(.header(fault)) }
            batch.forEachTime { buffer.append($0, $1) }
            outcome.lines += UInt64(batch.eventCount)
            try writeRejects(batch)
            reader.advance(past: batch.text, lines: batch.lineCount)
            if buffer.isFull { try spill() }
        }
        return decoder.csvHeader.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    }

    private mutating func writeRejects(_ batch: EventBatch) throws(SortFault) {
        outcome.rejected += UInt64(batch.rejects.count)
        guard rejects != nil, !batch.rejects.isEmpty else { return }
        var lines = OutputBuffer(capacity: 1 << 12)
        for reject in batch.rejects { RejectEncoder().encode(reject, text: batch.text, of: nil, into: &lines) }
        do throws(OutputSink.Fault) {
            try rejects?.write(lines.bytes)
        } catch {
            throw .rejects(errorNumber: error.errorNumber)
        }
    }

    // MARK: Runs

    private static let mostReadAtOnce = 256 << 10

    private func makeRun() throws(SortFault) -> SortedRun {
        let room = plan.memoryBytes / 2 / Self.mergedAtOnce
        return try SortedRun(folder: plan.temporaryFolder, readAtOnce: min(room, Self.mostReadAtOnce))
    }

    private mutating func spill() throws(SortFault) {
        if buffer.isEmpty { return }
        let run = try makeRun()
        try buffer.drain { (time, line) throws(SortFault) in try run.append(time, line) }
        try run.finishWriting()
        runs.append(run)
    }

    private mutating func mergeSome() throws(SortFault) {
        let merged = try makeRun()
        try Self.merge(Array(runs[..<Self.mergedAtOnce])) { (time, line) throws(SortFault) in
            try merged.append(time, line)
        }
        try merged.finishWriting()
        runs.replaceSubrange(..<Self.mergedAtOnce, with: [merged])
    }

    private struct Head: Comparable {
        let time: Int64
        let run: Int

        static func < (left: Head, right: Head) -> Bool { (left.time, left.run) < (right.time, right.run) }
    }

    private static func merge(
        _ runs: [SortedRun], _ body: (Int64, UnsafeBufferPointer<UInt8>) throws(SortFault) -> Void
    ) throws(SortFault) {
        var heads = Heap<Head>()
        for (number, run) in runs.enumerated() where try run.advance() {
            heads.insert(Head(time: run.time, run: number))
        }
        while let head = heads.popFirst() {
            let run = runs[head.run]
            try run.withLine { line throws(SortFault) in try body(head.time, line) }
            if try run.advance() { heads.insert(Head(time: run.time, run: head.run)) }
        }
    }
}

/// Where sorted lines go.
private struct SortOutput: ~Copyable {
    private var sink: OutputSink
    private let compressor: Compressor?
    private var buffer = OutputBuffer(capacity: 2 * writtenAtOnce)

    private static let writtenAtOnce = 256 << 10

    init(_ descriptor: Int32, _ compression: CompressionFormat?) {
        sink = OutputSink(descriptor: descriptor)
        compressor = compression.map { Compressor($0) }
    }

    mutating func write(_ line: UnsafeBufferPointer<UInt8>) throws(SortFault) {
        buffer.reserve(line.count + 1)
        buffer.write(line)
        buffer.write(UInt8(ascii: "\n"))
        if buffer.count >= Self.writtenAtOnce { try flush(isLast: false) }
    }

    mutating func finish() throws(SortFault) { try flush(isLast: true) }

    private mutating func flush(isLast: Bool) throws(SortFault) {
        do throws(OutputSink.Fault) {
            if let compressor {
                try compressor.compress(buffer.bytes, isLast: isLast) { part throws(OutputSink.Fault) in
                    try sink.write(part)
                }
            } else {
                try sink.write(buffer.bytes)
            }
        } catch {
            switch error {
            case .closed: throw .closed
            case .failed(let number): throw .output(errorNumber: number)
            }
        }
        buffer.removeAll()
    }
}
