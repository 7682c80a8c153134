/// The first stage of a pipeline: bytes to events, and to transactions where a stream scores them.
struct EventInputStage: ~Copyable {
    private var reader: LineReader
    private var json: JSONEventDecoder?
    private var csv: CSVEventDecoder?
    /// Lines of JSON are decoded once, to both.
    private var transactions: CSVTransactionDecoder?

    init(_ plan: StreamPlan, reader: consuming LineReader, csvHeader: [UInt8]) {
        self.reader = reader
        let scored = plan.scored?.settings
        switch plan.format {
        case .jsonl:
            json = JSONEventDecoder(
                plan.schema, transactions: scored.map { JSONTransactionDecoder(fields: $0.fields, zone: $0.zone) })
        case .csv:
            csv = CSVEventDecoder(plan.schema)
            csv?.resume(header: csvHeader)
            transactions = scored.map { CSVTransactionDecoder(fields: $0.fields, zone: $0.zone) }
            transactions?.resume(header: csvHeader)
        }
    }

    /// Fills a batch that was reset; waits when nothing is there yet.
    mutating func fill(_ batch: EventBatch) throws(InputError) -> LineReader.Outcome {
        let outcome = try reader.fill(&batch.text)
        guard outcome == .lines else { return outcome }
        if json != nil { json?.decode(batch) } else { csv?.decode(batch) }
        transactions?.decode(&batch.text, into: &batch.transactions)
        reader.advance(past: batch.text, lines: batch.lineCount)
        batch.standing = InputStanding(
            position: reader.position, mark: reader.mark, endsInsideLine: reader.endsInsideLine,
            csvHeader: csv?.headerBytes ?? [])
        return .lines
    }
}
