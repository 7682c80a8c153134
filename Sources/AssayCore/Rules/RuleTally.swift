import CEL

/// The names of rules' counts among a checkpoint's tallies.
package enum RuleTally {
    package static let prefix = "rule:"

    /// Counts of a pattern: transactions that came too late for it, and sequences that were dropped.
    static func late(_ pattern: String) -> String { "\(prefix)\(pattern):late" }
    static func dropped(_ pattern: String) -> String { "\(prefix)\(pattern):dropped" }

    static func fired(_ rule: String) -> String { prefix + rule }
    static func failed(_ rule: String, _ cause: EvaluationError.Cause) -> String {
        "\(prefix)\(rule):\(cause.rawValue)"
    }
}
