import Arguments
import AssayCore

/// One key of the configuration: its place, its valid values, and its purpose. Reading, the reference configuration and
/// the published schema are all generated from these.
struct Setting: Sendable {
    /// With dots between the levels: `velocity.windows`.
    let path: String
    let help: String
    let value: Value

    /// Whether recorded configurations of earlier releases lack it.
    var isLater: Bool { path == "amount_sign" || path.hasPrefix("learning.") }

    typealias Place<T> = WritableKeyPath<Configuration, T> & Sendable

    enum Value: Sendable {
        case real(Place<Double>, ClosedRange<Double>)
        case count(Place<UInt64>, ClosedRange<UInt64>)
        case hour(Place<UInt8>)
        case truth(Place<Bool>)
        case duration(Place<Int64>, ClosedRange<Int64>)
        case text(Place<String>, bytes: ClosedRange<Int>)
        case combination(Place<ScoringSettings.Combination>)
        case amountSign(Place<AmountSign>)
        case windows(Place<[UInt32]>)
        case thresholds(Place<[UInt32]>)
        case thresholdsByType(Place<[String: [UInt32]]>)
        case fieldNames(Place<[String: String]>)
        case role(Place<ScoringSettings.Learning.Role>)
        /// Names of fields.
        case fields(Place<[String]>, counts: ClosedRange<Int>)
        /// Some counts in a map.
        case counts([(name: String, place: Place<UInt64>)], ClosedRange<UInt64>)
    }

    static let mostWindows = 8
    static let windowSeconds: ClosedRange<Int64> = 1...(30 * 86_400)
    /// Twice this many event times may be kept per type and user.
    static let thresholdValues: ClosedRange<UInt32> = 1...10_000
    private static let risks = 0.0...1.0
    private static let positive = 1e-9...1e12

