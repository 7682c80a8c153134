/// Where the input stands behind a batch.
struct InputStanding: Sendable {
    var position = InputPosition()
    var mark = InputDigest.Mark()
    var endsInsideLine = false
    var csvHeader: [UInt8] = []
}

/// The first stage: bytes to transactions.
struct InputStage: ~Copyable {
    private var reader: LineReader
    private var decoder: TransactionDecoder
    private let turns: Turns

    init(reader: consuming LineReader, decoder: TransactionDecoder, turns: Turns) {
        self.turns = turns
        self.reader = reader
        self.decoder = decoder
    }

    /// Fills a batch that was reset; waits when nothing is there yet.
    mutating func fill(_ batch: Batch) throws(InputError) -> LineReader.Outcome {
        let outcome = try reader.fill(&batch.text)
        guard outcome == .lines else { return outcome }
        turns.take()
        defer { turns.giveBack() }
        decoder.decode(&batch.text, into: &batch.decoded)
        reader.advance(past: batch.text, lines: batch.decoded.lineCount)
        batch.standing = InputStanding(
            position: reader.position, mark: reader.mark, endsInsideLine: reader.endsInsideLine,
            csvHeader: decoder.csvHeader)
        return .lines
    }
}
