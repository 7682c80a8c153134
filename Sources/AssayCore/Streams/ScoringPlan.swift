import CivilTime

/// Everything that scoring goes by.
package struct ScoringPlan: Sendable {
    package let settings: ScoringSettings
    package let zone: TimeZoneRules
    package let fields: TransactionFields
    package let rules: RuleSet?
    /// The configuration that it was made from, as checkpoints record it.
    package let configuration: String

    package init(
        settings: ScoringSettings, zone: TimeZoneRules, fields: TransactionFields, rules: RuleSet?,
        configuration: String
    ) {
        (self.settings, self.zone, self.fields) = (settings, zone, fields)
        (self.rules, self.configuration) = (rules, configuration)
    }
}

/// How the marks of a journal are read.
package struct JournalReading: Sendable {
    /// The plan of a configuration; an error for people where it is none.
    package let resolve: @Sendable (String) -> Result<ScoringPlan, MarkFault>
    /// Whether the input is a journal for certain. Otherwise it is one if it begins with a mark.
    package let isCertain: Bool

    package init(
        isCertain: Bool = false, resolve: @escaping @Sendable (String) -> Result<ScoringPlan, MarkFault>
    ) {
        (self.isCertain, self.resolve) = (isCertain, resolve)
    }
}

/// Why a mark's configuration cannot be taken over.
package struct MarkFault: Error {
    package let message: String

    package init(message: String) {
        self.message = message
    }
}