    static let all: [Setting] =
        [
            Setting(
                "timezone", "The zone of the hour and the weekday, and of times without an offset.",
                .text(\.scoring.timezone, bytes: 1...64)),
            Setting(
                "combine", "How the five checks become one score: noisy_or, max or mean.",
                .combination(\.scoring.combination)),
            Setting(
                "min_history", "Transactions of a user before habits are judged.",
                .count(\.scoring.minHistory, 0...1_000_000)),
            Setting(
                "state_ttl", "A user who was away for longer starts from nothing.",
                .duration(\.scoring.stateTTLMilliseconds, 1000...(100 * 366 * 86_400_000))),
            Setting(
                "deduplicate", "Reject a transaction_id that is among its user's last 16.",
                .truth(\.scoring.deduplicate)),
            Setting(
                "max_ahead",
                "A time further ahead of the stream's clock is early: it moves no clock and ends no state.",
                .duration(\.scoring.maxAheadMilliseconds, 0...(100 * 366 * 86_400_000))),
            Setting(
                "spare_from",
                "A transaction at least as risky teaches nothing of its user's habits; above 1 all teach.",
                .real(\.scoring.sparedFrom, 0...2)),
            Setting(
                "default_type", "The type of a transaction that names none.",
                .text(\.scoring.defaultType, bytes: Transaction.typeLengths)),
            Setting(
                "fields", "The input's names for our fields; data.object.id names a member inside of others.",
                .fieldNames(\.fieldNames)),
            Setting(
                "amount_sign", "Negative amounts: reject them, take them as absolute, or as a refund, which is a type.",
                .amountSign(\.amountSign)),
            Setting(
                "velocity.windows", "Ascending, as durations or in seconds.",
                .windows(\.scoring.velocity.windowSeconds)),
            Setting(
                "velocity.thresholds", "By type, one per window: this many transactions before this one are too many.",
                .thresholdsByType(\.scoring.velocity.thresholds)),
            Setting(
                "velocity.other_thresholds", "For every type that is not named above.",
                .thresholds(\.scoring.velocity.otherThresholds)),
            Setting(
                "velocity.risk_at_threshold", "Grows in proportion to the count, up to 1.",
                .real(\.scoring.velocity.riskAtThreshold, risks)),
            Setting(
                "location.unusual_km", "Farther than this from every known place is unusual.",
                .real(\.scoring.location.unusualKilometers, 0...20_100)),
            Setting(
                "location.full_risk_km", "The distance at which the risk is 1.",
                .real(\.scoring.location.fullRiskKilometers, positive)),
            Setting(
                "location.same_place_km", "A known place as near as this is visited again.",
                .real(\.scoring.location.samePlaceKilometers, 0...20_100)),
            Setting(
                "amount.z_score", "More deviations than this from the mean are unusual.",
                .real(\.scoring.amount.zScore, 0...1e9)),
            Setting(
                "amount.full_risk_z_score", "The deviations at which the risk is 1.",
                .real(\.scoring.amount.fullRiskZScore, positive)),
            Setting(
                "amount.least_relative_deviation", "The deviation is taken as at least this part of the mean.",
                .real(\.scoring.amount.leastRelativeDeviation, 0...1000)),
            Setting(
                "amount.least_deviation", "The deviation is taken as at least this much.",
                .real(\.scoring.amount.leastDeviation, positive)),
            Setting(
                "pattern.unusual_time_risk", "An hour of the day that is new for the user.",
                .real(\.scoring.pattern.unusualTimeRisk, risks)),
            Setting(
                "pattern.unusual_type_risk", "A type that is new for the user.",
                .real(\.scoring.pattern.unusualTypeRisk, risks)),
            Setting(
                "time.night_first_hour", "The first hour of the night.",
                .hour(\.scoring.time.nightFirstHour)),
            Setting(
                "time.night_last_hour", "The last hour of the night, included.",
                .hour(\.scoring.time.nightLastHour)),
            Setting(
                "time.night_risk", "A transaction at night.",
                .real(\.scoring.time.nightRisk, risks)),
            Setting(
                "time.future_risk", "A time that is early; 0 is no risk.",
                .real(\.scoring.time.futureRisk, risks)),
            Setting(
                "time.weekend_risk", "A first transaction on a Saturday or Sunday.",
                .real(\.scoring.time.weekendRisk, risks)),
            Setting(
                "levels.medium", "The least score of each level; below the first it is low.",
                .real(\.scoring.levels.medium, risks)),
            Setting("levels.high", "", .real(\.scoring.levels.high, risks)),
            Setting("levels.critical", "", .real(\.scoring.levels.critical, risks)),
            Setting(
                "recommendations.critical", "What an assessment of each level recommends.",
                .text(\.scoring.recommendations.critical, bytes: 0...1024)),
            Setting("recommendations.high", "", .text(\.scoring.recommendations.high, bytes: 0...1024)),
            Setting("recommendations.medium", "", .text(\.scoring.recommendations.medium, bytes: 0...1024)),
            Setting("recommendations.low", "", .text(\.scoring.recommendations.low, bytes: 0...1024)),
        ] + learning

