/// What shall be done with a transaction.
package enum Decision: UInt8, CaseIterable, Sendable {
    // Ascending by what beats what when several rules decide.
    case review, allow, block

    package var name: StaticString {
        switch self {
        case .review: "review"
        case .allow: "allow"
        case .block: "block"
        }
    }

    package var label: String { "\(name)" }

    /// Of two that decide the same, the first one does.
    func beats(_ other: Decision?) -> Bool { other.map { rawValue > $0.rawValue } ?? true }

    package init?(label: String) {
        guard let decision = Self.allCases.first(where: { $0.label == label }) else { return nil }
        self = decision
    }
}

extension RiskLevel {
    /// What is done where no rule decides.
    var decision: Decision {
        switch self {
        case .critical: .block
        case .high: .review
        case .medium, .low: .allow
        }
    }
}

/// A rule as a configuration has it.
package struct RuleDefinition: Sendable {
    package var name: String
    /// An expression that comes to a bool.
    package var when: String
    package var risk: Double?
    package var decide: Decision?
    /// With expressions in `%{…}`.
    package var reason: String?
    package var isShadow = false
    /// Where it is a pattern: the sequence of transactions of which the last one makes it hold.
    var sequence: PatternDefinition?
    /// Where the texts of the expressions begin in the file, for those whose text stands there as it is.
    var whenPosition: TextPosition?
    var reasonPosition: TextPosition?
    var position: TextPosition?

    static let mostRules = 1000
    static let mostPatterns = 100
    static let nameLengths = 1...64
    static let longestReason = 1024
}

/// A list of texts that rules ask for members of.
package struct ListDefinition: Sendable {
    package enum Source: Sendable {
        case inline([String])
        /// A line is an entry; empty ones and those that begin with # are none.
        case file(path: String, digest: String?)
    }

    package var name: String
    package var source: Source
    var position: TextPosition?

    static let mostLists = 1000
    static let mostEntries = 5_000_000
    static let largestFile = 256 << 20
    static let longestEntry = 4096
}
