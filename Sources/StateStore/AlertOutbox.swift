import AssayCore
import CSQLite

/// The alerts themselves, and how far they are.
extension AlertStore {
    // MARK: Making them

    /// Adds an alert for some channels unless it is there already; `due`: when it may be sent. Returns its number, or
    /// nil for one that is there.
    package func insert(_ alert: Alert, to channels: [String], due: Int64) throws(StoreError) -> Int64? {
        var number: Int64?
        try query(
            "INSERT INTO alert (id, rule, severity, kind, matter, keys, message, details, user, time_ms, made_ms, "
                + "count, first, waiting) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                + "ON CONFLICT (id) DO NOTHING RETURNING number"
        ) { statement throws(StoreError) in
            try statement.bind(alert.id)
            try statement.bind(alert.rule)
            try statement.bind(alert.severity.rawValue)
            try statement.bind(alert.kind.rawValue)
            try statement.bind(alert.matter)
            try statement.bind(alert.keys)
            try statement.bind(alert.message)
            try statement.bind(alert.details)
            try statement.bind(alert.user)
            try statement.bind(alert.time)
            try statement.bind(alert.made)
            try statement.bind(alert.count)
            try statement.bind(alert.first.joined(separator: "\n"))
            try statement.bind(Int64(channels.count))
        } _: { row in
            number = row.integer(0)
            return true
        }
        guard let number else { return nil }
        for channel in channels {
            try run(
                "INSERT INTO sending (alert, channel, state, attempts, due_ms, changed_ms, answer) "
                    + "VALUES (?, ?, 0, 0, ?, ?, '')"
            ) { statement throws(StoreError) in
                try statement.bind(number)
                try statement.bind(channel)
                try statement.bind(due)
                try statement.bind(alert.made)
            }
        }
        return number
    }

    /// Puts another alert into one that stands for several and waits for its minute to end.
    package func add(_ alert: Alert, to number: Int64) throws(StoreError) {
        try run(
            "UPDATE alert SET count = count + 1, severity = max(severity, ?), "
                + "first = CASE WHEN count < ? THEN first || char(10) || ? ELSE first END WHERE number = ?"
        ) { statement throws(StoreError) in
            try statement.bind(alert.severity.rawValue)
            try statement.bind(Int64(Alert.mostShown))
            try statement.bind(alert.first.first ?? "{}")
            try statement.bind(number)
        }
    }

    /// How many alerts wait for a channel.
    package var waiting: Int64 {
        get throws(StoreError) { try integer("SELECT count(*) FROM alert WHERE waiting > 0") ?? 0 }
    }

    /// Drops the oldest of the lowest severity that waits. Returns it and the channels that it waited for.
    package func dropOne() throws(StoreError) -> (alert: Alert, channels: [String])? {
        guard
            let number = try integer(
                "SELECT number FROM alert WHERE waiting > 0 ORDER BY severity, number LIMIT 1"),
            let alert = try alert(number)
        else { return nil }
        var channels: [String] = []
        try query("SELECT channel FROM sending WHERE alert = ? AND state = 0") { statement throws(StoreError) in
            try statement.bind(number)
        } _: { row in
            channels.append(row.text(0))
            return true
        }
        try remove(number)
        return (alert, channels)
    }

    private func remove(_ number: Int64) throws(StoreError) {
        for sql in ["DELETE FROM sending WHERE alert = ?", "DELETE FROM alert WHERE number = ?"] {
            try run(sql) { statement throws(StoreError) in try statement.bind(number) }
        }
    }

    // MARK: Reading them

    private static let columns =
        "a.number, a.id, a.rule, a.severity, a.kind, a.matter, a.keys, a.message, a.details, a.user, a.time_ms, "
        + "a.made_ms, a.count, a.first"

    private static func alert(_ row: borrowing Statement) -> Alert {
        var alert = Alert(
            id: row.text(1), rule: row.text(2), severity: AlertSeverity(rawValue: row.integer(3)) ?? .critical,
            matter: row.text(5), message: row.text(7), time: row.integer(10), made: row.integer(11))
        alert.number = row.integer(0)
        alert.kind = Alert.Kind(rawValue: row.integer(4)) ?? .fired
        (alert.keys, alert.details, alert.user, alert.count) = (row.text(6), row.text(8), row.text(9), row.integer(12))
        alert.first = row.text(13).split(separator: "\n").map(String.init)
        return alert
    }