    private static let learning: [Setting] = [
        Setting(
            "learning.enabled", "Learn from labels which transactions are fraud.",
            .truth(\.scoring.learning.isEnabled)),
        Setting(
            "learning.role",
            "The model stands in the place of the checks (score), beside them (factor), or only shows "
                + "(shadow).",
            .role(\.scoring.learning.role)),
        Setting(
            "learning.maturity", "A transaction that nobody called fraud by then was legitimate.",
            .duration(\.scoring.learning.maturityMilliseconds, 1000...(10 * 366 * 86_400_000))),
        Setting(
            "learning.retention", "So long a label can still correct it; at least the maturity.",
            .duration(\.scoring.learning.retentionMilliseconds, 1000...(10 * 366 * 86_400_000))),
        Setting(
            "learning.max_pending", "Transactions remembered for their labels, in some 40 bytes each.",
            .count(\.scoring.learning.maxPending, 1...1_000_000_000)),
        Setting(
            "learning.category", "The field that says what was bought, such as metadata.category; empty: the type.",
            .text(\.scoring.learning.category, bytes: 0...Configuration.longestFieldName)),
        Setting(
            "learning.risk_keys", "Up to 4 fields whose values have a memory of labels.",
            .fields(\.scoring.learning.riskKeys, counts: 0...ScoringSettings.Learning.mostRiskKeys)),
        Setting(
            "learning.max_keys", "Values remembered of each of them.",
            .count(\.scoring.learning.maxKeys, 1...100_000_000)),
        Setting("learning.rate", "How fast it learns.", .real(\.scoring.learning.rate, 0.01...1)),
        Setting("learning.beta", "Slows down the first steps of a weight.", .real(\.scoring.learning.beta, 0...10)),
        Setting("learning.l2", "Draws weights towards 0.", .real(\.scoring.learning.l2, 0...100)),
        Setting(
            "learning.warm_up", "What the model has to have learned before it says anything.",
            .counts(
                [
                    ("frauds", \.scoring.learning.warmUpFrauds), ("examples", \.scoring.learning.warmUpExamples),
                ], 0...1_000_000_000)),
        Setting("learning.top", "Reasons given with the model's factor.", .count(\.scoring.learning.top, 0...10)),
        Setting(
            "learning.explain_from", "The probability from which the model is given as a factor.",
            .real(\.scoring.learning.explainFrom, risks)),
    ]

    private init(_ path: String, _ help: String, _ value: Value) {
        self.path = path
        self.help = help
        self.value = value
    }

    /// The value in a configuration, as YAML.
    func yaml(_ configuration: Configuration) -> String {
        switch value {
        case .real(let place, _): Self.number(configuration[keyPath: place])
        case .count(let place, _): "\(configuration[keyPath: place])"
        case .hour(let place): "\(configuration[keyPath: place])"
        case .truth(let place): "\(configuration[keyPath: place])"
        case .duration(let place, _): Quantity.text(milliseconds: configuration[keyPath: place])
        case .text(let place, _): Self.quoted(configuration[keyPath: place])
        case .combination(let place): configuration[keyPath: place].rawValue
        case .amountSign(let place): configuration[keyPath: place].rawValue
        case .role(let place): configuration[keyPath: place].rawValue
        case .fields(let place, _):
            "[" + configuration[keyPath: place].map(Self.quoted).joined(separator: ", ") + "]"
        case .counts(let places, _):
            "{" + places.map { "\($0.name): \(configuration[keyPath: $0.place])" }.joined(separator: ", ") + "}"
        case .windows(let place):
            "["
                + configuration[keyPath: place].map { Quantity.text(milliseconds: Int64($0) * 1000) }
                .joined(separator: ", ") + "]"
        case .thresholds(let place): "\(configuration[keyPath: place])"
        case .thresholdsByType(let place):
            "{"
                + configuration[keyPath: place].sorted { $0.key < $1.key }
                .map { "\(Self.quoted($0.key)): \($0.value)" }.joined(separator: ", ") + "}"
        case .fieldNames(let place):
            "{"
                + configuration[keyPath: place].sorted { $0.key < $1.key }
                .map { "\(Self.quoted($0.key)): \($0.value)" }.joined(separator: ", ") + "}"
        }
    }

    static func number(_ value: Double) -> String {
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    static func quoted(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) || $0 == UInt8(ascii: "_")
            }
        if isPlain, !["true", "false", "null", "yes", "no", "on", "off"].contains(text.lowercased()) { return text }
        let escaped = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            // Characters that YAML does not allow, or takes as a line end.
            case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value):
                "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            case "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}": "\\u" + String(scalar.value, radix: 16)
            default: String(scalar)
            }
        }
        return "\"\(escaped.joined())\""
    }
}
