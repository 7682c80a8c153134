import AssayCore

/// Looking at what is judged.
extension ReviewStore {
    // MARK: Entries

    private static let columns =
        "number, sequence, transaction_id, user_id, merchant_id, time_ms, made_ms, level, score, amount, currency, "
        + "decision, rules, assessment, line, assignee, verdict, judged_by, judged_ms, version"

    private static func entry(_ row: borrowing Statement) -> ReviewEntry {
        var entry = ReviewEntry(
            sequence: row.integer(1), transactionID: row.text(2), userID: row.text(3), merchantID: row.text(4),
            time: row.integer(5), made: row.integer(6),
            level: RiskLevel(rawValue: UInt8(clamping: row.integer(7))) ?? .low, score: row.double(8) ?? 0,
            amount: row.double(9) ?? 0, currency: row.text(10), decision: row.text(11), assessment: row.text(13),
            transaction: row.text(14))
        (entry.number, entry.rules) = (row.integer(0), row.text(12))
        (entry.assignee, entry.judgedBy) = (row.text(15), row.text(17))
        entry.verdict = ReviewVerdict(rawValue: row.integer(16)) ?? .open
        (entry.judged, entry.version) = (row.integer(18), row.integer(19))
        return entry
    }

    /// One entry, without the moment that it was judged by.
    package func entry(_ number: Int64) throws(StoreError) -> ReviewEntry? {
        var found: ReviewEntry?
        try query("SELECT \(Self.columns) FROM entry WHERE number = ?") { statement throws(StoreError) in
            try statement.bind(number)
        } _: { row in
            found = Self.entry(row)
            return false
        }
        return found
    }

    /// What an entry was judged by; empty where that was not kept.
    package func former(_ number: Int64) throws(StoreError) -> [UInt8]? {
        var found: [UInt8]?
        try query("SELECT former FROM entry WHERE number = ?") { statement throws(StoreError) in
            try statement.bind(number)
        } _: { row in
            found = row.blob(0)
            return false
        }
        return found
    }

    /// Entries of a filter in its order, so many of them, after so many others.
    package func entries(
        _ filter: ReviewFilter, limit: Int64, offset: Int64 = 0
    ) throws(StoreError) -> [ReviewEntry] {
        let condition = Condition(filter)
        var entries: [ReviewEntry] = []
        try query(
            "SELECT \(Self.columns) FROM entry\(condition.text) ORDER BY \(filter.order.text) LIMIT ? OFFSET ?"
        ) { statement throws(StoreError) in
            try condition.bind(&statement)
            try statement.bind(limit)
            try statement.bind(offset)
        } _: { row in
            entries.append(Self.entry(row))
            return true
        }
        return entries
    }

    package func count(_ filter: ReviewFilter) throws(StoreError) -> Int64 {
        let condition = Condition(filter)
        return try integer("SELECT count(*) FROM entry\(condition.text)") { statement throws(StoreError) in
            try condition.bind(&statement)
        } ?? 0
    }

    // MARK: Judgements

    private static let judgementColumns =
        "number, entry, transaction_id, user_id, verdict, who, note, time_ms, key, event_ms, score, level"

    private static func judgement(_ row: borrowing Statement) -> Judgement {
        var judgement = Judgement(
            entry: row.integer(1), verdict: ReviewVerdict(rawValue: row.integer(4)) ?? .open, who: row.text(5),
            note: row.text(6), time: row.integer(7), key: row.text(8))
        judgement.number = row.integer(0)
        (judgement.transactionID, judgement.userID) = (row.text(2), row.text(3))
        (judgement.eventTime, judgement.score) = (row.integer(9), row.double(10) ?? 0)
        judgement.level = RiskLevel(rawValue: UInt8(clamping: row.integer(11))) ?? .low
        return judgement
    }

    /// `selection`: what follows the table's name.
    func judgements(
        _ selection: String, _ bind: (inout Statement) throws(StoreError) -> Void
    ) throws(StoreError) -> [Judgement] {
        var judgements: [Judgement] = []
        try query("SELECT \(Self.judgementColumns) FROM judgement " + selection, bind) { row in
            judgements.append(Self.judgement(row))
            return true
        }
        return judgements
    }

    /// What was sent with a key; nil for a new one.
    package func judgement(key: String) throws(StoreError) -> Judgement? {
        try judgements("WHERE key = ?") { statement throws(StoreError) in try statement.bind(key) }.first
    }

    /// All that was said of an entry, oldest first.
    package func history(of entry: Int64) throws(StoreError) -> [Judgement] {
        try judgements("WHERE entry = ? ORDER BY number") { statement throws(StoreError) in try statement.bind(entry) }
    }

    /// All that was said of a user's transactions, newest first.
    package func judgements(of user: String, limit: Int64) throws(StoreError) -> [Judgement] {
        try judgements("WHERE user_id = ? ORDER BY number DESC LIMIT ?") { statement throws(StoreError) in
            try statement.bind(user)
            try statement.bind(limit)
        }
    }