    package func alert(_ number: Int64) throws(StoreError) -> Alert? {
        var found: Alert?
        try query("SELECT \(Self.columns) FROM alert a WHERE number = ?") { statement throws(StoreError) in
            try statement.bind(number)
        } _: { row in
            found = Self.alert(row)
            return false
        }
        return found
    }

    package func alert(id: String) throws(StoreError) -> Alert? {
        guard
            let number = try integer(
                "SELECT number FROM alert WHERE id = ?", { statement throws(StoreError) in try statement.bind(id) })
        else { return nil }
        return try alert(number)
    }

    /// What a channel is to be sent by now, the oldest first. What is over waits until what tells of its beginning has
    /// gone.
    package func due(_ channel: String, by now: Int64, atMost limit: Int) throws(StoreError) -> [AlertSending] {
        try sendings(
            "s.channel = ? AND s.state = 0 AND s.due_ms <= ? AND (a.kind <> 1 OR NOT EXISTS (SELECT 1 FROM sending t "
                + "JOIN alert b ON b.number = t.alert WHERE t.channel = s.channel AND t.state = 0 "
                + "AND b.rule = a.rule AND b.number < a.number)) ORDER BY s.due_ms, s.alert", limit
        ) { statement throws(StoreError) in
            try statement.bind(channel)
            try statement.bind(now)
        }
    }

    /// The newest first. `state`: only those.
    package func newest(_ state: AlertSending.State?, atMost limit: Int) throws(StoreError) -> [AlertSending] {
        guard let state else { return try sendings("1 ORDER BY a.number DESC", limit) { _ throws(StoreError) in } }
        return try sendings("s.state = ? ORDER BY a.number DESC", limit) { statement throws(StoreError) in
            try statement.bind(state.rawValue)
        }
    }

    private func sendings(
        _ condition: String, _ limit: Int, _ bind: (inout Statement) throws(StoreError) -> Void
    ) throws(StoreError) -> [AlertSending] {
        var found: [AlertSending] = []
        try query(
            "SELECT \(Self.columns), s.channel, s.state, s.attempts, s.due_ms, s.changed_ms, s.answer "
                + "FROM sending s JOIN alert a ON a.number = s.alert WHERE \(condition) LIMIT ?"
        ) { statement throws(StoreError) in
            try bind(&statement)
            try statement.bind(Int64(limit))
        } _: { row in
            found.append(
                AlertSending(
                    alert: Self.alert(row), channel: row.text(14),
                    state: AlertSending.State(rawValue: row.integer(15)) ?? .failed, attempts: row.integer(16),
                    due: row.integer(17), changed: row.integer(18), answer: row.text(19)))
            return true
        }
        return found
    }

    /// When the next one of a channel is due, by the time of day.
    package func nextDue(_ channel: String) throws(StoreError) -> Int64? {
        var found: Int64?
        try query("SELECT due_ms FROM sending WHERE channel = ? AND state = 0 ORDER BY due_ms LIMIT 1") {
            statement throws(StoreError) in
            try statement.bind(channel)
        } _: { row in
            found = row.integer(0)
            return false
        }
        return found
    }

    /// How many wait for a channel, and since when the oldest does.
    package func queue(_ channel: String) throws(StoreError) -> (waiting: Int64, oldest: Int64?) {
        var (waiting, first): (Int64, Int64) = (0, 0)
        try query("SELECT count(*), coalesce(min(alert), 0) FROM sending WHERE channel = ? AND state = 0") {
            statement throws(StoreError) in
            try statement.bind(channel)
        } _: { row in
            (waiting, first) = (row.integer(0), row.integer(1))
            return false
        }
        let oldest = try integer("SELECT made_ms FROM alert WHERE number = ?") { statement throws(StoreError) in
            try statement.bind(first)
        }
        return (waiting, oldest)
    }

    // MARK: What becomes of them

