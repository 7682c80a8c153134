import AssayCore

/// The results that people judge, and everything they ever said of them.
///
/// The run that brings results and the desk where they are judged have a connection each.
///
/// @unchecked Sendable: as a `SideDatabase`.
package final class ReviewStore: SideDatabase, @unchecked Sendable {
    package static let fileName = "review.db"

    package init(path: String, _ access: Access = .use) throws(StoreError) {
        try super.init(path: path, access, format: 1, schema: Self.schema)
        // It came later than the rest, and only runs use it.
        if access == .use { try run(Self.labelTable) { _ throws(StoreError) in } }
    }

    private static let labelTable = """
        CREATE TABLE IF NOT EXISTS label (
            number INTEGER PRIMARY KEY AUTOINCREMENT, judgement INTEGER NOT NULL) STRICT
        """

    private static let schema = """
        BEGIN IMMEDIATE;
        CREATE TABLE IF NOT EXISTS entry (
            number INTEGER PRIMARY KEY AUTOINCREMENT, sequence INTEGER NOT NULL, transaction_id TEXT NOT NULL,
            user_id TEXT NOT NULL, merchant_id TEXT NOT NULL, time_ms INTEGER NOT NULL, made_ms INTEGER NOT NULL,
            level INTEGER NOT NULL, score REAL NOT NULL, amount REAL NOT NULL, currency TEXT NOT NULL,
            decision TEXT NOT NULL, rules TEXT NOT NULL, assessment TEXT NOT NULL, line TEXT NOT NULL,
            former BLOB NOT NULL, assignee TEXT NOT NULL, verdict INTEGER NOT NULL, judged_by TEXT NOT NULL,
            judged_ms INTEGER NOT NULL, version INTEGER NOT NULL) STRICT;
        CREATE UNIQUE INDEX IF NOT EXISTS entry_result ON entry (sequence, transaction_id, user_id);
        CREATE INDEX IF NOT EXISTS entry_score ON entry (verdict, score DESC, number);
        CREATE INDEX IF NOT EXISTS entry_user ON entry (user_id, number);
        CREATE INDEX IF NOT EXISTS entry_merchant ON entry (merchant_id, number);
        CREATE INDEX IF NOT EXISTS entry_made ON entry (made_ms);
        CREATE TABLE IF NOT EXISTS tally (
            verdict INTEGER NOT NULL, level INTEGER NOT NULL, entries INTEGER NOT NULL, PRIMARY KEY (verdict, level))
            STRICT, WITHOUT ROWID;
        CREATE TRIGGER IF NOT EXISTS entry_comes AFTER INSERT ON entry BEGIN
            INSERT INTO tally VALUES (new.verdict, new.level, 1)
                ON CONFLICT (verdict, level) DO UPDATE SET entries = entries + 1;
        END;
        CREATE TRIGGER IF NOT EXISTS entry_goes AFTER DELETE ON entry BEGIN
            UPDATE tally SET entries = entries - 1 WHERE verdict = old.verdict AND level = old.level;
        END;
        CREATE TRIGGER IF NOT EXISTS entry_moves AFTER UPDATE OF verdict ON entry BEGIN
            UPDATE tally SET entries = entries - 1 WHERE verdict = old.verdict AND level = old.level;
            INSERT INTO tally VALUES (new.verdict, new.level, 1)
                ON CONFLICT (verdict, level) DO UPDATE SET entries = entries + 1;
        END;
        CREATE TABLE IF NOT EXISTS judgement (
            number INTEGER PRIMARY KEY AUTOINCREMENT, entry INTEGER NOT NULL, transaction_id TEXT NOT NULL,
            user_id TEXT NOT NULL, verdict INTEGER NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL,
            time_ms INTEGER NOT NULL, key TEXT NOT NULL UNIQUE, event_ms INTEGER NOT NULL, level INTEGER NOT NULL,
            score REAL NOT NULL, rules TEXT NOT NULL) STRICT;
        CREATE INDEX IF NOT EXISTS judgement_entry ON judgement (entry, number);
        CREATE INDEX IF NOT EXISTS judgement_user ON judgement (user_id, number);
        CREATE TABLE IF NOT EXISTS taught (only INTEGER PRIMARY KEY CHECK (only = 1), judgement INTEGER NOT NULL)
            STRICT;
        CREATE TABLE IF NOT EXISTS delivery (id TEXT PRIMARY KEY, rows INTEGER NOT NULL) STRICT;
        PRAGMA user_version = 1;
        COMMIT;
        """

    // MARK: What comes

    /// How many results a delivery has brought; nil for an unknown one.
    package func delivered(_ id: String) throws(StoreError) -> Int64? {
        try integer("SELECT rows FROM delivery WHERE id = ?") { statement throws(StoreError) in
            try statement.bind(id)
        }
    }

    /// Never fewer than before: a run that makes again what was delivered begins to count at its checkpoint.
    package func setDelivered(_ id: String, rows: Int64) throws(StoreError) {
        try run(
            "INSERT INTO delivery (id, rows) VALUES (?, ?) "
                + "ON CONFLICT (id) DO UPDATE SET rows = max(rows, excluded.rows)"
        ) { statement throws(StoreError) in
            try statement.bind(id)
            try statement.bind(rows)
        }
    }

    /// Begins a queue anew. What was judged stays.
    package func dropOpen() throws(StoreError) {
        try run("DELETE FROM entry WHERE verdict = 0") { _ throws(StoreError) in }
    }

    /// Adds a result unless it is there, from a delivery that was forgotten.
    package func insert(_ entry: ReviewEntry) throws(StoreError) {
        try run(
            "INSERT OR IGNORE INTO entry (sequence, transaction_id, user_id, merchant_id, time_ms, made_ms, level, "
                + "score, amount, currency, decision, rules, assessment, line, former, assignee, verdict, judged_by, "
                + "judged_ms, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, '', 0, 0)"
        ) { statement throws(StoreError) in
            try statement.bind(entry.sequence)
            try statement.bind(entry.transactionID)
            try statement.bind(entry.userID)
            try statement.bind(entry.merchantID)
            try statement.bind(entry.time)
            try statement.bind(entry.made)
            try statement.bind(Int64(entry.level.rawValue))
            try statement.bind(entry.score)
            try statement.bind(entry.amount)
            try statement.bind(entry.currency)
            try statement.bind(entry.decision)
            try statement.bind(entry.rules)
            try statement.bind(entry.assessment)
            try statement.bind(entry.transaction)
            try statement.bind(entry.former)
        }
    }

    /// Drops what came before a time.
    package func dropEntries(before time: Int64) throws(StoreError) {
        try run("DELETE FROM entry WHERE made_ms < ?") { statement throws(StoreError) in try statement.bind(time) }
    }

    package var entryCount: Int64 {
        get throws(StoreError) { try integer("SELECT coalesce(sum(entries), 0) FROM tally") ?? 0 }
    }

    /// How many wait for a judgement.
    package var openCount: Int64 {
        get throws(StoreError) { try integer("SELECT coalesce(sum(entries), 0) FROM tally WHERE verdict = 0") ?? 0 }
    }

    /// Drops so many entries: those that were judged first, then those that score least, and of these the oldest.
    package func dropEntries(_ count: Int64) throws(StoreError) {
        try run(
            "DELETE FROM entry WHERE number IN "
                + "(SELECT number FROM entry ORDER BY verdict = 0, score, number LIMIT ?)"
        ) { statement throws(StoreError) in try statement.bind(count) }
    }

    // MARK: Judging

    package enum Judging: Sendable {
        /// It is there now, or was already.
        case judged
        /// Somebody else was faster, or has taken it.
        case conflict
        /// Its key is that of another judgement.
        case otherKey
        case gone
    }

    /// Judges an entry that is still as its judge has seen it: `version` is what it had then. One that somebody else
    /// has taken stays theirs.
    package func judge(_ judgement: Judgement, version: Int64) throws(StoreError) -> Judging {
        var outcome = Judging.gone
        try change(isDurable: true) { () throws(StoreError) in
            if let known = try self.judgement(key: judgement.key) {
                let isSame =
                    (known.entry, known.verdict, known.who) == (judgement.entry, judgement.verdict, judgement.who)
                return outcome = isSame ? .judged : .otherKey
            }
            guard let entry = try entry(judgement.entry) else { return }
            guard entry.version == version, entry.assignee.isEmpty || entry.assignee == judgement.who else {
                return outcome = .conflict
            }
            try insert(judgement, of: entry)
            outcome = .judged
        }
        return outcome
    }

    private func insert(_ judgement: Judgement, of entry: ReviewEntry) throws(StoreError) {
        var number: Int64 = 0
        try query(
            "INSERT INTO judgement (entry, transaction_id, user_id, verdict, who, note, time_ms, key, event_ms, "
                + "level, score, rules) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number"
        ) { statement throws(StoreError) in
            try statement.bind(entry.number)
            try statement.bind(entry.transactionID)
            try statement.bind(entry.userID)
            try statement.bind(judgement.verdict.rawValue)
            try statement.bind(judgement.who)
            try statement.bind(judgement.note)
            try statement.bind(judgement.time)
            try statement.bind(judgement.key)
            try statement.bind(entry.time)
            try statement.bind(Int64(entry.level.rawValue))
            try statement.bind(entry.score)
            try statement.bind(entry.rules)
        } _: { row in
            number = row.integer(0)
            return true
        }
        try run(
            "UPDATE entry SET verdict = ?, judged_by = ?, judged_ms = ?, version = ?, assignee = '' WHERE number = ?"
        ) { statement throws(StoreError) in
            try statement.bind(judgement.verdict.rawValue)
            try statement.bind(judgement.verdict == .open ? "" : judgement.who)
            try statement.bind(judgement.verdict == .open ? 0 : judgement.time)
            try statement.bind(number)
            try statement.bind(entry.number)
        }
    }

    /// Takes an entry, or gives it back (`who` is empty then). `from`: whose it has to be.
    package func assign(_ number: Int64, to who: String, from former: String) throws(StoreError) -> Judging {
        var outcome = Judging.gone
        try change(isDurable: true) { () throws(StoreError) in
            guard let entry = try entry(number) else { return }
            guard entry.assignee == former || entry.assignee == who else { return outcome = .conflict }
            try run("UPDATE entry SET assignee = ? WHERE number = ?") { statement throws(StoreError) in
                try statement.bind(who)
                try statement.bind(number)
            }
            outcome = .judged
        }
        return outcome
    }

    // MARK: Labels

    /// The last judgement whose label was delivered.
    package var taught: Int64 {
        get throws(StoreError) { try integer("SELECT judgement FROM taught") ?? 0 }
    }

    package func setTaught(_ number: Int64) throws(StoreError) {
        try change(isDurable: true) { () throws(StoreError) in try noteTaught(number) }
    }

    private func noteTaught(_ number: Int64) throws(StoreError) {
        try run(
            "INSERT INTO taught (only, judgement) VALUES (1, ?) "
                + "ON CONFLICT (only) DO UPDATE SET judgement = excluded.judgement"
        ) { statement throws(StoreError) in try statement.bind(number) }
    }

    /// Gives a number to each judgement that is to become a label and has none: those that were made before a time, and
    /// hold still. Numbers are durable, and never given again, so that labels come in one order for good.
    /// `read`: the number of a label that was read, which may be from a database that this one came in place of.
    package func numberLabels(after read: Int64, now: Int64, grace: Int64, limit: Int64) throws(StoreError) {
        guard try lastSettled(now: now, grace: grace) > taught else { return }
        try change(isDurable: true) { () throws(StoreError) in
            let settled = try lastSettled(now: now, grace: grace)
            let judgements = try standing(after: taught, upTo: settled, limit: limit)
            for judgement in judgements where judgement.verdict.isFraud != nil {
                try run(
                    "INSERT INTO label (number, judgement) VALUES (1 + max(?, "
                        + "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'label'), 0)), ?)"
                ) { statement throws(StoreError) in
                    try statement.bind(read)
                    try statement.bind(judgement.number)
                }
            }
            let last = judgements.count == limit ? judgements.last?.number : nil
            try noteTaught(last ?? settled)
        }
    }

    /// The first label of these numbers; of a user who was forgotten the number alone.
    package func label(
        after number: Int64, upTo last: Int64
    ) throws(StoreError) -> (number: Int64, judgement: Judgement?)? {
        var found: (label: Int64, judgement: Int64)?
        try query(
            "SELECT number, judgement FROM label WHERE number > ? AND number <= ? ORDER BY number LIMIT 1"
        ) { statement throws(StoreError) in
            try statement.bind(number)
            try statement.bind(last)
        } _: { row in
            found = (row.integer(0), row.integer(1))
            return false
        }
        guard let found else { return nil }
        let judgement = try judgements("WHERE number = ?") { statement throws(StoreError) in
            try statement.bind(found.judgement)
        }
        return (found.label, judgement.first)
    }

    /// Judgements after a number that hold still, oldest first; at most so many.
    package func standing(after number: Int64, upTo last: Int64, limit: Int64) throws(StoreError) -> [Judgement] {
        try judgements(
            "WHERE number > ? AND number <= ? AND \(Self.isLast) ORDER BY number LIMIT ?"
        ) { statement throws(StoreError) in
            try statement.bind(number)
            try statement.bind(last)
            try statement.bind(limit)
        }
    }

    /// The number of the last judgement before those that may still be undone; 0 without one. A time that is to come is
    /// one from before the clock was set back.
    package func lastSettled(now: Int64, grace: Int64) throws(StoreError) -> Int64 {
        try integer(
            "SELECT coalesce((SELECT min(number) - 1 FROM judgement WHERE number > "
                + "coalesce((SELECT judgement FROM taught), 0) AND time_ms BETWEEN ? AND ?), "
                + "(SELECT max(number) FROM judgement), 0)"
        ) { statement throws(StoreError) in
            try statement.bind(now - grace)
            try statement.bind(now)
        } ?? 0
    }

    // MARK: People who are to be forgotten

    /// Forgets users: their entries and what was said of them.
    package func forget(users: [String]) throws(StoreError) {
        try change(isDurable: true) { () throws(StoreError) in
            for user in users {
                for table in ["entry", "judgement"] {
                    try run("DELETE FROM \(table) WHERE user_id = ?") { statement throws(StoreError) in
                        try statement.bind(user)
                    }
                }
            }
        }
        try compact()
    }
}
