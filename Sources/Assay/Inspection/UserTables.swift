import AssayCore
import CivilTime
import StateStore

/// The tables for queries over decoded state.
package struct UserTables {
    private let users: UserStates
    private let settings: ScoringSettings
    private let clock: TimeText

    package init(_ users: UserStates, settings: ScoringSettings, clock: TimeText) {
        self.users = users
        self.settings = settings
        self.clock = clock
    }

    private typealias Column = QueryTable.Column

    private static let userColumn = Column("user_id", "whose row it is")

    package static let columns: [(table: String, columns: [QueryTable.Column])] = [
        (
            "users",
            [
                userColumn, Column("transactions", "accepted so far"),
                Column("last_ms", "event time of the last one that was not early, milliseconds since 1970"),
                Column("last_time", "the same, as people write it"),
                Column("hours", "different hours of the day"), Column("weekend", "1 when seen on a weekend"),
                Column("currencies", "how many"), Column("places", "how many"), Column("types", "how many"),
                Column("total_amount", "all amounts added up, whatever their currency"),
            ]
        ),
        (
            "velocity",
            [
                userColumn, Column("transaction_type", "of the transactions counted"),
                Column("window_seconds", "the window's length"),
                Column("until_ms", "the window's end: the newest of these transactions"),
                Column("count", "transactions in it"), Column("threshold", "from which on it is a risk"),
            ]
        ),
        (
            "places",
            [
                userColumn, Column("rank", "1 for the place visited last"), Column("latitude", "degrees"),
                Column("longitude", "degrees"), Column("kilometers", "from the place visited last"),
            ]
        ),
        (
            "amounts",
            [
                userColumn, Column("rank", "1 for the currency used last"), Column("currency", "may be empty"),
                Column("count", "transactions"), Column("mean", "of their amounts"),
                Column("deviation", "standard deviation of the sample"),
            ]
        ),
        ("hours", [userColumn, Column("hour", "0 to 23, in the configured zone")]),
        (
            "types",
            [
                userColumn, Column("rank", "1 for the type used last"), Column("transaction_type", "its name"),
                Column("times", "event times remembered"), Column("newest_ms", "the latest of them"),
                Column("newest_time", "the same, as people write it"),
            ]
        ),
        (
            "checkpoints",
            [
                Column("id", "ascending"), Column("taken_ms", "when, milliseconds since 1970"),
                Column("taken_time", "the same, as people write it"),
                Column("reason", "start, interval, count, memory, signal, end or closed"),
                Column("sequence", "transactions accepted so far"), Column("event_ms", "greatest event time"),
                Column("users", "known"), Column("users_written", "by this checkpoint"),
                Column("bytes_written", "of state"), Column("duration_ms", "from the cut to the commit"),
                Column("input_offset", "bytes read"), Column("input_line", "lines read"),
            ]
        ),
    ]

    private static func columns(_ table: String) -> [QueryTable.Column] {
        columns.first { $0.table == table }!.columns
    }

    package func tables() -> [QueryTable] {
        [
            usersTable,
            perUser("velocity", rowsEach: 9) { velocity($0) },
            perUser("places", rowsEach: 4) { places($0) },
            perUser("amounts", rowsEach: 2) { amounts($0) },
            perUser("hours", rowsEach: 8) { user in user.hours.hours.map { [.integer(Int64($0))] } },
            perUser("types", rowsEach: 3) { types($0) },
            checkpointsTable,
        ]
    }

    // MARK: One row per user

    private var usersTable: QueryTable {
        QueryTable(name: "users", columns: Self.columns("users"), estimatedRows: Int64(users.count)) {
            (id) throws(StoreError) in
            let walk = try Walk(users, id: id)
            var summary: UserStateSummary?
            return QueryRows(
                advance: { () throws(StoreError) in
                    summary = nil
                    return try walk.advance()
                },
                value: { (column) throws(StoreError) in
                    if column == 0 { return .text(try walk.name()) }
                    if summary == nil { summary = try walk.summary() }
                    return userValue(summary!, column)
                })
        }
    }

    private func userValue(_ user: UserStateSummary, _ column: Int) -> QueryValue {
        switch column {
        case 1: .integer(Int64(clamping: user.transactions))
        case 2: user.lastTime.map { .integer($0.milliseconds) } ?? .null
        case 3: user.lastTime.map { .text(clock.text($0.milliseconds)) } ?? .null
        case 4: .integer(Int64(user.hours.bits.nonzeroBitCount))
        case 5: .integer(user.seenOnWeekend ? 1 : 0)
        case 6: .integer(Int64(user.currencies))
        case 7: .integer(Int64(user.places))
        case 8: .integer(Int64(user.types))
        default: .real(user.totalAmount)
        }
    }

    // MARK: Several rows per user

    /// Returns a table with rows from each user's record, the id first in each.
    private func perUser(
        _ name: String, rowsEach: Int, _ rows: @escaping (UserRecord) -> [[QueryValue]]
    ) -> QueryTable {
        QueryTable(
            name: name, columns: Self.columns(name), estimatedRows: Int64(users.count * rowsEach)
        ) { (id) throws(StoreError) in
            let walk = try Walk(users, id: id)
            var pending: [[QueryValue]] = []
            var position = 0
            var user = ""
            return QueryRows(
                advance: { () throws(StoreError) in
                    position += 1
                    while position >= pending.count {
                        guard try walk.advance() else { return false }
                        let record = try walk.record()
                        user = record.name
                        pending = rows(record)
                        position = 0
                    }
                    return true
                },
                value: { (column) throws(StoreError) in
                    column == 0 ? .text(user) : pending[position][column - 1]
                })
        }
    }

    private func velocity(_ user: UserRecord) -> [[QueryValue]] {
        var rows: [[QueryValue]] = []
        for type in user.types {
            guard let newest = type.times.last else { continue }
            let thresholds = settings.velocity.thresholds[type.name] ?? settings.velocity.otherThresholds
            for (window, threshold) in zip(settings.velocity.windowSeconds, thresholds) {
                let start = newest - Int64(window) * 1000
                let count = type.times.count { $0 > start }
                rows.append([
                    .text(type.name), .integer(Int64(window)), .integer(newest), .integer(Int64(count)),
                    .integer(Int64(threshold)),
                ])
            }
        }
        return rows
    }

    private func places(_ user: UserRecord) -> [[QueryValue]] {
        user.places.enumerated().map { index, place in
            [
                .integer(Int64(index + 1)), .real(place.latitude), .real(place.longitude),
                .real(place.kilometers(to: user.places[0])),
            ]
        }
    }

    private func amounts(_ user: UserRecord) -> [[QueryValue]] {
        user.amounts.enumerated().map { index, amount in
            [
                .integer(Int64(index + 1)), .text(amount.currency), .integer(Int64(clamping: amount.count)),
                .real(amount.mean), .real(amount.deviation),
            ]
        }
    }

    private func types(_ user: UserRecord) -> [[QueryValue]] {
        user.types.enumerated().map { index, type in
            [
                .integer(Int64(index + 1)), .text(type.name), .integer(Int64(type.times.count)),
                type.times.last.map { .integer($0) } ?? .null,
                type.times.last.map { .text(clock.text($0)) } ?? .null,
            ]
        }
    }

    // MARK: Checkpoints

    private var checkpointsTable: QueryTable {
        QueryTable(name: "checkpoints", columns: Self.columns("checkpoints"), estimatedRows: 100, hasUsers: false) {
            (_) throws(StoreError) in
            let records = try users.view.checkpoints()
            var position = -1
            return QueryRows(
                advance: { () throws(StoreError) in
                    position += 1
                    return position < records.count
                },
                value: { (column) throws(StoreError) in checkpointValue(records[position], column) })
        }
    }

    private func checkpointValue(_ record: CheckpointRecord, _ column: Int) -> QueryValue {
        switch column {
        case 0: .integer(record.id)
        case 1: .integer(record.takenAt)
        case 2: .text(clock.text(record.takenAt))
        case 3: .text(record.reason.rawValue)
        case 4: .integer(Int64(clamping: record.stage.sequence))
        case 5: .integer(record.stage.eventTime)
        case 6: .integer(record.stage.keys)
        case 7: .integer(record.keysWritten)
        case 8: .integer(record.bytesWritten)
        case 9: .real(Double(record.durationMicroseconds) / 1000)
        case 10: .integer(Int64(clamping: record.inputs.first?.offset ?? 0))
        default: .integer(Int64(clamping: record.inputs.first?.line ?? 0))
        }
    }
}

/// The users whose rows a table has: all, or one.
private final class Walk {
    private var cursor: UserCursor
    private let only: Int?
    private var isDone: Bool

    init(_ users: UserStates, id: String?) throws(StoreError) {
        cursor = UserCursor(users)
        only = id.flatMap { users.place(of: Array($0.utf8)) }
        isDone = id != nil && only == nil
    }

    func advance() throws(StoreError) -> Bool {
        if isDone { return false }
        guard let only else { return try cursor.advance() }
        try cursor.move(to: only)
        isDone = true
        return true
    }

    func name() throws(StoreError) -> String {
        try cursor.withEntry { entry throws(StoreError) in String(decoding: entry.id, as: UTF8.self) }
    }

    func summary() throws(StoreError) -> UserStateSummary {
        try cursor.withEntry { entry throws(StoreError) in try entry.summary() }
    }

    func record() throws(StoreError) -> UserRecord {
        try cursor.withEntry { entry throws(StoreError) in try entry.record() }
    }
}
