/// Decodes events of one input, and transactions too where a stream scores them.
package struct EventBatchDecoder: BatchDecoder, ~Copyable {
    private var json: JSONEventDecoder?
    private var csv: CSVEventDecoder?
    /// CSV only: JSON lines are decoded to both in one pass.
    private var transactions: CSVTransactionDecoder?

    init(_ plan: StreamPlan, format: InputFormat, dialect: CSVDialect, csvHeader: [UInt8]) {
        let scored = plan.scored?.settings
        switch format {
        case .jsonl, .json:
            json = JSONEventDecoder(
                plan.schema, transactions: scored.map { JSONTransactionDecoder(fields: $0.fields, zone: $0.zone) })
        case .csv:
            csv = CSVEventDecoder(plan.schema, dialect: dialect)
            csv?.resume(header: csvHeader)
            transactions = scored.map { CSVTransactionDecoder(fields: $0.fields, zone: $0.zone, dialect: dialect) }
            transactions?.resume(header: csvHeader)
        }
    }

    package mutating func decode(_ batch: StreamBatch) {
        if json != nil { json?.decode(batch) } else { csv?.decode(batch) }
        transactions?.decode(&batch.text, into: &batch.transactions)
    }

    package var headerFault: String? { csv?.fault?.message ?? transactions?.fault?.message }

    package var csvHeader: [UInt8] { csv?.headerBytes ?? [] }
}
