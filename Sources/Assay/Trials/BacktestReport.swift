import AssayCore

/// The results of two configurations over the same history.
package struct BacktestReport: Sendable {
    package struct Rule: Sendable {
        package let name: String
        package private(set) var new: UInt64 = 0
        package private(set) var old: UInt64 = 0
        package private(set) var both: UInt64 = 0
        /// The frauds among the new side's.
        package private(set) var newFrauds: UInt64 = 0

        package var onlyNew: UInt64 { new - both }
        package var onlyOld: UInt64 { old - both }

        init(name: String) {
            self.name = name
        }

        mutating func count(isNew: Bool, isOld: Bool, isFraud: Bool) {
            if isNew { new += 1 }
            if isOld { old += 1 }
            if isNew, isOld { both += 1 }
            if isNew, isFraud { newFrauds += 1 }
        }
    }

    /// The results of one configuration.
    package struct Side: Sendable {
        package internal(set) var rejected: UInt64 = 0
        /// By `RiskLevel.rawValue`.
        package private(set) var levels = [UInt64](repeating: 0, count: RiskLevel.allCases.count)
        package private(set) var fraudLevels = [UInt64](repeating: 0, count: RiskLevel.allCases.count)
        /// By `Decision.rawValue`.
        package private(set) var decisions = [UInt64](repeating: 0, count: Decision.allCases.count)
        package private(set) var fraudDecisions = [UInt64](repeating: 0, count: Decision.allCases.count)
        package internal(set) var averagePrecision: Double?
        /// What was learned at the end; nil where nothing is.
        package internal(set) var learning: LearningCounts?
        /// Transactions that were scored before the model was ready.
        package private(set) var unready: UInt64 = 0
        /// By equal parts of the range of scores.
        var scores: [Bar] = []
        /// Precision by recall, from the greatest score down.
        var curve: [CurvePoint] = []
        /// All frauds of the input, since those that this side rejected were not found.
        var frauds: UInt64 = 0

        mutating func count(_ assessment: RiskAssessment, isFraud: Bool) {
            if assessment.probability == nil { unready += 1 }
            levels[Int(assessment.level.rawValue)] += 1
            decisions[Int(assessment.decision.rawValue)] += 1
            if isFraud {
                fraudLevels[Int(assessment.level.rawValue)] += 1
                fraudDecisions[Int(assessment.decision.rawValue)] += 1
            }
        }

        /// Of the transactions at this level and above: the part that was fraud, and their part of all fraud.
        package func quality(from level: RiskLevel) -> Quality {
            let range = Int(level.rawValue)..<levels.count
            return Quality(
                alarms: levels[range].reduce(0, +), hits: fraudLevels[range].reduce(0, +),
                frauds: frauds)
        }

        /// The same for what was blocked.
        package var blocking: Quality {
            let block = Int(Decision.block.rawValue)
            return Quality(alarms: decisions[block], hits: fraudDecisions[block], frauds: frauds)
        }
    }

    package struct Quality: Sendable {
        package let alarms: UInt64
        package let hits: UInt64
        let frauds: UInt64

        package var precision: Double? { alarms > 0 ? Double(hits) / Double(alarms) : nil }
        package var recall: Double? { frauds > 0 ? Double(hits) / Double(frauds) : nil }
    }

    /// How many transactions have scores in one part of the range.
    struct Bar: Sendable {
        var transactions: UInt64 = 0
        var frauds: UInt64 = 0
    }

    struct CurvePoint: Sendable {
        let recall: Double
        let precision: Double
    }

    /// The alerts of a day.
    struct Day: Sendable {
        private(set) var new: UInt64 = 0
        private(set) var old: UInt64 = 0

        mutating func count(isNew: Bool, isOld: Bool) {
            if isNew { new += 1 }
            if isOld { old += 1 }
        }
    }

    /// Two rules by number, in either order.
    struct Pair: Hashable, Sendable {
        private let first: Int
        private let second: Int

        init(_ one: Int, _ other: Int) {
            (first, second) = (min(one, other), max(one, other))
        }
    }

    /// By the day since 1970.
    var days: [Int64: Day] = [:]
    /// Transactions for which two rules of the new configuration hold.
    var overlaps: [Pair: UInt64] = [:]
    /// Labels of fraud that no transaction has.
    package internal(set) var unmatchedLabels: UInt64 = 0
    /// Labels that would have come after the last transaction.
    package internal(set) var labelsToCome: UInt64 = 0

    /// Accepted by at least one of them.
    package internal(set) var transactions: UInt64 = 0
    package internal(set) var frauds: UInt64 = 0
    package internal(set) var changed: UInt64 = 0
    package internal(set) var changedLevels: UInt64 = 0
    package internal(set) var changedDecisions: UInt64 = 0
    package internal(set) var newSide = Side()
    package internal(set) var oldSide = Side()
    package internal(set) var rules: [Rule]
    package let hasLabels: Bool
    /// No transactions were left out at the beginning.
    package let isFromBeginning: Bool

    /// Whether either of them learns.
    package var learns: Bool { newSide.learning != nil || oldSide.learning != nil }

    init(rules: [Rule], hasLabels: Bool, isFromBeginning: Bool = true) {
        self.rules = rules
        self.isFromBeginning = isFromBeginning
        self.hasLabels = hasLabels
    }

    // MARK: As JSON

    package var json: JSON {
        var members = comparison
        if learns {
            members.append(
                (
                    "learning",
                    .object([
                        ("new", json(newSide.learning, unready: newSide.unready)),
                        ("old", json(oldSide.learning, unready: oldSide.unready)),
                        ("labels_to_come", .unsigned(labelsToCome)),
                    ])
                ))
        }
        return .object(members)
    }

    private func json(_ learning: LearningCounts?, unready: UInt64) -> JSON {
        guard let learning else { return .null }
        return .object(learning.members + [("scored_before_ready", .unsigned(unready))])
    }

    private var comparison: [(String, JSON)] {
        [
            ("transactions", .unsigned(transactions)), ("changed", .unsigned(changed)),
            ("changed_levels", .unsigned(changedLevels)), ("changed_decisions", .unsigned(changedDecisions)),
            ("frauds", hasLabels ? .unsigned(frauds) : .null),
            ("unmatched_labels", hasLabels ? .unsigned(unmatchedLabels) : .null), ("new", json(newSide)),
            ("old", json(oldSide)),
            (
                "rules",
                .array(
                    rules.map { rule in
                        .object([
                            ("rule", .string(rule.name)), ("new", .unsigned(rule.new)), ("old", .unsigned(rule.old)),
                            ("both", .unsigned(rule.both)), ("only_new", .unsigned(rule.onlyNew)),
                            ("only_old", .unsigned(rule.onlyOld)),
                            ("new_frauds", hasLabels ? .unsigned(rule.newFrauds) : .null),
                        ])
                    })
            ),
        ]
    }

    private func json(_ side: Side) -> JSON {
        let levels = RiskLevel.allCases.map { ($0.label, JSON.unsigned(side.levels[Int($0.rawValue)])) }
        let decisions = Decision.allCases.map { ($0.label, JSON.unsigned(side.decisions[Int($0.rawValue)])) }
        var members: [(String, JSON)] = [
            ("rejected", .unsigned(side.rejected)), ("levels", .object(levels)), ("decisions", .object(decisions)),
        ]
        if hasLabels {
            members.append(
                (
                    "quality",
                    .object(
                        [RiskLevel.medium, .high, .critical].map { ("from_\($0.label)", json(side.quality(from: $0))) }
                            + [("blocked", json(side.blocking))])
                ))
            members.append(("average_precision", side.averagePrecision.map { .real($0) } ?? .null))
        }
        return .object(members)
    }

    private func json(_ quality: Quality) -> JSON {
        .object([
            ("alarms", .unsigned(quality.alarms)), ("hits", .unsigned(quality.hits)),
            ("precision", quality.precision.map { .real($0) } ?? .null),
            ("recall", quality.recall.map { .real($0) } ?? .null),
        ])
    }
}

extension BacktestChange {
    package var json: JSON {
        var members: [(String, JSON)] = [
            ("transaction_id", .string(transactionID)), ("user_id", .string(userID)), ("old", json(old)),
            ("new", json(new)), ("fired", .array(fired.map { .string($0) })),
            ("no_longer_fired", .array(noLongerFired.map { .string($0) })),
        ]
        if let isFraud { members.append(("fraud", .bool(isFraud))) }
        return .object(members)
    }

    private func json(_ side: Side) -> JSON {
        .object([
            ("risk_level", .string(side.level.label)),
            ("risk_score", .real((side.score * 1_000_000).rounded() / 1_000_000)),
            ("decision", .string(side.decision.label)), ("decided_by", .string(side.decidedBy)),
        ])
    }
}
