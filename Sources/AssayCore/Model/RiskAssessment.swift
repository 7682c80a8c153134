/// The result of scoring one transaction. The factors themselves are in the batch, `factorCount` of them.
package struct RiskAssessment: Sendable {
    /// The number of the accepted transaction over all users, from 1. Zero: not accepted, without assessment.
    package var sequence: UInt64 = 0
    package var score = 0.0
    /// That it is fraud, by the model; nil while the model is not ready, and without one.
    package var probability: Double?
    package var level = RiskLevel.low
    package var decision = Decision.allow
    var factorCount: UInt16 = 0
    /// Shadow rules that fired.
    var shadowCount: UInt16 = 0
    /// The rule that decided, or the level.
    package var decidedBy = Self.byLevel

    package static let byLevel = UInt16.max
}

/// The severity of a score.
package enum RiskLevel: UInt8, CaseIterable, Comparable, Sendable {
    case low, medium, high, critical

    package static func < (one: RiskLevel, other: RiskLevel) -> Bool { one.rawValue < other.rawValue }

    package init?(label: String) {
        guard let level = Self.allCases.first(where: { $0.label == label }) else { return nil }
        self = level
    }

    var name: StaticString {
        switch self {
        case .low: "low"
        case .medium: "medium"
        case .high: "high"
        case .critical: "critical"
        }
    }

    /// The published name.
    package var label: String { "\(name)" }
}

/// The sources of evidence, in the order of their factors: five checks, all rules together, all patterns over sequences
/// of transactions together, and the model.
enum Check: UInt8, CaseIterable, Sendable {
    case velocity, location, amount, pattern, time, rules, sequences, model

    /// Whether it is one of the five checks.
    var isHabit: Bool { rawValue < Check.rules.rawValue }
}

/// One reason why a transaction looks risky.
enum RiskFactor: Sendable {
    case highVelocity(windowSeconds: UInt32, count: UInt32, threshold: UInt32, risk: Double)
    case unusualLocation(kilometers: Double, risk: Double)
    case unusualAmount(amount: Double, average: Double, zScore: Double, risk: Double)
    case unusualTime(hour: UInt8, typicalHours: HourSet, risk: Double)
    /// The types are symbols in the batch's factor names: `types` of them from `firstType`, ascending by bytes.
    case unusualType(firstType: UInt32, types: UInt32, risk: Double)
    /// The time is further ahead of the clock than is believed at once.
    case futureTimestamp(aheadMilliseconds: Int64, risk: Double)
    case lateNight(hour: UInt8, risk: Double)
    case unusualWeekend(weekday: UInt8, risk: Double)
    case rule(UInt16, reason: FactorList.Reason, risk: Double)
    /// The transactions' ids are stored as JSON, like rules' reasons.
    case sequence(UInt16, transactions: FactorList.Reason, risk: Double)
    /// The inputs that weigh most are stored as JSON.
    case model(top: FactorList.Reason, risk: Double)

    var check: Check {
        switch self {
        case .highVelocity: .velocity
        case .unusualLocation: .location
        case .unusualAmount: .amount
        case .unusualTime, .unusualType: .pattern
        case .futureTimestamp, .lateNight, .unusualWeekend: .time
        case .rule: .rules
        case .sequence: .sequences
        case .model: .model
        }
    }

    var risk: Double {
        switch self {
        case .highVelocity(_, _, _, let risk), .unusualLocation(_, let risk), .unusualAmount(_, _, _, let risk),
            .unusualTime(_, _, let risk), .unusualType(_, _, let risk), .futureTimestamp(_, let risk),
            .lateNight(_, let risk), .unusualWeekend(_, let risk), .rule(_, _, let risk), .sequence(_, _, let risk),
            .model(_, let risk):
            risk
        }
    }
}

/// Hours of the day, one bit each.
package struct HourSet: Hashable, Sendable {
    package var bits: UInt32 = 0

    @inline(__always)
    func contains(_ hour: UInt8) -> Bool { bits & (1 << UInt32(hour)) != 0 }

    @inline(__always)
    package mutating func insert(_ hour: UInt8) { bits |= 1 << UInt32(hour) }
}
