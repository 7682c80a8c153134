/// Lines as transactions, with their assessments.
///
/// @unchecked Sendable: like any batch of lines.
package final class TransactionBatch: LineBatch, @unchecked Sendable {
    package var decoded = DecodedBatch()
    package var scored = FraudDetection.Output()
    /// What became of the labels among its lines, in their order.
    package var labelOutcomes: [LabelOutcome] = []

    /// What holds from this batch on.
    package var plan: ScoringPlan?

    package override var configuration: String? { plan?.configuration }

    package override func forEachAccepted(
        _ body: (_ line: UnsafeBufferPointer<UInt8>, _ sequence: UInt64?) -> Void
    ) {
        let text = text.view
        var labels = acceptedLabels[...]
        for (transaction, assessment) in zip(decoded.transactions, scored.assessments) where assessment.sequence > 0 {
            while let label = labels.first, label.lineIndex < transaction.lineIndex {
                body(text.bytes(labels.removeFirst().line), nil)
            }
            body(text.bytes(transaction.line), assessment.sequence)
        }
        for label in labels { body(text.bytes(label.line), nil) }
    }

    /// The labels of transactions that are remembered, in order of their lines.
    package var acceptedLabels: [Label] {
        if decoded.labels.isEmpty { return [] }
        return zip(decoded.labels, labelOutcomes).filter { $0.1 != .unknown }.map(\.0)
    }

    package override var rejects: [Reject] { decoded.rejects }
    package override var lineCount: UInt64 { decoded.lineCount }

    package override func reset() {
        super.reset()
        decoded.reset()
        plan = nil
        scored.removeAll()
        labelOutcomes.removeAll(keepingCapacity: true)
    }

    /// Drops what comes after a line.
    func cut(after line: UInt32) { decoded.transactions.removeAll { $0.lineIndex > line } }
}

/// Decodes transactions of one input.
package struct TransactionBatchDecoder: BatchDecoder, ~Copyable {
    private var decoder: TransactionDecoder
    private let journal: JournalReading?
    /// Marks are taken over.
    private var isJournal: Bool
    private var fault: String?

    init(_ decoder: TransactionDecoder, _ journal: JournalReading?, isJournal: Bool) {
        self.decoder = decoder
        self.journal = journal
        self.isJournal = isJournal
    }

    package mutating func decode(_ batch: TransactionBatch) {
        if journal != nil, takesMark(batch) { return }
        decoder.decode(&batch.text, into: &batch.decoded)
    }

    /// Takes a mark that is the first line, and leaves later ones to later batches. Returns whether there is one.
    private mutating func takesMark(_ batch: TransactionBatch) -> Bool {
        let bytes = UnsafeBufferPointer(start: UnsafePointer(batch.text.base), count: batch.text.count)
        let isMark = ConfigurationMark.isStart(of: bytes)
        if !isJournal {
            guard isMark, batch.text.offset == 0, batch.text.firstLine == 1 else { return false }
            isJournal = true
        }
        if isMark, let journal, let end = bytes.firstIndex(of: UInt8(ascii: "\n")),
            let text = ConfigurationMark.text(of: UnsafeBufferPointer(rebasing: bytes[..<end]))
        {
            batch.text.count = end + 1
            batch.decoded.lineCount = 1
            switch journal.resolve(text) {
            case .success(let plan):
                batch.plan = plan
                decoder.take(
                    fields: plan.fields, zone: plan.zone, takesLabels: plan.settings.learning.isEnabled)
            case .failure(let mistake): fault = "the configuration on line \(batch.text.firstLine): \(mistake.message)"
            }
            return true
        }
        if let next = bytes.startOfLine(beginningWith: ConfigurationMark.start) { batch.text.count = next }
        return false
    }

    package var csvHeader: [UInt8] { decoder.csvHeader }

    package var headerFault: String? { fault ?? decoder.headerFault }
}
