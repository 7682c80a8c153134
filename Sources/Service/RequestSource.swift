import Assay
import AssayCore
import Glibc
import StateStore
import Synchronization

/// The lines of requests as an input of a run: first those of the journal that the last checkpoint does not have, then
/// those that come.
final class RequestSource: Source {
    private let service: ScoringService
    private let reading: SourceReading
    private let folder: SegmentFolder
    private var parts: ArraySlice<(segment: UInt64, length: UInt64)>
    private var descriptor: Int32 = -1
    private var place: JournalPlace
    private var position: SourcePosition
    /// Batches out of the journal that were handed on.
    private var replayed: UInt64 = 0
    /// The configuration that the last mark has set.
    private var present: String?
    private var isLive = false
    private var submission: Submission?
    /// A line that did not fit.
    private var held: (place: Range<Int>, number: Int)?
    private var nextReceipt: UInt64 = 1
    /// One that was made and got no line.
    private var spare: Receipt?
    private var wasBusy = true

    private static let secondsBetweenLooks = 0.05
    private static let microsecondsBetweenLooks: useconds_t = 500

    init(
        _ service: ScoringService, _ start: JournalStart, position: SourcePosition, present: String?,
        _ reading: SourceReading
    ) {
        (self.service, self.position, self.present, self.reading) = (service, position, present, reading)
        folder = service.journalFolder
        parts = start.parts[...]
        place = start.from
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func fill(_ text: inout InputText, upTo limit: UInt64) throws(RunFailure) -> SourceOutcome {
        text.reset(offset: position.offset, firstLine: position.line + 1)
        if !isLive {
            if try fillFromJournal(&text) {
                replayed += 1
                return .lines
            }
            // What comes now may be what was just read again: its answers have to be there first.
            while service.replayed < replayed {
                if reading.patience != nil { return .nothing }
                if Interruption.isTriggered(reading.interruption) { return .interrupted }
                usleep(Self.microsecondsBetweenLooks)
            }
            isLive = true
            service.intake.beginLive()
        }
        return fillFromRequests(&text)
    }

    func advance(past text: borrowing InputText, lines: UInt64, csvHeader: [UInt8]) -> SourcePosition {
        if !isLive { place.offset += UInt64(text.count) }
        position.offset = text.endOffset
        position.line += lines
        wasBusy = true
        return position
    }

    func sift(_ batch: LineBatch) {
        if let configuration = batch.configuration { present = configuration }
        guard let batch = batch as? TransactionBatch, let receipt = batch.text.receipt as? Receipt else { return }
        if receipt.number == nil {
            receipt.start = place.offset
            receipt.journal = JournalPlace(segment: place.segment, offset: place.offset + UInt64(batch.text.count))
        }
        if receipt.number != nil, service.learns { separate(batch, receipt) }
        service.answers.sift(batch, receipt)
    }

    /// Labels come where labels are taken, and nowhere else: whoever may send transactions may not teach.
    private func separate(_ batch: TransactionBatch, _ receipt: Receipt) {
        batch.decoded.labels.removeAll { label in
            let origin = receipt.origin(of: Int(label.lineIndex))
            if origin.submission.isOfLabels { return false }
            origin.submission.reject(
                origin.number, "\(RejectReason.invalidField.code)", "the line is a label; send it to /v1/labels")
            return true
        }
        batch.decoded.transactions.removeAll { transaction in
            let origin = receipt.origin(of: Int(transaction.lineIndex))
            guard origin.submission.isOfLabels else { return false }
            origin.submission.reject(
                origin.number, "\(RejectReason.missingField.code)", "label is missing: the line is a transaction")
            return true
        }
    }

    /// Nobody else answers what was taken and not handed on.
    func abandon() { submission?.abandon() }

    // MARK: The journal

    /// Returns false at its end.
    private func fillFromJournal(_ text: inout InputText) throws(RunFailure) -> Bool {
        while let part = parts.first {
            if part.segment != place.segment { place = JournalPlace(segment: part.segment, offset: 0) }
            guard place.offset < part.length else {
                parts = parts.dropFirst()
                if descriptor >= 0 { close(descriptor) }
                descriptor = -1
                continue
            }
            if descriptor < 0 {
                descriptor = open(folder.file(part.segment), O_RDONLY | O_CLOEXEC)
                guard descriptor >= 0 else { throw folder.failure("read", folder.file(part.segment)) }
            }
            text.receipt = Receipt(number: nil)
            return try read(part, into: &text)
        }
        return false
    }

    private func read(
        _ part: (segment: UInt64, length: UInt64), into text: inout InputText
    ) throws(RunFailure) -> Bool {
        while true {
            let wanted = min(text.capacity - text.filled, Int(part.length - place.offset) - text.filled)
            let count = pread(
                descriptor, text.base + text.filled, wanted, off_t(place.offset) + off_t(text.filled))
            guard count > 0 else { throw folder.failure("read", folder.file(part.segment)) }
            text.filled += count
            if let end = text.endOfLines(searchingFrom: 0) {
                (text.count, text.filled) = (end, end)
                return true
            }
            guard text.filled == text.capacity else { continue }
            text.grow(to: 2 * text.capacity, keeping: text.filled)
        }
    }

    // MARK: Requests

    private func fillFromRequests(_ text: inout InputText) -> SourceOutcome {
        if let outcome = fillWithMark(&text) { return outcome }
        let receipt = spare ?? Receipt(number: nextReceipt)
        spare = receipt
        text.receipt = receipt
        while true {
            while let next = held ?? submission?.nextLine() {
                held = nil
                guard let submission else { preconditionFailure("a line is that of a request") }
                guard append(next, of: submission, to: &text, receipt) else {
                    held = next
                    return .lines
                }
                if text.cutLine != nil { return .lines }
            }
            submission = nil
            // What comes while a turn of the server is enough for it is made durable together.
            switch service.intake.next(until: text.count > 0 ? 0 : waitEnd) {
            case .submission(let next)?:
                submission = next
                continue
            case .call? where reading.patience != nil && text.count == 0: return .nothing
            case .call?: continue
            case nil: break
            }
            if text.count > 0 { return .lines }
            if let patience = reading.patience, patience.end == 0 { return .nothing }
            if wasBusy { reading.willWait() }
            wasBusy = false
            if Interruption.isTriggered(reading.interruption) { return .interrupted }
            if let outcome = fillWithMark(&text) { return outcome }
            if let patience = reading.patience, MonotonicClock.seconds >= patience.end { return .nothing }
        }
    }

    private var waitEnd: Double {
        min(MonotonicClock.seconds + Self.secondsBetweenLooks, reading.patience?.end ?? .infinity)
    }

    /// Another configuration is a line of its own, before the next ones.
    private func fillWithMark(_ text: inout InputText) -> SourceOutcome? {
        guard submission == nil, let wanted = service.intake.takeWanted(), wanted != present else { return nil }
        let line = ConfigurationMark.line(wanted)
        if line.count + 1 > text.capacity { text.grow(to: line.count + 1, keeping: 0) }
        line.withUnsafeBufferPointer { text.append($0) }
        text.endLine()
        text.receipt = Receipt(number: nextReceipt)
        nextReceipt += 1
        return .lines
    }

    /// Returns false when a line has to begin the next batch.
    private func append(
        _ line: (place: Range<Int>, number: Int), of submission: Submission, to text: inout InputText,
        _ receipt: Receipt
    ) -> Bool {
        let wanted = text.filled + min(line.place.count, longestLine) + 2
        if wanted > text.capacity {
            guard text.count == 0 else { return false }
            text.grow(to: wanted, keeping: text.filled)
        }
        if spare != nil {
            spare = nil
            nextReceipt += 1
        }
        receipt.append(submission, line.place, number: line.number)
        let start = text.filled
        submission.withLine(line.place) { bytes in
            guard bytes.count <= longestLine else {
                text.append(UnsafeBufferPointer(rebasing: bytes[..<(Reject.quotedBytes + 3)]))
                text.flatten(from: start)
                text.cutLine = start
                return text.endLastLine()
            }
            if ConfigurationMark.isStart(of: bytes) {
                // Nobody but the engine writes marks.
                text.append(UnsafeBufferPointer(rebasing: bytes[..<1]))
                [UInt8(ascii: " ")].withUnsafeBufferPointer { text.append($0) }
                text.append(UnsafeBufferPointer(rebasing: bytes[1...]))
            } else {
                text.append(bytes)
            }
            text.flatten(from: start)
            text.endLine()
        }
        return true
    }
}
