import AssayCore

/// What a person makes of a result.
package enum ReviewVerdict: Int64, CaseIterable, Sendable {
    /// Nobody has judged, or a judgement was undone.
    case open, fraud, legitimate, unsure

    package var label: String { "\(self)" }

    package init?(label: String) {
        guard let found = Self.allCases.first(where: { $0.label == label }) else { return nil }
        self = found
    }

    /// As a label of the transaction; nil where it is none.
    package var isFraud: Bool? {
        switch self {
        case .fraud: true
        case .legitimate: false
        case .open, .unsure: nil
        }
    }
}

/// A result that waits for a person, or was judged by one.
package struct ReviewEntry: Sendable {
    /// That of the queue, in the order in which results came.
    package var number: Int64 = 0
    package var sequence: Int64
    package var transactionID: String
    package var userID: String
    package var merchantID: String
    /// The transaction's own time, in milliseconds.
    package var time: Int64
    /// When it came into the queue.
    package var made: Int64
    package var level: RiskLevel
    package var score: Double
    package var amount: Double
    package var currency: String
    package var decision: String
    /// The names of the rules that gave a factor or decided, as a JSON array.
    package var rules = "[]"
    /// As JSON objects.
    package var assessment: String
    package var transaction: String
    /// What it was judged by, as `FormerMoment` has it; empty where that was not kept.
    package var former: [UInt8] = []
    package var assignee = ""
    package var verdict = ReviewVerdict.open
    package var judgedBy = ""
    package var judged: Int64 = 0
    /// The number of its last judgement; 0 without one.
    package var version: Int64 = 0

    package init(
        sequence: Int64, transactionID: String, userID: String, merchantID: String, time: Int64, made: Int64,
        level: RiskLevel, score: Double, amount: Double, currency: String, decision: String, assessment: String,
        transaction: String
    ) {
        (self.sequence, self.transactionID, self.userID) = (sequence, transactionID, userID)
        (self.merchantID, self.time, self.made, self.level) = (merchantID, time, made, level)
        (self.score, self.amount, self.currency, self.decision) = (score, amount, currency, decision)
        (self.assessment, self.transaction) = (assessment, transaction)
    }
}

/// What somebody said of an entry. None is ever changed: who thinks otherwise says so in another one.
package struct Judgement: Sendable {
    package var number: Int64 = 0
    package var entry: Int64
    package var transactionID = ""
    package var userID = ""
    package var verdict: ReviewVerdict
    package var who: String
    package var note: String
    package var time: Int64
    /// Chosen by who sends it, so that it is there once however often it is sent.
    package var key: String
    /// The transaction's own time, and what it had got.
    package var eventTime: Int64 = 0
    package var score = 0.0
    package var level = RiskLevel.low

    package init(
        entry: Int64, verdict: ReviewVerdict, who: String, note: String = "", time: Int64, key: String
    ) {
        (self.entry, self.verdict, self.who, self.note) = (entry, verdict, who, note)
        (self.time, self.key) = (time, key)
    }
}

/// Which entries of the queue somebody wants to see.
package struct ReviewFilter: Sendable {
    package enum Order: Sendable {
        case score, newest, amount
    }

    package var verdicts: Set<ReviewVerdict> = [.open]
    package var levels: Set<RiskLevel> = []
    package var rule: String?
    package var least: Double?
    package var most: Double?
    /// Only those that came since.
    package var since: Int64?
    package var assignee: String?
    /// Part of the id of a transaction, a user or a merchant.
    package var text: String?
    package var user: String?
    package var merchant: String?
    package var order = Order.score

    package init() {}
}
