/// What is to be done with a transaction.
package enum Decision: UInt8, CaseIterable, Sendable {
    // Ascending: a later one beats an earlier one when several rules decide.
    case review, allow, block

    package var name: StaticString {
        switch self {
        case .review: "review"
        case .allow: "allow"
        case .block: "block"
        }
    }

    package var label: String { "\(name)" }

    /// Of equal decisions, the first one stands.
    func beats(_ other: Decision?) -> Bool { other.map { rawValue > $0.rawValue } ?? true }

    package init?(label: String) {
        guard let decision = Self.allCases.first(where: { $0.label == label }) else { return nil }
        self = decision
    }
}

extension RiskLevel {
    /// The decision without a rule.
    package var decision: Decision {
        switch self {
        case .critical: .block
        case .high: .review
        case .medium, .low: .allow
        }
    }
}
