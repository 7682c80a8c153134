import AssayCore
import CEL
import StateStore

/// A table of SQLite: each row is there exactly once, however often it is repeated.
final class TableSink: RowSink {
    private let store: TableStore
    private let table: String
    private let columns: [StreamColumn]
    private let hasOwnCreation: Bool
    private let values: ValueEncoder
    private let name: String
    private let delivery: String
    private let path: String
    private let now: () -> Int64
    /// The rows that this state has made for the table, in all runs.
    private var made: Int64
    private var rows = OutputBuffer(capacity: 1 << 12)
    /// The rows that are there already.
    private let delivered: Int64
    /// When the current transaction is to be committed.
    private var commitTime = 0.0

    /// Rows are held back this long: a commit for each would cost more than the rows.
    private static let commitSeconds = 0.5
    static let creationColumn = "created_at"

    init(
        _ store: TableStore, _ settings: TableSettings, columns: [StreamColumn],
        values: ValueEncoder, name: String, path: String, delivery: String, made: Int64, delivered: Int64,
        now: @escaping () -> Int64 = { WallClock.milliseconds }
    ) throws(StoreError) {
        self.store = store
        table = settings.table
        self.columns = columns
        self.values = values
        self.name = name
        self.path = path
        self.delivery = delivery
        self.made = made
        self.delivered = delivered
        self.now = now
        hasOwnCreation = Self.hasCreation(columns)
        try store.open(
            table, columns: Self.columnNames(columns), delivery: delivery, rows: delivered)
    }

    /// The columns of the stream, and the time when a row was inserted.
    static func columnNames(_ columns: [StreamColumn]) -> [String] {
        let names = columns.map(\.name)
        return hasCreation(columns) ? names : names + [creationColumn]
    }

    /// SQLite ignores the case of column names.
    private static func hasCreation(_ columns: [StreamColumn]) -> Bool {
        columns.contains { $0.name.lowercased() == creationColumn }
    }

    /// The columns with SQLite's types.
    static func declarations(_ columns: [StreamColumn]) -> [(name: String, type: String)] {
        let types = Dictionary(columns.map { ($0.name, type($0.type)) }, uniquingKeysWith: { first, _ in first })
        return columnNames(columns).map { ($0, types[$0] ?? "TEXT") }
    }

    private static func type(_ type: CEL.`Type`) -> String {
        switch type {
        case .int, .uint, .bool: "INTEGER"
        case .double: "REAL"
        case .dyn: ""
        case .bytes: "BLOB"
        default: "TEXT"
        }
    }

    // MARK: Rows

    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault) {
        rows.removeAll()
        let count = fill(&rows)
        var reader = StateByteReader(rows.bytes)
        do throws(StoreError) {
            for _ in 0..<count {
                let row = decode(&reader)
                made += 1
                // An earlier run has inserted it, after its last checkpoint.
                if made > delivered { try insert(row) }
            }
        } catch {
            throw fault(error)
        }
    }

    private func decode(_ reader: inout StateByteReader) -> [TableValue] {
        var row: [TableValue] = []
        row.reserveCapacity(columns.count + 1)
        do throws(StateDecodingError) {
            for _ in columns { row.append(tableValue(try ValueCoding.decode(&reader))) }
        } catch {
            preconditionFailure("rows are in our own format: \(error.problem)")
        }
        if !hasOwnCreation { row.append(creation) }
        return row
    }

    private var creation: TableValue {
        guard let time = Timestamp(milliseconds: now()) else { return .null }
        return .text(values.text(.timestamp(time)))
    }

    private func tableValue(_ value: Value) -> TableValue {
        switch value {
        case .null: .null
        case .bool(let bool): .int(bool ? 1 : 0)
        case .int(let int): .int(int)
        case .uint(let uint): Int64(exactly: uint).map(TableValue.int) ?? .double(Double(uint))
        case .double(let double): .double(double)
        case .string(let text): .text(text.string)
        case .bytes(let bytes): .bytes(bytes)
        case .timestamp, .duration, .list, .map, .type: .text(values.text(value))
        }
    }

    private func insert(_ row: [TableValue]) throws(StoreError) {
        if !store.isHolding { commitTime = MonotonicClock.seconds + Self.commitSeconds }
        try store.insert(row, into: table)
    }

    var isImmediate: Bool { false }

    var due: Double { store.isHolding ? commitTime : .infinity }

    private func fault(_ error: StoreError) -> SinkFault {
        SinkFault(sink: "table '\(table)' of '\(store.path)'", reason: .store(error.description))
    }

    func flush() throws(SinkFault) {
        do throws(StoreError) {
            try store.commit()
        } catch {
            throw fault(error)
        }
    }

    // MARK: Checkpoints

    func settle(isLast: Bool) throws(SinkFault) -> SettledSink {
        try flush()
        return SettledSink(
            CheckpointRecord.Output(
                name: name, path: path, length: UInt64(made),
                resume: DeliveryResume(delivery: delivery, rows: made).bytes))
    }

    func release() throws(SinkFault) {}
}
