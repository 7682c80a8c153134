/// Every number that scoring uses. The defaults are the published ones.
package struct ScoringSettings: Equatable, Sendable {
    package var timezone = "UTC"
    package var combination = Combination.noisyOr
    /// Transactions that a user needs before habits are judged.
    package var minHistory: UInt64 = 5
    package var stateTTLMilliseconds: Int64 = 90 * 86_400_000
    package var deduplicate = true
    /// A time further ahead of the clock is early: it moves nothing until others agree with it.
    package var maxAheadMilliseconds: Int64 = 86_400_000
    /// A transaction at least as risky as this teaches nothing; above 1 all of them teach.
    package var sparedFrom = 0.97
    /// The type of a transaction that names none.
    package var defaultType = "payment"
    package var velocity = Velocity()
    package var location = LocationNumbers()
    package var amount = Amount()
    package var pattern = Pattern()
    package var time = Time()
    package var levels = Levels()
    package var recommendations = Recommendations()
    package var learning = Learning()

    package init() {}

    /// How the greatest risks of the checks become one score.
    package enum Combination: String, CaseIterable, Sendable {
        case noisyOr = "noisy_or"
        case max
        case mean
    }

    package struct Velocity: Equatable, Sendable {
        /// Ascending.
        package var windowSeconds: [UInt32] = [300, 900, 3600]
        /// One threshold per window, by type.
        package var thresholds: [String: [UInt32]] = [
            "withdrawal": [5, 10, 20], "transfer": [10, 20, 50], "payment": [20, 50, 100],
        ]
        package var otherThresholds: [UInt32] = [10, 20, 50]
        package var riskAtThreshold = 0.5
    }

    package struct LocationNumbers: Equatable, Sendable {
        package var unusualKilometers = 100.0
        package var fullRiskKilometers = 1000.0
        package var samePlaceKilometers = 1.0
    }

    package struct Amount: Equatable, Sendable {
        package var zScore = 3.0
        package var fullRiskZScore = 5.0
        package var leastRelativeDeviation = 0.1
        package var leastDeviation = 0.01
    }

    package struct Pattern: Equatable, Sendable {
        package var unusualTimeRisk = 0.3
        package var unusualTypeRisk = 0.4
    }

    package struct Time: Equatable, Sendable {
        package var nightFirstHour: UInt8 = 2
        package var nightLastHour: UInt8 = 6
        package var nightRisk = 0.2
        package var weekendRisk = 0.3
        /// Of a time that is early; none at 0.
        package var futureRisk = 0.0

        /// A night may span midnight: 22 to 4.
        package func isNight(_ hour: UInt8) -> Bool {
            nightFirstHour <= nightLastHour
                ? hour >= nightFirstHour && hour <= nightLastHour
                : hour >= nightFirstHour || hour <= nightLastHour
        }
    }

    /// The least score of each level above low.
    package struct Levels: Equatable, Sendable {
        package var medium = 0.3
        package var high = 0.6
        package var critical = 0.8

        /// A score this close below a level belongs to it: 0.3 made of thirds is still medium.
        static let tolerance = 1e-9

        func level(of score: Double) -> RiskLevel {
            let score = score + Self.tolerance
            if score >= critical { return .critical }
            if score >= high { return .high }
            return score >= medium ? .medium : .low
        }
    }

    package struct Recommendations: Equatable, Sendable {
        package var critical = "Immediate transaction blocking recommended"
        package var high = "Additional verification required"
        package var medium = "Monitor closely, consider manual review"
        package var low = "Low risk, normal processing"

        func text(of level: RiskLevel) -> String {
            switch level {
            case .low: low
            case .medium: medium
            case .high: high
            case .critical: critical
            }
        }
    }
}
