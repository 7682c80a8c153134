extension FraudDetection {
    /// The results for a batch: one assessment per transaction, in order.
    package struct Output: Sendable {
        package var assessments: [RiskAssessment] = []
        var factors = FactorList()
        /// The rules that made the assessments.
        package var rules: RuleSet?
        /// What some of them were judged by, in order, if that is kept.
        var former: [FormerMoments.Entry] = []

        package init() {}

        /// Where a transaction's results begin among those of the others.
        struct Place: Sendable {
            var assessment = 0
            var factor = 0
            var shadow = 0
        }

        /// The place of the transaction that was scored last.
        var last: Place {
            guard let assessment = assessments.last else { preconditionFailure("nothing was scored yet") }
            return Place(
                assessment: assessments.count - 1, factor: factors.factors.count - Int(assessment.factorCount),
                shadow: factors.shadows.count - Int(assessment.shadowCount))
        }

        mutating func removeAll() {
            rules = nil
            assessments.removeAll(keepingCapacity: true)
            factors.removeAll()
            former.removeAll(keepingCapacity: true)
        }
    }
}
