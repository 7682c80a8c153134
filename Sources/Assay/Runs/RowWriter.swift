import AssayCore
import StateStore

/// The last stage of a run: puts results in the sinks' forms, and writes them and the rejected lines.
final class RowWriter<Stage: RunStage & ~Copyable> {
    private var formatter: Stage.Formatter
    private let sinks: [any RowSink]
    private let rejects: [RejectSink]
    private let rejectEncoder = RejectEncoder()
    private let isStrict: Bool
    /// By source, the name of its input; empty where there is only one.
    private let sourceNames: [String]
    private let report: @Sendable (RunReport) -> Void
    private let metrics: RunMetrics?
    private var reported = 0
    private var order: OrderLog?
    private let ledger: (any Ledger)?
    /// Received, and not worked on yet: the order of these is durable.
    private var ahead: [WriterMessage<Stage>] = []
    private var hasFailed = false
    /// Whether who writes goes on with what is told to the run, which need not be woken.
    private var isHelped = false

    /// The most rejected lines that are reported one by one.
    private static var mostReported: Int { 10 }

    init(
        _ formatter: Stage.Formatter, sinks: [any RowSink], rejects: [RejectSink], ledger: (any Ledger)?,
        inputs: [String], _ parts: RunParts
    ) {
        self.ledger = ledger
        self.formatter = formatter
        self.sinks = sinks
        self.rejects = rejects
        isStrict = parts.isStrict
        sourceNames = Set(inputs).count > 1 ? inputs : []
        report = parts.report
        metrics = parts.metrics
    }

    /// The positions of the outputs before anything is written.
    func begin() throws(RunFailure) -> [SettledSink] { try settle(isLast: false) }

    /// Keeps the order in which several sources are taken. Comes before anything is written.
    func keep(_ order: Handover<OrderLog>?) { self.order = order?.take() }

    /// Works on everything that is there. Returns true when it was told to stop.
    func workOff(
        _ box: Mailbox<WriterMessage<Stage>>, free: [Mailbox<Stage.Batch>], inbox: Mailbox<RunMessage<Stage>>,
        turns: Turns
    ) -> Bool {
        while let message = ahead.isEmpty ? box.receiveNow() : ahead.removeFirst() {
            if case .stop = message { return true }
            take(message, box, free: free, inbox: inbox, turns: turns)
        }
        if nextDue <= MonotonicClock.seconds { take(nil, box, free: free, inbox: inbox, turns: turns) }
        return false
    }

    /// The same in place of the writing thread, for which alone it is to stop.
    func help(
        _ box: Mailbox<WriterMessage<Stage>>, free: [Mailbox<Stage.Batch>], inbox: Mailbox<RunMessage<Stage>>,
        turns: Turns
    ) {
        isHelped = true
        if workOff(box, free: free, inbox: inbox, turns: turns) { box.send(.stop) }
        isHelped = false
    }

    private func tell(_ message: RunMessage<Stage>, _ inbox: Mailbox<RunMessage<Stage>>) {
        if isHelped { inbox.sendQuietly(message) } else { inbox.send(message) }
    }

    private func take(
        _ message: WriterMessage<Stage>?, _ box: Mailbox<WriterMessage<Stage>>, free: [Mailbox<Stage.Batch>],
        inbox: Mailbox<RunMessage<Stage>>, turns: Turns
    ) {
        do throws(RunFailure) {
            switch message {
            case .batch(let batch, let entries, let counts, let isNoted)?:
                defer { if let source = batch.source { free[source].send(batch) } }
                if hasFailed { return }
                if !isNoted { try note(batch, entries, box) }
                try write(batch, turns)
                if let metrics, batch.source != nil {
                    metrics.note(lines: batch.lineCount, seconds: MonotonicClock.seconds - batch.readTime)
                }
                tell(.written(counts, bytes: batch.text.endOffset), inbox)
            case .flush?: if !hasFailed { try flush() }
            case .formatter(let other)?: formatter = other.take()
            case .mark(let isLast)?:
                if hasFailed { return }
                tell(.drained(try settle(isLast: isLast)), inbox)
            case .release(let number)?: if !hasFailed { try release(number) }
            case .stop?, nil: break
            }
            if !hasFailed { try flushDue() }
        } catch {
            hasFailed = true
            tell(.outputFailed(error, unread: error.kind == .closed ? unread : [:]), inbox)
        }
    }

    /// Nothing of a batch may become visible before its place in the order and the ledger is durable. Those that wait
    /// behind it are made durable with it, since that costs more than a batch. What comes after the mark of a
    /// checkpoint is not of that checkpoint, and may not be in what the ledger says of it.
    private func note(
        _ batch: Stage.Batch, _ entries: [OrderEntry], _ box: Mailbox<WriterMessage<Stage>>
    ) throws(RunFailure) {
        guard ledger != nil || order != nil && !entries.isEmpty else { return }
        append(batch, entries)
        while let message = box.receiveNow() {
            guard case .batch(let batch, let more, let counts, _) = message else {
                ahead.append(message)
                if case .mark = message { break }
                continue
            }
            append(batch, more)
            ahead.append(.batch(batch, [], counts, isNoted: true))
        }
        try order?.sync()
        if let ledger { try guarded { () throws(SinkFault) in try ledger.sync() } }
    }

    private func append(_ batch: Stage.Batch, _ entries: [OrderEntry]) {
        for entry in entries { order?.append(entry) }
        ledger?.append(batch)
    }

