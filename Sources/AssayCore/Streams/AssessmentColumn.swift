/// The fields of an assessment, in the order of their slots.
package enum AssessmentColumn: Int, CaseIterable, Sendable {
    case transactionID, userID, sequence, timestamp, riskLevel, riskScore, riskFactors, recommendation, decision
    case decidedBy, shadow, modelProbability

    package var column: EventSchema.Column {
        switch self {
        case .transactionID: EventSchema.Column(name: "transaction_id", type: .string)
        case .userID: EventSchema.Column(name: "user_id", type: .string)
        case .sequence: EventSchema.Column(name: "sequence", type: .int)
        case .timestamp: EventSchema.Column(name: "timestamp", type: .double)
        case .riskLevel: EventSchema.Column(name: "risk_level", type: .string)
        case .riskScore: EventSchema.Column(name: "risk_score", type: .double)
        case .riskFactors: EventSchema.Column(name: "risk_factors", type: .list)
        case .recommendation: EventSchema.Column(name: "recommendation", type: .string)
        case .decision: EventSchema.Column(name: "decision", type: .string)
        case .decidedBy: EventSchema.Column(name: "decided_by", type: .string)
        case .shadow: EventSchema.Column(name: "shadow", type: .list)
        case .modelProbability: EventSchema.Column(name: "model_probability", type: .double)
        }
    }

    /// Those of an output that names none. What a model says has a column only where it is asked for: tables that are
    /// there keep the columns that they have.
    package static let columns = allCases.filter { $0 != .modelProbability }.map(\.column)
    /// Those that no assessment lacks, and those that none lacks where there are rules.
    package static let always = [
        transactionID, userID, sequence, timestamp, riskLevel, riskScore, riskFactors, recommendation,
    ].map(\.column)
    package static let withRules = [decision, decidedBy].map(\.column)
    /// Those that an output of scoring may name.
    package static let named = allCases.map(\.column)
}
