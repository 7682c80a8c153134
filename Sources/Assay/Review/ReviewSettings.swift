import AssayCore

/// Which results people judge, and how long they are kept for that.
package struct ReviewSettings: Sendable {
    /// Which assessments; nil for the usual ones.
    package var condition: SourceText?
    package var keepMilliseconds: Int64 = 30 * 86_400_000
    package var limit: Int64 = 100_000
    package var position = TextPosition(line: 1, column: 1)

    /// What is judged where the configuration does not say. Without rules nothing is decided.
    static let usualCondition = #"risk_level in ["high", "critical"] || decision == "review""#
    /// Who judges by mistake has this long to undo it, and the model never hears of it.
    package static let graceMilliseconds: Int64 = 5000
    /// An entry takes a few kilobytes.
    static let mostEntries: Int64 = 10_000_000

    package init() {}

    /// What has to be the same for a run to go on under it.
    package var identity: String { "\(condition?.text ?? "") \(keepMilliseconds) \(limit)" }

    static func read(_ node: YAMLNode, path: String) throws(ConfigurationError) -> ReviewSettings {
        var members = try YAMLMembers(node, "'review'", path: path)
        var settings = ReviewSettings()
        settings.position = node.position
        if let node = members.take("where") { settings.condition = try members.text(node, "where") }
        if let node = members.take("keep") {
            settings.keepMilliseconds = try members.milliseconds(node, "keep", from: 1000)
        }
        if let node = members.take("limit") {
            let limit = Int64(try members.count(node, "limit"))
            guard (1...mostEntries).contains(limit) else {
                throw members.fault("'limit' is 1 to \(mostEntries)", node.position)
            }
            settings.limit = limit
        }
        try members.finish()
        return settings
    }
}

/// What the rows of a queue consist of, in this order; the moment that each was judged by comes last.
enum ReviewColumn: Int, CaseIterable {
    case sequence, transactionID, userID, merchantID, time, level, score, amount, currency, decision, transaction
    /// The first of the fields that the assessment consists of; the others follow.
    case assessment

    /// The expression whose value it has.
    var expression: String {
        switch self {
        case .sequence: "sequence"
        case .transactionID: "transaction_id"
        case .userID: "user_id"
        case .merchantID: "transaction.merchant_id"
        case .time: "event_time"
        case .level: "risk_level"
        case .score: "risk_score"
        case .amount: "transaction.amount"
        case .currency: "transaction.currency"
        case .decision: "decision"
        case .transaction: "transaction"
        case .assessment: AssessmentColumn.named[0].name
        }
    }

    /// The expressions of all columns but the moment.
    static var expressions: [String] {
        allCases.map(\.expression) + AssessmentColumn.named.dropFirst().map(\.name)
    }
}
