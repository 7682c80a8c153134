/// The fields of an assessment, in the order of their slots.
package enum AssessmentColumn: Int, CaseIterable, Sendable {
    case transactionID, userID, sequence, timestamp, riskLevel, riskScore, riskFactors, recommendation, decision
    case decidedBy, shadow

    var column: EventSchema.Column {
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
        }
    }

    package static let columns = allCases.map(\.column)
}