    // MARK: Rows

    private func write(_ batch: Stage.Batch, _ turns: Turns) throws(RunFailure) {
        let firstReject = isStrict ? batch.rejects.first : nil
        if let firstReject { formatter.cut(batch, after: firstReject.lineIndex) }
        for (number, sink) in sinks.enumerated() {
            (sink as? any AnsweringSink)?.begin(batch)
            try write(to: sink, number) { buffer in
                turns.take()
                defer { turns.giveBack() }
                return formatter.format(batch, for: number, into: &buffer)
            }
        }
        if let firstReject {
            try flush()
            let line = RejectedLine(firstReject, text: batch.text, of: sourceName(batch))
            throw RunFailure(.badData, "\(line.description); correct it, or run without --strict")
        }
        try writeRejects(batch)
    }

    private func sourceName(_ batch: Stage.Batch) -> String? {
        batch.source.flatMap { sourceNames.isEmpty ? nil : sourceNames[$0] }
    }

    private func writeRejects(_ batch: Stage.Batch) throws(RunFailure) {
        let all = batch.rejects
        if all.isEmpty { return }
        if rejects.isEmpty {
            for reject in all {
                guard reported < Self.mostReported else { return }
                report(.rejected(RejectedLine(reject, text: batch.text, of: sourceName(batch))))
                reported += 1
            }
            return
        }
        let source = sourceName(batch)
        for (number, rejects) in rejects.enumerated() {
            try write(to: rejects.sink, sinks.count + number) { buffer in
                for reject in all {
                    rejectEncoder.encode(reject, text: batch.text, of: source, as: rejects.form, into: &buffer)
                }
                return UInt64(all.count)
            }
        }
    }

    private func write(
        to sink: any RowSink, _ number: Int, _ fill: (inout OutputBuffer) -> UInt64
    ) throws(RunFailure) {
        var rows: UInt64 = 0
        var bytes = 0
        try guarded { () throws(SinkFault) in
            try sink.write { buffer in
                let before = buffer.count
                rows = fill(&buffer)
                bytes = buffer.count - before
                return rows
            }
        }
        metrics?.note(rows: rows, bytes: bytes, of: number, sink.condition)
    }

    private func guarded(_ body: () throws(SinkFault) -> Void) throws(RunFailure) {
        do throws(SinkFault) {
            try body()
        } catch {
            throw error.failure
        }
    }

    /// What readers that may have gone did not take, by output.
    private var unread: [String: [UInt8]] {
        var unread: [String: [UInt8]] = [:]
        for case let sink as FileSink in sinks where !sink.unread.isEmpty { unread[sink.name] = sink.unread }
        return unread
    }

    // MARK: What is held back

    private var all: [any RowSink] { sinks + rejects.map(\.sink) }

    /// When something will have been held back too long.
    var due: Double { all.reduce(.infinity) { min($0, $1.due) } }

    /// When there is something to do though nobody sends a message.
    var nextDue: Double { hasFailed ? .infinity : due }

    private func flushDue() throws(RunFailure) {
        let due = due
        guard due < .infinity else { return }
        let now = MonotonicClock.seconds
        for sink in all where sink.due <= now { try guarded { () throws(SinkFault) in try sink.flush() } }
    }

    /// Writes lines that a reader may be waiting for.
    private func flush() throws(RunFailure) {
        for sink in all where sink.isImmediate { try guarded { () throws(SinkFault) in try sink.flush() } }
    }

    // MARK: Checkpoints

    private func settle(isLast: Bool) throws(RunFailure) -> [SettledSink] {
        var settled: [SettledSink] = []
        for sink in all {
            try guarded { () throws(SinkFault) in settled.append(try sink.settle(isLast: isLast)) }
        }
        if let ledger {
            try guarded { () throws(SinkFault) in settled.append(SettledSink(try ledger.settle())) }
        }
        // In the order of checkpoints.
        return settled.sorted { $0.output.name < $1.output.name }
    }

    private func release(_ number: UInt64?) throws(RunFailure) {
        for sink in all { try guarded { () throws(SinkFault) in try sink.release() } }
        ledger?.release()
        if let number { try order?.trim(before: number) }
    }
}

/// Where rejected lines go, and in what form.
struct RejectSink {
    let sink: any RowSink
    let form: RowForm
}

/// A rejected line as it is reported.
package struct RejectedLine: Sendable, Equatable, CustomStringConvertible {
    /// The name of its input, if there are several.
    package let source: String?
    package let line: UInt64
    package let offset: UInt64
    package let reason: RejectReason
    package let message: String
    /// Where it is if it is a record.
    package let record: String?

    init(_ reject: Reject, text: borrowing InputText, of source: String? = nil) {
        self.source = source
        line = text.firstLine + UInt64(reject.lineIndex)
        offset = text.offset + UInt64(reject.line.offset)
        reason = reject.reason
        message = reject.sentence
        record = text.origin.map { "\($0.topic)/\($0.partition), offset \($0.offset(ofLine: Int(reject.lineIndex)))" }
    }

    /// Where it is, for people.
    package func place(withByte: Bool) -> String {
        (source.map { "input '\($0)', " } ?? "")
            + (record ?? "line \(line)" + (withByte ? " at byte \(offset)" : ""))
    }

    package var description: String { "\(place(withByte: true)), \(reason.code): \(message)" }
}
