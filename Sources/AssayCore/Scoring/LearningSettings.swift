extension ScoringSettings {
    /// How the engine learns from labels which transactions are fraud.
    package struct Learning: Equatable, Sendable {
        package var isEnabled = false
        package var role = Role.score
        /// A transaction that nobody called fraud by then was legitimate.
        package var maturityMilliseconds: Int64 = 7 * 86_400_000
        /// So long a label can still correct it.
        package var retentionMilliseconds: Int64 = 30 * 86_400_000
        package var maxPending: UInt64 = 10_000_000
        /// The field that says what was bought; empty for the transaction type.
        package var category = ""
        /// Fields whose values have a memory of labels.
        package var riskKeys = ["merchant_id"]
        /// Of each of them.
        package var maxKeys: UInt64 = 1_000_000
        package var rate = 0.3
        package var beta = 0.3
        package var l2 = 0.1
        package var warmUpFrauds: UInt64 = 20
        package var warmUpExamples: UInt64 = 1000
        /// Reasons given.
        package var top: UInt64 = 3
        /// The probability from which the model is given as a factor.
        package var explainFrom = 0.1

        package init() {}

        /// What becomes of the model's probability.
        package enum Role: String, CaseIterable, Sendable {
            /// It stands in the place of the five checks.
            case score
            /// It is one more source of evidence.
            case factor
            /// It is only shown.
            case shadow
        }

        package static let mostRiskKeys = 4
    }
}
