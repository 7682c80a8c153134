import Assay
import AssayCore
import StateStore

/// Entries of the queue as JSON.
enum ReviewDocument {
    /// As a row of a list.
    static func json(_ entry: ReviewEntry) -> JSON { .object(members(entry)) }

    private static func members(_ entry: ReviewEntry) -> [(String, JSON)] {
        [
            ("entry", .integer(entry.number)), ("version", .integer(entry.version)),
            ("sequence", .integer(entry.sequence)), ("transaction_id", .string(entry.transactionID)),
            ("user_id", .string(entry.userID)), ("merchant_id", .string(entry.merchantID)),
            ("time_ms", .integer(entry.time)), ("made_ms", .integer(entry.made)),
            ("risk_level", .string(entry.level.label)), ("risk_score", .real(entry.score)),
            ("amount", .real(entry.amount)), ("currency", .string(entry.currency)),
            ("decision", .string(entry.decision)), ("rules", .raw(entry.rules)),
            ("assignee", .string(entry.assignee)), ("verdict", .string(entry.verdict.label)),
            ("judged_by", .string(entry.judgedBy)),
            ("judged_ms", entry.judged == 0 ? .null : .integer(entry.judged)),
        ]
    }

    /// With everything that is known of it.
    static func json(
        _ entry: ReviewEntry, history: [Judgement], hasFormer: Bool, user: [ReviewEntry], merchant: [ReviewEntry]
    ) -> JSON {
        .object(
            members(entry) + [
                ("assessment", .raw(entry.assessment)), ("transaction", .raw(entry.transaction)),
                ("explains_then", .bool(hasFormer)), ("history", .array(history.map(json))),
                ("of_user", .array(user.map(detailed))), ("of_merchant", .array(merchant.map(json))),
            ])
    }

    /// Of the same user: with its transaction, for what is drawn.
    private static func detailed(_ entry: ReviewEntry) -> JSON {
        .object(members(entry) + [("transaction", .raw(entry.transaction))])
    }

    static func json(_ judgement: Judgement) -> JSON {
        .object([
            ("judgement", .integer(judgement.number)), ("entry", .integer(judgement.entry)),
            ("transaction_id", .string(judgement.transactionID)), ("verdict", .string(judgement.verdict.label)),
            ("who", .string(judgement.who)), ("note", .string(judgement.note)), ("time_ms", .integer(judgement.time)),
        ])
    }
}

/// What a request wants to see of the queue.
struct ReviewQuery {
    private let request: HTTPRequest

    init(_ request: HTTPRequest) { self.request = request }

    static let parameters: [Route.Parameter] = [
        ("verdict", "open (if not given), judged, all, fraud, legitimate or unsure."),
        ("level", "One or more levels, with commas between."), ("rule", "The name of a rule that fired."),
        ("least", "The least amount."), ("most", "The greatest amount."),
        ("age", "At most so many seconds in the queue."), ("assignee", "Who has taken it: me, nobody, or a name."),
        ("text", "Part of the id of the transaction, the user or the merchant."), ("user_id", "All of a user."),
        ("merchant_id", "All of a merchant."), ("order", "score (if not given), newest or amount."),
        ("limit", "So many at most, up to 200."), ("offset", "After so many others."),
    ].map { Route.Parameter(name: $0.0, isInPath: false, help: $0.1) }

    func parts(now: Int64) throws(Problem) -> (filter: ReviewFilter, limit: Int64, offset: Int64) {
        var filter = ReviewFilter()
        switch try text("verdict") ?? "open" {
        case "all": filter.verdicts = Set(ReviewVerdict.allCases)
        case "judged": filter.verdicts = [.fraud, .legitimate, .unsure]
        case let name:
            guard let verdict = ReviewVerdict(label: name) else { throw unknown("verdict") }
            filter.verdicts = [verdict]
        }
        for name in try text("level")?.split(separator: ",") ?? [] {
            guard let level = RiskLevel(label: String(name)) else { throw unknown("level") }
            filter.levels.insert(level)
        }
        switch try text("order") ?? "score" {
        case "score": filter.order = .score
        case "newest": filter.order = .newest
        case "amount": filter.order = .amount
        default: throw unknown("order")
        }
        (filter.rule, filter.text) = (try text("rule"), try text("text"))
        (filter.user, filter.merchant) = (try text("user_id"), try text("merchant_id"))
        (filter.least, filter.most) = (try number("least"), try number("most"))
        if let age = try number("age") { filter.since = now - Int64(clamping: age * 1000) }
        switch try text("assignee") {
        case "me": filter.assignee = request.visitor?.name
        case "nobody": filter.assignee = ""
        case let name: filter.assignee = name
        }
        return (
            filter, max(1, Int64(clamping: try number("limit") ?? 50)),
            max(0, Int64(clamping: try number("offset") ?? 0))
        )
    }

    private func text(_ name: String) throws(Problem) -> String? { try request.formValue(name) }

    private func number(_ name: String) throws(Problem) -> Double? {
        guard let text = try text(name) else { return nil }
        guard let number = Double(text), number.isFinite else { throw unknown(name) }
        return number
    }

    private func unknown(_ name: String) -> Problem { Problem(400, "'\(name)' has a value that is none of its own") }
}

extension Int64 {
    fileprivate init(clamping value: Double) {
        self = Int64(exactly: Swift.min(Swift.max(value, -9e15), 9e15).rounded(.towardZero)) ?? 0
    }
}
