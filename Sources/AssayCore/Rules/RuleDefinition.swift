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
    package var sequence: PatternDefinition?
    /// Where the texts of the expressions begin in the file, for those whose text stands there as it is.
    package var whenPosition: TextPosition?
    package var reasonPosition: TextPosition?
    package var position: TextPosition?

    package init(
        name: String, when: String, risk: Double? = nil, decide: Decision? = nil, reason: String? = nil,
        isShadow: Bool = false, sequence: PatternDefinition? = nil, whenPosition: TextPosition? = nil,
        reasonPosition: TextPosition? = nil, position: TextPosition? = nil
    ) {
        self.name = name
        self.when = when
        self.risk = risk
        self.decide = decide
        self.reason = reason
        self.isShadow = isShadow
        self.sequence = sequence
        self.whenPosition = whenPosition
        self.reasonPosition = reasonPosition
        self.position = position
    }

    package static let mostRules = 1000
    package static let mostPatterns = 100
    package static let nameLengths = 1...64
    package static let longestReason = 1024
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
    package var position: TextPosition?

    package init(name: String, source: Source, position: TextPosition? = nil) {
        self.name = name
        self.source = source
        self.position = position
    }

    package static let mostLists = 1000
    package static let mostEntries = 5_000_000
    package static let largestFile = 256 << 20
    package static let longestEntry = 4096
}
