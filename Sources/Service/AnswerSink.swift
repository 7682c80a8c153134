import Assay
import AssayCore
import Glibc

/// Where assessments go that somebody waits for: each is remembered, and then given to who sent the transaction.
///
/// The journal has the lines before this gets their rows.
final class AnswerSink: AnsweringSink {
    private let answers: Answers
    private let path: String
    private let rejects: RejectFile?
    private let review: (RiskAssessment, UnsafeBufferPointer<UInt8>) -> Void
    private let replayed: () -> Void
    private var batch: TransactionBatch?
    private var rows = OutputBuffer(capacity: 1 << 16)
    private var records = OutputBuffer(capacity: 1 << 16)
    private var outcomes: [Answers.Outcome] = []
    private var places: [Range<Int>] = []

    /// `review`: is shown each assessment. `replayed`: is told of each batch that came out of the journal.
    init(
        _ answers: Answers, path: String, rejects: RejectFile?,
        review: @escaping (RiskAssessment, UnsafeBufferPointer<UInt8>) -> Void, replayed: @escaping () -> Void
    ) {
        (self.answers, self.path, self.rejects) = (answers, path, rejects)
        (self.review, self.replayed) = (review, replayed)
    }

    func begin(_ batch: LineBatch) { self.batch = batch as? TransactionBatch }

    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault) {
        rows.removeAll()
        _ = fill(&rows)
        guard let batch, let receipt = batch.text.receipt as? Receipt else { return }
        collect(batch, receipt)
        let followers = try answers.settle(receipt, outcomes, records: records.bytes)
        guard receipt.number != nil else { return replayed() }
        give(batch, receipt, followers)
    }

    /// Finds the rows of the transactions, and makes the records of what is to be remembered.
    private func collect(_ batch: TransactionBatch, _ receipt: Receipt) {
        records.removeAll()
        outcomes.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        let text = batch.text.view
        let bytes = rows.bytes.bindMemory(to: UInt8.self)
        let seconds = UInt32(truncatingIfNeeded: WallClock.milliseconds / 1000)
        var journal = receipt.journal
        var start = 0
        var labels = batch.acceptedLabels[...]
        for (index, transaction) in batch.decoded.transactions.enumerated() {
            guard batch.scored.assessments[index].sequence > 0 else {
                outcomes.append((receipt.entries[index], nil))
                places.append(0..<0)
                continue
            }
            let end = bytes[start...].firstNewline ?? bytes.count
            outcomes.append((receipt.entries[index], records.count))
            places.append(start..<end)
            let id = text.bytes(transaction.id)
            while let label = labels.first, label.lineIndex < transaction.lineIndex {
                journal.offset += UInt64(text.bytes(labels.removeFirst().line).count) + 1
            }
            // Out of the journal a line's own place is known; otherwise they follow each other.
            if receipt.number == nil { journal.offset = receipt.start + UInt64(transaction.lineOffset) }
            AnswerLog.append(
                AnswerLog.Record(
                    seconds: seconds, idHash: id.stableHash,
                    userHash: UInt32(truncatingIfNeeded: transaction.userHash), journal: journal),
                user: text.bytes(transaction.userID), id: id,
                answer: UnsafeBufferPointer(rebasing: bytes[start..<end]), to: &records)
            journal.offset += UInt64(transaction.lineCount) + 1
            start = end + 1
        }
    }

    private func give(
        _ batch: TransactionBatch, _ receipt: Receipt,
        _ followers: [Int: [(submission: Submission, line: Int)]]
    ) {
        let bytes = rows.bytes.bindMemory(to: UInt8.self)
        for (index, transaction) in batch.decoded.transactions.enumerated() where outcomes[index].record != nil {
            let row = UnsafeBufferPointer(rebasing: bytes[places[index]])
            review(batch.scored.assessments[index], row)
            let origin = receipt.origin(of: Int(transaction.lineIndex))
            origin.submission.answer(origin.number, row)
            for follower in followers[index] ?? [] {
                follower.submission.answer(follower.line, row, isReplayed: true)
            }
        }
        for (label, outcome) in zip(batch.decoded.labels, batch.labelOutcomes) where outcome != .unknown {
            receipt.origin(of: Int(label.lineIndex)).submission.note(outcome)
        }
        for reject in batch.rejects {
            let origin = receipt.origin(of: Int(reject.lineIndex))
            rejects?.append(reject, batch.text, line: origin.number + 1, offset: origin.place.lowerBound)
            let (reason, sentence) = ("\(reject.reason.code)", reject.sentence)
            origin.submission.reject(origin.number, reason, sentence)
            guard !followers.isEmpty,
                let index = batch.decoded.transactions.firstIndex(where: { $0.lineIndex == reject.lineIndex })
            else { continue }
            for follower in followers[index] ?? [] { follower.submission.reject(follower.line, reason, sentence) }
        }
        rejects?.flush()
    }

    // MARK: Answers wait for nothing

    var due: Double { .infinity }
    var isImmediate: Bool { true }
    func flush() throws(SinkFault) {}

    func settle(isLast: Bool) throws(SinkFault) -> SettledSink { answers.settled(path: path) }

    func release() throws(SinkFault) { answers.release() }
}

extension Slice<UnsafeBufferPointer<UInt8>> {
    fileprivate var firstNewline: Int? {
        guard let start = UnsafeBufferPointer(rebasing: self).baseAddress else { return nil }
        return memchr(start, 10, count).map { startIndex + (UnsafeRawPointer($0) - UnsafeRawPointer(start)) }
    }
}
