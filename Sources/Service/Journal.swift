import Assay
import AssayCore
import Glibc
import StateStore

/// Every accepted line, in the order in which it was scored: what a run resumes from, and what anyone can score again.
///
/// Each segment begins with a mark that holds the configuration in force, so that any of them can be read alone.
///
/// @unchecked Sendable: the writing thread alone uses it once a run has begun; the figures guard themselves.
package final class Journal: Ledger, @unchecked Sendable {
    private let folder: SegmentFolder
    private let isDurable: Bool
    private let keepSeconds: Int64
    private let figures: JournalFigures
    private var syncer: BackgroundSync?

    private var descriptor: Int32 = -1
    /// Where the next line is written.
    private var end = JournalPlace()
    /// Behind everything that was taken, which may be before the end while the journal is read again.
    private var taken = JournalPlace()
    private var nextSequence: UInt64
    /// In force at the end.
    private var configuration: String?
    private var pending: [UInt8] = []
    /// The failure of a roll, told at the next opportunity.
    private var fault: SinkFault?

    static let name = "journal"

    init(
        _ folder: SegmentFolder, start: JournalStart, isDurable: Bool, keepSeconds: Int64, _ figures: JournalFigures
    ) throws(RunFailure) {
        (self.folder, self.isDurable, self.keepSeconds) = (folder, isDurable, keepSeconds)
        self.figures = figures
        (taken, end) = (start.from, start.end)
        nextSequence = start.from.segment
        if start.hasSegments { descriptor = try folder.open(end.segment, cutTo: end.offset) }
        if !isDurable { syncer = BackgroundSync() }
    }

    // MARK: Lines

    package func append(_ batch: LineBatch) {
        guard let receipt = batch.text.receipt as? Receipt else { return }
        batch.forEachAccepted { _, sequence in if let sequence { nextSequence = sequence + 1 } }
        if let text = batch.configuration { configuration = text }
        guard receipt.number != nil else {
            taken = receipt.journal
            return
        }
        if descriptor < 0 || end.offset >= SegmentFolder.mostBytes {
            var first: UInt64?
            batch.forEachAccepted { _, sequence in first = first ?? sequence }
            roll(to: first ?? nextSequence)
            // The new segment begins with the mark.
            if batch.configuration != nil { return note(receipt) }
        }
        if let text = batch.configuration { append(line: ConfigurationMark.line(text)) }
        receipt.journal = end
        batch.forEachAccepted { line, _ in
            pending.append(contentsOf: line)
            pending.append(10)
            end.offset += UInt64(line.count) + 1
        }
        note(receipt)
    }

    private func append(line: [UInt8]) {
        pending += line
        pending.append(10)
        end.offset += UInt64(line.count) + 1
    }

    private func note(_ receipt: Receipt) {
        if receipt.entries.isEmpty { receipt.journal = end }
        taken = end
    }

    /// Begins a segment. What is in the one before is durable first, so that no gap can come between them.
    private func roll(to sequence: UInt64) {
        do throws(SinkFault) {
            if descriptor >= 0 {
                try write()
                guard fdatasync(descriptor) == 0 else { throw failed(errno) }
                syncer?.forget()
                close(descriptor)
            }
            do throws(RunFailure) {
                // Marks alone use up no number: the name may be taken already.
                descriptor = try folder.open(sequence)
            } catch {
                throw SinkFault(sink: "the journal", reason: .store(error.message))
            }
            end = JournalPlace(segment: sequence, offset: folder.bytes(of: sequence))
            if let configuration { append(line: ConfigurationMark.line(configuration)) }
        } catch {
            fault = error
        }
    }

    private func failed(_ number: Int32) -> SinkFault {
        SinkFault(sink: "the journal", reason: .failed(errorNumber: number))
    }

    // MARK: Durability

    package func sync() throws(SinkFault) {
        if let fault { throw fault }
        guard !pending.isEmpty else { return }
        try write()
        if let syncer { return syncer.note(descriptor) }
        try makeDurable()
    }

    private func write() throws(SinkFault) {
        let number = pending.withUnsafeBytes { SegmentFolder.write($0, to: descriptor) }
        guard number == 0 else { throw failed(number) }
        figures.note(bytes: pending.count)
        pending.removeAll(keepingCapacity: true)
    }

    private func makeDurable() throws(SinkFault) {
        let began = MonotonicClock.seconds
        guard fdatasync(descriptor) == 0 else { throw failed(errno) }
        figures.noteSync(MonotonicClock.seconds - began)
    }

    package func settle() throws(SinkFault) -> CheckpointRecord.Output {
        try sync()
        if syncer != nil, descriptor >= 0 { try makeDurable() }
        return CheckpointRecord.Output(
            name: Self.name, path: folder.path, length: taken.offset,
            resume: taken.segment.littleEndianBytes + taken.offset.littleEndianBytes)
    }

    /// Removes segments that lie behind the checkpoint and are older than they have to be.
    package func release() {
        let oldest = WallClock.milliseconds / 1000 - keepSeconds
        let numbers = folder.numbers
        figures.note(segments: numbers.count)
        for number in numbers where number < taken.segment {
            guard let written = folder.written(number), written < oldest else { return }
            folder.remove(number)
        }
    }

    deinit {
        syncer?.stop()
        if descriptor >= 0 { close(descriptor) }
    }
}

/// Makes a file durable now and then, for who does not wait for it.
///
/// @unchecked Sendable: everything is guarded by `state`.
private final class BackgroundSync: @unchecked Sendable {
    private struct State {
        var descriptor: Int32 = -1
        var isOver = false
    }

    private let state = Locked(State())
    private var thread: WorkerThread?
    private static let microsecondsBetween: useconds_t = 100_000

    init() {
        thread = WorkerThread { [self] in
            while true {
                usleep(Self.microsecondsBetween)
                let (copy, isOver) = state.withLock { state in
                    defer { state.descriptor = -1 }
                    return (state.descriptor >= 0 ? dup(state.descriptor) : -1, state.isOver)
                }
                if copy >= 0 {
                    // A checkpoint makes it durable too, and tells where that fails.
                    fdatasync(copy)
                    close(copy)
                }
                if isOver { return }
            }
        }
    }

    func note(_ descriptor: Int32) { state.withLock { $0.descriptor = descriptor } }

    func forget() { state.withLock { $0.descriptor = -1 } }

    func stop() {
        state.withLock { $0.isOver = true }
        thread.take()?.join()
    }
}

/// Figures of the journal, for those who look on.
final class JournalFigures: Sendable {
    private struct State {
        var bytes: UInt64 = 0
        var segments = 0
        var seconds = Histogram()
    }

    private let state = Locked(State())

    func note(bytes: Int) { state.withLock { $0.bytes += UInt64(bytes) } }
    func note(segments: Int) { state.withLock { $0.segments = segments } }
    func noteSync(_ seconds: Double) { state.withLock { $0.seconds.note(seconds) } }

    func write(into page: inout MetricsPage) {
        let state = state.withLock { $0 }
        page.write(.journalBytes, Double(state.bytes))
        page.write(.journalSegments, Double(state.segments))
        page.write(.journalSyncSeconds, [([], state.seconds)])
    }
}
