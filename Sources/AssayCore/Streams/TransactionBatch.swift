/// Lines as transactions, with their assessments.
///
/// @unchecked Sendable: like any batch of lines.
package final class TransactionBatch: LineBatch, @unchecked Sendable {
    package var decoded = DecodedBatch()
    package var scored = FraudDetection.Output()

    package override var rejects: [Reject] { decoded.rejects }
    package override var lineCount: UInt64 { decoded.lineCount }

    package override func reset() {
        super.reset()
        decoded.reset()
        scored.removeAll()
    }

    /// Drops what comes after a line.
    func cut(after line: UInt32) { decoded.transactions.removeAll { $0.lineIndex > line } }
}

/// Decodes transactions of one input.
package struct TransactionBatchDecoder: BatchDecoder, ~Copyable {
    private var decoder: TransactionDecoder

    init(_ decoder: TransactionDecoder) {
        self.decoder = decoder
    }

    package mutating func decode(_ batch: TransactionBatch) { decoder.decode(&batch.text, into: &batch.decoded) }

    package var csvHeader: [UInt8] { decoder.csvHeader }

    package var headerFault: String? { decoder.headerFault }
}