    /// What holds of each entry that was judged, in the order in which it was.
    package func verdicts() throws(StoreError) -> [Judgement] {
        try judgements("WHERE verdict <> 0 AND \(Self.isLast) ORDER BY number") { _ throws(StoreError) in }
    }

    /// Nobody has judged the entry again.
    static let isLast =
        "number = (SELECT max(number) FROM judgement AS later WHERE later.entry = judgement.entry)"

    // MARK: Figures

    /// How many entries there are by verdict and level.
    package func counts() throws(StoreError) -> [(verdict: ReviewVerdict, level: RiskLevel, count: Int64)] {
        var counts: [(ReviewVerdict, RiskLevel, Int64)] = []
        try query("SELECT verdict, level, entries FROM tally WHERE entries > 0 ORDER BY verdict, level") {
            _ throws(StoreError) in
        } _: { row in
            counts.append(
                (
                    ReviewVerdict(rawValue: row.integer(0)) ?? .open,
                    RiskLevel(rawValue: UInt8(clamping: row.integer(1))) ?? .low, row.integer(2)
                ))
            return true
        }
        return counts
    }

    /// By rule, how many results were judged to be fraud, and legitimate.
    package func verdictsByRule() throws(StoreError) -> [(rule: String, fraud: Int64, legitimate: Int64)] {
        var rules: [(String, Int64, Int64)] = []
        try query(
            "SELECT rule.value, sum(verdict = 1), sum(verdict = 2) FROM judgement, json_each(judgement.rules) AS rule "
                + "WHERE verdict <> 0 AND judgement.\(Self.isLast) GROUP BY rule.value ORDER BY rule.value"
        ) { _ throws(StoreError) in
        } _: { row in
            rules.append((row.text(0), row.integer(1), row.integer(2)))
            return true
        }
        return rules
    }

    /// What came into the queue of a user.
    package struct UserCount: Equatable, Sendable {
        package let user: String
        package let entries: Int64
        package let greatest: Double
        package let frauds: Int64
    }

    /// The users with the most entries whose transactions were within a time.
    package func users(within period: Range<Int64>, limit: Int64) throws(StoreError) -> [UserCount] {
        var users: [UserCount] = []
        try query(
            "SELECT user_id, count(*) AS entries, max(score), sum(verdict = 1) FROM entry "
                + "WHERE time_ms >= ? AND time_ms < ? GROUP BY user_id ORDER BY entries DESC, user_id LIMIT ?"
        ) { statement throws(StoreError) in
            try statement.bind(period.lowerBound)
            try statement.bind(period.upperBound)
            try statement.bind(limit)
        } _: { row in
            users.append(
                UserCount(
                    user: row.text(0), entries: row.integer(1), greatest: row.double(2) ?? 0, frauds: row.integer(3)))
            return true
        }
        return users
    }
}

extension ReviewFilter.Order {
    fileprivate var text: String {
        switch self {
        case .score: "score DESC, number"
        case .newest: "number DESC"
        case .amount: "amount DESC, number"
        }
    }
}

/// The condition of a filter: fixed text, and values that are bound.
private struct Condition {
    private enum Bound {
        case integer(Int64)
        case real(Double)
        case text(String)
    }

    private var parts: [String] = []
    private var bound: [Bound] = []

    init(_ filter: ReviewFilter) {
        if filter.verdicts.count < ReviewVerdict.allCases.count {
            addOne(of: filter.verdicts.map(\.rawValue).sorted(), "verdict")
        }
        if !filter.levels.isEmpty { addOne(of: filter.levels.map { Int64($0.rawValue) }.sorted(), "level") }
        if let rule = filter.rule {
            add("EXISTS (SELECT 1 FROM json_each(entry.rules) WHERE value = ?)", .text(rule))
        }
        if let least = filter.least { add("amount >= ?", .real(least)) }
        if let most = filter.most { add("amount <= ?", .real(most)) }
        if let since = filter.since { add("made_ms >= ?", .integer(since)) }
        if let assignee = filter.assignee { add("assignee = ?", .text(assignee)) }
        if let user = filter.user { add("user_id = ?", .text(user)) }
        if let merchant = filter.merchant { add("merchant_id = ?", .text(merchant)) }
        if let text = filter.text {
            parts.append("(instr(transaction_id, ?) OR instr(user_id, ?) OR instr(merchant_id, ?))")
            bound += Array(repeating: .text(text), count: 3)
        }
    }

    private mutating func add(_ part: String, _ value: Bound) {
        parts.append(part)
        bound.append(value)
    }

    private mutating func addOne(of values: [Int64], _ column: String) {
        parts.append("\(column) IN (\(values.map { _ in "?" }.joined(separator: ", ")))")
        bound += values.map { .integer($0) }
    }

    var text: String { parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND ") }

    func bind(_ statement: inout Statement) throws(StoreError) {
        for value in bound {
            switch value {
            case .integer(let integer): try statement.bind(integer)
            case .real(let real): try statement.bind(real)
            case .text(let text): try statement.bind(text)
            }
        }
    }
}