    /// Notes what came of an attempt. Nothing happens to what was dropped meanwhile.
    package func note(
        _ number: Int64, _ channel: String, _ state: AlertSending.State, due: Int64, answer: String, at now: Int64
    ) throws(StoreError) {
        var changed = false
        try query(
            "UPDATE sending SET state = ?, attempts = attempts + 1, due_ms = ?, changed_ms = ?, answer = ? "
                + "WHERE alert = ? AND channel = ? AND state = 0 RETURNING alert"
        ) { statement throws(StoreError) in
            try statement.bind(state.rawValue)
            try statement.bind(due)
            try statement.bind(now)
            try statement.bind(answer)
            try statement.bind(number)
            try statement.bind(channel)
        } _: { _ in
            changed = true
            return true
        }
        guard changed, state != .waiting else { return }
        try run("UPDATE alert SET waiting = waiting - 1 WHERE number = ?") { statement throws(StoreError) in
            try statement.bind(number)
        }
    }

    /// Lets what has failed be tried again. Returns how many sendings of the alert wait again.
    package func retry(id: String, at now: Int64) throws(StoreError) -> Int64 {
        var count: Int64 = 0
        try query(
            "UPDATE sending SET state = 0, attempts = 0, due_ms = ?, changed_ms = ? WHERE state = 2 "
                + "AND alert = (SELECT number FROM alert WHERE id = ?) RETURNING alert"
        ) { statement throws(StoreError) in
            try statement.bind(now)
            try statement.bind(now)
            try statement.bind(id)
        } _: { _ in
            count += 1
            return true
        }
        try run("UPDATE alert SET waiting = waiting + ? WHERE id = ?") { statement throws(StoreError) in
            try statement.bind(count)
            try statement.bind(id)
        }
        return count
    }

    /// Sendings for channels that are not there any more fail: nobody would send them.
    package func fail(except channels: [String], answer: String, at now: Int64) throws(StoreError) -> Int64 {
        var gone: [(Int64, String)] = []
        try query("SELECT alert, channel FROM sending WHERE state = 0") { _ throws(StoreError) in
        } _: { row in
            let channel = row.text(1)
            if !channels.contains(channel) { gone.append((row.integer(0), channel)) }
            return true
        }
        for (number, channel) in gone { try note(number, channel, .failed, due: now, answer: answer, at: now) }
        return Int64(gone.count)
    }

    /// Removes the oldest of those that wait for nothing, beyond a number.
    package func trim(to most: Int) throws(StoreError) {
        let bound = try integer(
            "SELECT number FROM alert WHERE waiting = 0 ORDER BY number DESC LIMIT 1 OFFSET ?"
        ) { statement throws(StoreError) in try statement.bind(Int64(most)) }
        guard let bound else { return }
        for sql in [
            "DELETE FROM sending WHERE alert <= ? AND alert IN (SELECT number FROM alert WHERE waiting = 0)",
            "DELETE FROM alert WHERE number <= ? AND waiting = 0",
        ] {
            try run(sql) { statement throws(StoreError) in try statement.bind(bound) }
        }
    }

    /// How many sendings are in each state.
    package func counts() throws(StoreError) -> [AlertSending.State: Int64] {
        var counts: [AlertSending.State: Int64] = [:]
        try query("SELECT state, count(*) FROM sending GROUP BY state") { _ throws(StoreError) in
        } _: { row in
            if let state = AlertSending.State(rawValue: row.integer(0)) { counts[state] = row.integer(1) }
            return true
        }
        return counts
    }

    /// Removes everything that is about some users, so that no byte of theirs is left. Nobody else may use the file.
    package func forget(users: [String]) throws(StoreError) {
        try change { () throws(StoreError) in
            for user in users {
                for number in try alerts(about: user) { try remove(number) }
                // Alerts that were put together are about others, too.
                for sql in [
                    "UPDATE alert SET first = '' WHERE count > 1 AND instr(first, ?) > 0",
                    "DELETE FROM told WHERE user = ?",
                ] {
                    try run(sql) { statement throws(StoreError) in try statement.bind(user) }
                }
            }
        }
        try compact()
    }

    private func alerts(about user: String) throws(StoreError) -> [Int64] {
        var numbers: [Int64] = []
        try query("SELECT number FROM alert WHERE user = ? OR instr(keys, ?) > 0 OR instr(details, ?) > 0") {
            statement throws(StoreError) in
            try statement.bind(user)
            // As a whole value, not as a part of another one.
            for _ in 0..<2 { try statement.bind(JSON.string(user).text) }
        } _: { row in
            numbers.append(row.integer(0))
            return true
        }
        return numbers
    }
}
