import AssayCore
import CEL
import StateStore

/// The results that people are to judge. Each comes into the queue once, however often it is made.
final class ReviewSink: RowSink {
    private let store: ReviewStore
    private let settings: ReviewSettings
    private let values: ValueEncoder
    private let name: String
    private let now: () -> Int64
    private let rows: CountedRows<ReviewEntry>

    private static let commitSeconds = 0.05
    /// What exceeds the limit is dropped in pieces of this part of it.
    private static let partDropped: Int64 = 100

    init(
        _ store: ReviewStore, _ settings: ReviewSettings, values: ValueEncoder, name: String, resume: DeliveryResume,
        delivered: Int64, now: @escaping () -> Int64 = { WallClock.milliseconds }
    ) {
        (self.store, self.settings, self.values, self.name, self.now) = (store, settings, values, name, now)
        // The moment that each was judged by is the last column.
        rows = CountedRows(
            resume, delivered: delivered, columns: ReviewColumn.expressions.count + 1,
            commitSeconds: Self.commitSeconds)
    }

    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault) {
        let (making, now) = (ReviewMaking(values: values), now())
        if rows.take(fill, { row, _ in making.entry(row, now: now) }) { try commit(isDurable: false) }
    }

    var isImmediate: Bool { false }

    var due: Double { rows.due }

    func flush() throws(SinkFault) { try commit(isDurable: false) }

    private func commit(isDurable: Bool) throws(SinkFault) {
        try rows.commit(to: store, isDurable: isDurable) { rows throws(StoreError) in
            for entry in rows.pending { try store.insert(entry) }
            if isDurable { try store.dropEntries(before: now() - settings.keepMilliseconds) }
            try keepWithinLimit()
            try store.setDelivered(rows.delivery, rows: rows.made)
        }
    }

    private func keepWithinLimit() throws(StoreError) {
        let count = try store.entryCount
        guard count > settings.limit else { return }
        try store.dropEntries(min(count, count - settings.limit + settings.limit / Self.partDropped))
    }

    func settle(isLast: Bool) throws(SinkFault) -> SettledSink {
        try commit(isDurable: true)
        return rows.settled(name: name, in: store)
    }

    func release() throws(SinkFault) {}
}

/// Makes entries of the rows of a queue.
struct ReviewMaking {
    let values: ValueEncoder

    func entry(_ row: [Value], now: Int64) -> ReviewEntry {
        func text(_ column: ReviewColumn) -> String {
            if case .string(let text) = row[column.rawValue] { text.string } else { "" }
        }
        func double(_ column: ReviewColumn) -> Double {
            if case .double(let double) = row[column.rawValue] { double } else { 0 }
        }
        var time = now
        if case .timestamp(let timestamp) = row[ReviewColumn.time.rawValue] {
            time = timestamp.seconds * 1000 + Int64(timestamp.nanoseconds) / 1_000_000
        }
        var sequence: Int64 = 0
        if case .int(let int) = row[ReviewColumn.sequence.rawValue] { sequence = int }
        let fields = zip(AssessmentColumn.named, row[ReviewColumn.assessment.rawValue...])
        let members: [(String, JSON)] = fields.compactMap { column, value in
            if case .null = value { nil } else { (column.name, .raw(values.json(value))) }
        }
        var entry = ReviewEntry(
            sequence: sequence, transactionID: text(.transactionID), userID: text(.userID),
            merchantID: text(.merchantID), time: time, made: now, level: RiskLevel(label: text(.level)) ?? .low,
            score: double(.score), amount: double(.amount), currency: text(.currency), decision: text(.decision),
            assessment: JSON.object(members).text, transaction: values.json(row[ReviewColumn.transaction.rawValue]))
        entry.rules = JSON.array(rules(row).map { .string($0) }).text
        if case .bytes(let former) = row[ReviewColumn.expressions.count] { entry.former = former }
        return entry
    }

    /// The names of the rules that gave a factor, and of the one that decided, each once.
    private func rules(_ row: [Value]) -> [String] {
        var names: [String] = []
        func add(_ name: String) { if !names.contains(name) { names.append(name) } }
        for (column, value) in zip(AssessmentColumn.named, row[ReviewColumn.assessment.rawValue...]) {
            switch (column.name, value) {
            case (AssessmentColumn.decidedBy.column.name, .string(let name)) where name.string != "level":
                add(name.string)
            case (AssessmentColumn.riskFactors.column.name, .list(let factors)):
                for case .map(let factor) in factors.elements { if let name = Self.rule(of: factor) { add(name) } }
            default: break
            }
        }
        return names
    }

    private static func rule(of factor: MapValue) -> String? {
        for (key, value) in zip(factor.keys, factor.values) {
            guard case .string(let key) = key, ["rule", "pattern"].contains(key.string) else { continue }
            if case .string(let name) = value { return name.string }
        }
        return nil
    }
}
