/// A rule as defined in a configuration.
package struct RuleDefinition: Sendable {
    package var name: String
    /// An expression with a bool result.
    package var when: String
    package var risk: Double?
    package var decide: Decision?
    /// Text with expressions in `%{…}`.
    package var reason: String?
    package var isShadow = false
    /// If it is a pattern: the sequence of transactions, whose last one makes it hold.
    package var sequence: PatternDefinition?
    /// Where the expressions begin in the file, if the file has their text unchanged.
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

/// A list of texts, whose members rules look up.
package struct ListDefinition: Sendable {
    package enum Source: Sendable {
        case inline([String])
        /// Each line is an entry, except empty ones and those that begin with #.
        case file(path: String, digest: String?)
        /// What a file held, where the file is not.
        case carried([String])
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
