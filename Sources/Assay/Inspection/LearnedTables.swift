import AssayCore
import CivilTime
import StateStore

/// The tables for queries over what was learned.
package struct LearnedTables {
    private let model: () throws(StoreError) -> LearnedModel?
    private let clock: TimeText

    /// `model`: read when a query asks for it.
    package init(clock: TimeText, model: @escaping () throws(StoreError) -> LearnedModel?) {
        self.model = model
        self.clock = clock
    }

    private typealias Column = QueryTable.Column

    package static let columns: [(table: String, columns: [QueryTable.Column])] = [
        (
            "pending",
            [
                Column("number", "in order of arrival"), Column("id_hash", "of the transaction_id, in hexadecimal"),
                Column("clock_ms", "the stream's clock at its transaction"),
                Column("clock_time", "the same, as people write it"),
                Column("label", "fraud or legitimate; null before the first"),
                Column("matured", "1 once it was learned"),
                Column("key_values", "the values of the risk keys, as a JSON array"),
            ]
        ),
        (
            "keys",
            [
                Column("key", "the risk key"), Column("value", "whose memory it is"),
                Column("recent", "the share of fraud among the last labels"),
                Column("frauds_1d", "with a half-life of a day"), Column("labels_1d", "all labels, the same"),
                Column("frauds_5d", "of five days"), Column("labels_5d", "the same"),
                Column("frauds_20d", "of twenty days"), Column("labels_20d", "the same"),
                Column("rate_1d", "by the clock"), Column("rate_5d", "by the clock"),
                Column("rate_20d", "by the clock"),
                Column("last_ms", "of the transaction whose label came last"),
            ]
        ),
        (
            "weights",
            [
                Column("slot", "its number"), Column("input", "of the model"),
                Column("range", "of its values, in words"),
                Column("weight", "added for transactions in that range"), Column("n", "how much it was moved"),
            ]
        ),
    ]

    package func tables() -> [QueryTable] {
        [table("pending", pending), table("keys", keys), table("weights", weights)]
    }

    /// A table whose rows are made when the first is asked for.
    private func table(
        _ name: String, _ rows: @escaping (LearnedModel) -> [[QueryValue]]
    ) -> QueryTable {
        guard let columns = Self.columns.first(where: { $0.table == name })?.columns else {
            preconditionFailure("every table is declared")
        }
        return QueryTable(name: name, columns: columns, estimatedRows: 1 << 16, hasUsers: false) {
            (_) throws(StoreError) in
            let all = try model().map(rows) ?? []
            var index = -1
            return QueryRows(
                advance: { () throws(StoreError) in
                    index += 1
                    return index < all.count
                },
                value: { (column) throws(StoreError) in all[index][column] })
        }
    }

    private func pending(_ model: LearnedModel) -> [[QueryValue]] {
        var rows: [[QueryValue]] = []
        model.forEachEntry { entry in
            let values = entry.values.map { $0.map { JSON.string(String(decoding: $0, as: UTF8.self)) } ?? .null }
            rows.append([
                .integer(Int64(entry.number)), .text(String(entry.idHash, radix: 16)), .integer(entry.clock),
                .text(clock.text(entry.clock)),
                entry.label.map { .text($0 ? "fraud" : "legitimate") } ?? .null, .integer(entry.hasMatured ? 1 : 0),
                .text(JSON.array(values).text),
            ])
        }
        return rows
    }

    private func keys(_ model: LearnedModel) -> [[QueryValue]] {
        var rows: [[QueryValue]] = []
        model.forEachMemory { memory in
            var row: [QueryValue] = [
                .text(memory.key), .text(String(decoding: memory.value, as: UTF8.self)), .real(memory.memory.recent),
            ]
            for index in 0..<3 { row += [.real(memory.memory.frauds[index]), .real(memory.memory.labels[index])] }
            row += memory.rates.map { .real($0) }
            row.append(.integer(memory.memory.last))
            rows.append(row)
        }
        return rows
    }

    private func weights(_ model: LearnedModel) -> [[QueryValue]] {
        model.slotWeights.map {
            [
                .integer(Int64($0.slot)), .text($0.input), .text($0.range), .real($0.weight),
                .real($0.slotState.squares),
            ]
        }
    }
}
