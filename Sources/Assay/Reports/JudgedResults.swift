import AssayCore
import StateStore

/// How good scores were, as far as people have judged results. Only results of the queue are judged, so that nothing is
/// known of fraud that scored too little to get there.
package struct JudgedResults: Sendable {
    package struct Group: Sendable, Equatable {
        package var frauds: UInt64 = 0
        package var legitimate: UInt64 = 0

        package var judged: UInt64 { frauds + legitimate }
        package var precision: Double? { judged > 0 ? Double(frauds) / Double(judged) : nil }

        mutating func add(_ isFraud: Bool) { if isFraud { frauds += 1 } else { legitimate += 1 } }

        package var members: [(String, JSON)] {
            [
                ("fraud", .unsigned(frauds)), ("legitimate", .unsigned(legitimate)),
                ("precision", precision.map { .real($0) } ?? .null),
            ]
        }
    }

    package struct Week: Sendable {
        /// Its Monday, in UTC.
        package let start: Int64
        package var group = Group()
        package var averagePrecision: Double?
    }

    package private(set) var all = Group()
    package private(set) var unsure: UInt64 = 0
    package private(set) var averagePrecision: Double?
    /// By level.
    package private(set) var levels = [Group](repeating: Group(), count: RiskLevel.allCases.count)
    /// By tenths of the score.
    package private(set) var tenths = [Group](repeating: Group(), count: 10)
    /// By the week of the transaction.
    package private(set) var weeks: [Week] = []
    /// By the time between a transaction and its judgement, up to each of `ages` and beyond.
    package private(set) var waits = [Group](repeating: Group(), count: ages.count + 1)

    package static let ages: [(name: String, milliseconds: Int64)] = [
        ("1h", 3_600_000), ("1d", 86_400_000), ("7d", 7 * 86_400_000), ("30d", 30 * 86_400_000),
    ]
    static let mostWeeks = 53
    private static let weekMilliseconds: Int64 = 7 * 86_400_000
    /// The first day of 1970 was a Thursday.
    private static let firstMonday: Int64 = 4 * 86_400_000

    /// `judgements`: what holds of each entry.
    package init(_ judgements: [Judgement]) {
        var curve = RankingCurve()
        var byWeek: [Int64: [Judgement]] = [:]
        for judgement in judgements {
            guard let isFraud = judgement.verdict.isFraud else {
                if judgement.verdict == .unsure { unsure += 1 }
                continue
            }
            all.add(isFraud)
            curve.add(judgement.score, isFraud: isFraud)
            levels[Int(judgement.level.rawValue)].add(isFraud)
            tenths[min(9, max(0, Int(judgement.score * 10)))].add(isFraud)
            let wait = judgement.time - judgement.eventTime
            waits[Self.ages.firstIndex { wait <= $0.milliseconds } ?? Self.ages.count].add(isFraud)
            byWeek[Self.week(of: judgement.eventTime), default: []].append(judgement)
        }
        averagePrecision = curve.averagePrecision(of: all.frauds)
        for (start, judgements) in byWeek.sorted(by: { $0.key < $1.key }).suffix(Self.mostWeeks) {
            var week = Week(start: start)
            var curve = RankingCurve()
            for judgement in judgements {
                let isFraud = judgement.verdict == .fraud
                week.group.add(isFraud)
                curve.add(judgement.score, isFraud: isFraud)
            }
            week.averagePrecision = curve.averagePrecision(of: week.group.frauds)
            weeks.append(week)
        }
    }

    private static func week(of time: Int64) -> Int64 {
        let since = time - firstMonday
        let weeks = since >= 0 ? since / weekMilliseconds : (since - weekMilliseconds + 1) / weekMilliseconds
        return weeks * weekMilliseconds + firstMonday
    }

    package var json: JSON {
        .object(
            all.members + [
                ("unsure", .unsigned(unsure)), ("average_precision", averagePrecision.map { .real($0) } ?? .null),
                (
                    "levels",
                    .object(RiskLevel.allCases.map { ($0.label, .object(levels[Int($0.rawValue)].members)) })
                ), ("tenths", .array(tenths.map { .object($0.members) })),
                (
                    "weeks",
                    .array(
                        weeks.map {
                            .object(
                                [("start_ms", .integer($0.start))] + $0.group.members + [
                                    ("average_precision", $0.averagePrecision.map { .real($0) } ?? .null)
                                ])
                        })
                ),
                (
                    "waits",
                    .array(
                        zip(Self.ages.map(\.name) + ["more"], waits).map { name, group in
                            .object([("up_to", .string(name))] + group.members)
                        })
                ),
            ])
    }
}
