/// The middle stage, which owns all keyed state: transactions to assessments.
struct ScoringStage: ~Copyable {
    private var stage: KeyedStage<FraudDetection>

    init(function: consuming FraudDetection) {
        stage = KeyedStage(function: function, output: FraudDetection.Output())
    }

    var userCount: Int { stage.keyCount }

    /// How many different types the states name.
    var symbolCount: Int { stage.function.symbolCount }

    /// Each user with the bytes of its state.
    func forEachState(_ body: (UnsafeBufferPointer<UInt8>, [UInt8]) -> Void) {
        stage.forEachState { key, state in
            var bytes: [UInt8] = []
            stage.function.encode(state, into: &bytes)
            body(key, bytes)
        }
    }

    mutating func score(_ batch: Batch) {
        let text = batch.text.view
        stage.withOutput { swap(&$0, &batch.scored) }
        stage.process(
            batch.decoded.transactions,
            hash: { $0.userHash },
            key: { text.bytes($0.userID) },
            input: { (FraudDetection.Input(transaction: $0, text: text), $0.time) })
        stage.withOutput { swap(&$0, &batch.scored) }
        settle(batch)
    }

    /// Counts, and turns the transactions that were not accepted into rejects.
    private func settle(_ batch: Batch) {
        var counts = ScoreCounts()
        var duplicates: [Reject] = []
        for (index, assessment) in batch.scored.assessments.enumerated() {
            if assessment.sequence > 0 {
                counts.levels[Int(assessment.level.rawValue)] += 1
            } else {
                let transaction = batch.decoded.transactions[index]
                duplicates.append(
                    Reject(
                        line: transaction.line, lineIndex: transaction.lineIndex, reason: .duplicate,
                        message: RejectReason.duplicate.message))
            }
        }
        if !duplicates.isEmpty { batch.decoded.rejects.merge(duplicates) }
        for reject in batch.decoded.rejects { counts.rejects[Int(reject.reason.rawValue)] += 1 }
        batch.counts = counts
    }
}

extension [Reject] {
    /// Both lists are in the order of their lines, and so is the result.
    fileprivate mutating func merge(_ other: [Reject]) {
        var merged: [Reject] = []
        merged.reserveCapacity(count + other.count)
        var rest = self[...]
        for reject in other {
            while let first = rest.first, first.lineIndex < reject.lineIndex { merged.append(rest.removeFirst()) }
            merged.append(reject)
        }
        self = merged + rest
    }
}
