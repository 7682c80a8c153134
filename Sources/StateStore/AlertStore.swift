import AssayCore

/// The alerts of a state: those that wait to be sent, those that were, and what was told when.
///
/// The run that makes alerts and the thread that sends them have a connection each; neither waits for the other longer
/// than one small transaction takes.
///
/// @unchecked Sendable: as a `SideDatabase`.
package final class AlertStore: SideDatabase, @unchecked Sendable {
    package static let fileName = "alerts.db"

    package init(path: String, _ access: Access = .use) throws(StoreError) {
        try super.init(path: path, access, format: 1, schema: Self.schema)
    }

    private static let schema = """
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS alert (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, rule TEXT NOT NULL,
            severity INTEGER NOT NULL, kind INTEGER NOT NULL, matter TEXT NOT NULL, keys TEXT NOT NULL,
            message TEXT NOT NULL, details TEXT NOT NULL, user TEXT NOT NULL, time_ms INTEGER NOT NULL,
            made_ms INTEGER NOT NULL, count INTEGER NOT NULL, first TEXT NOT NULL, waiting INTEGER NOT NULL) STRICT;
        CREATE INDEX IF NOT EXISTS alert_waiting ON alert (severity, number) WHERE waiting > 0;
        CREATE INDEX IF NOT EXISTS alert_done ON alert (number) WHERE waiting = 0;
        CREATE INDEX IF NOT EXISTS alert_user ON alert (user) WHERE user <> '';
        CREATE TABLE IF NOT EXISTS sending (
            alert INTEGER NOT NULL, channel TEXT NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,
            due_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, answer TEXT NOT NULL,
            PRIMARY KEY (alert, channel)) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS sending_due ON sending (channel, due_ms, alert) WHERE state = 0;
        CREATE TABLE IF NOT EXISTS told (
            rule TEXT NOT NULL, matter TEXT NOT NULL, user TEXT NOT NULL, time_ms INTEGER NOT NULL,
            PRIMARY KEY (rule, matter)) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS told_time ON told (rule, time_ms);
        CREATE TABLE IF NOT EXISTS burst (
            rule TEXT PRIMARY KEY, minute_ms INTEGER NOT NULL, count INTEGER NOT NULL, alert INTEGER) STRICT;
        CREATE TABLE IF NOT EXISTS condition (
            rule TEXT PRIMARY KEY, since_ms INTEGER, told_ms INTEGER, firing INTEGER NOT NULL,
            episode INTEGER NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS delivery (id TEXT PRIMARY KEY, rule TEXT NOT NULL, rows INTEGER NOT NULL) STRICT;
        PRAGMA user_version = 1;
        COMMIT;
        """

    // MARK: What was counted and told

    /// How many results a delivery has taken; nil for an unknown one.
    package func delivered(_ id: String) throws(StoreError) -> Int64? {
        try integer("SELECT rows FROM delivery WHERE id = ?") { statement throws(StoreError) in
            try statement.bind(id)
        }
    }

    /// Never fewer than before: a run that makes again what was delivered begins to count at its checkpoint.
    package func setDelivered(_ id: String, rule: String, rows: Int64) throws(StoreError) {
        try run(
            "INSERT INTO delivery (id, rule, rows) VALUES (?, ?, ?) "
                + "ON CONFLICT (id) DO UPDATE SET rows = max(rows, excluded.rows)"
        ) { statement throws(StoreError) in
            try statement.bind(id)
            try statement.bind(rule)
            try statement.bind(rows)
        }
    }

    /// Begins a rule anew: nothing of it was ever told.
    package func forget(rule: String) throws(StoreError) {
        for table in ["delivery", "told", "burst"] {
            try run("DELETE FROM \(table) WHERE rule = ?") { statement throws(StoreError) in try statement.bind(rule) }
        }
    }

    package func told(_ rule: String, _ matter: String) throws(StoreError) -> Int64? {
        try integer("SELECT time_ms FROM told WHERE rule = ? AND matter = ?") { statement throws(StoreError) in
            try statement.bind(rule)
            try statement.bind(matter)
        }
    }

    package func setTold(_ rule: String, _ matter: String, user: String, at time: Int64) throws(StoreError) {
        try run(
            "INSERT INTO told (rule, matter, user, time_ms) VALUES (?, ?, ?, ?) "
                + "ON CONFLICT (rule, matter) DO UPDATE SET time_ms = excluded.time_ms"
        ) { statement throws(StoreError) in
            try statement.bind(rule)
            try statement.bind(matter)
            try statement.bind(user)
            try statement.bind(time)
        }
    }

    /// Forgets what was told before a time.
    package func forgetTold(_ rule: String, before time: Int64) throws(StoreError) {
        try run("DELETE FROM told WHERE rule = ? AND time_ms < ?") { statement throws(StoreError) in
            try statement.bind(rule)
            try statement.bind(time)
        }
    }

    /// How many alerts a rule has made in its last minute, and the one that others of that minute are put into.
    package struct Burst: Equatable, Sendable {
        package var minute: Int64
        package var count: Int64
        package var alert: Int64?

        package init(minute: Int64, count: Int64 = 0, alert: Int64? = nil) {
            (self.minute, self.count, self.alert) = (minute, count, alert)
        }
    }

    package func burst(_ rule: String) throws(StoreError) -> Burst? {
        var found: Burst?
        try query("SELECT minute_ms, count, coalesce(alert, 0) FROM burst WHERE rule = ?") {
            statement throws(StoreError) in
            try statement.bind(rule)
        } _: { row in
            found = Burst(
                minute: row.integer(0), count: row.integer(1), alert: row.integer(2) == 0 ? nil : row.integer(2))
            return false
        }
        return found
    }

    package func set(_ burst: Burst, of rule: String) throws(StoreError) {
        try run("INSERT OR REPLACE INTO burst (rule, minute_ms, count, alert) VALUES (?, ?, ?, ?)") {
            statement throws(StoreError) in
            try statement.bind(rule)
            try statement.bind(burst.minute)
            try statement.bind(burst.count)
            if let alert = burst.alert { try statement.bind(alert) } else { try statement.bindNull() }
        }
    }

    // MARK: Conditions of the engine

    /// What is known of a condition between two looks.
    package struct Condition: Equatable, Sendable {
        /// Since when it holds.
        package var since: Int64?
        package var told: Int64?
        package var isFiring = false
        /// How often it has fired.
        package var episode: Int64 = 0

        package init() {}
    }

    package func condition(_ rule: String) throws(StoreError) -> Condition {
        var found = Condition()
        try query("SELECT coalesce(since_ms, -1), coalesce(told_ms, -1), firing, episode FROM condition WHERE rule = ?")
        { statement throws(StoreError) in
            try statement.bind(rule)
        } _: { row in
            found.since = row.integer(0) < 0 ? nil : row.integer(0)
            found.told = row.integer(1) < 0 ? nil : row.integer(1)
            (found.isFiring, found.episode) = (row.integer(2) != 0, row.integer(3))
            return false
        }
        return found
    }

    package func set(_ condition: Condition, of rule: String) throws(StoreError) {
        try run(
            "INSERT OR REPLACE INTO condition (rule, since_ms, told_ms, firing, episode) VALUES (?, ?, ?, ?, ?)"
        ) { statement throws(StoreError) in
            try statement.bind(rule)
            if let since = condition.since { try statement.bind(since) } else { try statement.bindNull() }
            if let told = condition.told { try statement.bind(told) } else { try statement.bindNull() }
            try statement.bind(condition.isFiring ? 1 as Int64 : 0)
            try statement.bind(condition.episode)
        }
    }
}
