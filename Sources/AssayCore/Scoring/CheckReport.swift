/// What a check sees of a transaction, and what it makes of that: all comparisons in full, for people.
package struct CheckReport: Sendable {
    /// One comparison that a check makes.
    package struct Comparison: Sendable {
        /// What is compared, as a noun.
        package let quantity: String
        package let value: Double
        /// `>` or `>=`.
        package let relation: String
        package let bound: Double
        package let isTrue: Bool
        /// What it adds to the evidence when true.
        package let risk: Double

        init(_ quantity: String, _ value: Double, above bound: Double, risk: Double) {
            (self.quantity, self.value, self.bound, self.risk) = (quantity, value, bound, risk)
            (relation, isTrue) = (">", value > bound)
        }

        init(_ quantity: String, _ value: Double, atLeast bound: Double, risk: Double) {
            (self.quantity, self.value, self.bound, self.risk) = (quantity, value, bound, risk)
            (relation, isTrue) = (">=", value >= bound)
        }

        /// Whether something is so.
        init(_ quantity: String, _ isTrue: Bool, risk: Double) {
            self.init(quantity, isTrue ? 1 : 0, above: 0, risk: risk)
        }
    }

    package let name: String
    /// What the check knows, by name.
    package var inputs: [(name: String, value: String)] = []
    package var comparisons: [Comparison] = []
    /// The same as sentences.
    package internal(set) var words: [String] = []
    /// Why nothing could be compared.
    package var silence: String?

    init(_ name: String) {
        self.name = name
    }

    /// The greatest risk of what was true; zero when nothing was.
    package var risk: Double { comparisons.filter(\.isTrue).map(\.risk).max() ?? 0 }
}

/// What everything that scores a transaction says of it.
package struct ScoringReport: Sendable {
    /// Nothing was known of the user, or what was known is too old.
    package let isFirst: Bool
    package let checks: [CheckReport]
    package let rules: [RuleReport]
}

extension HourSet {
    /// Ascending.
    package var hours: [Int] { (0..<24).filter { contains(UInt8($0)) } }

    var text: String { hours.map { "\($0)" }.joined(separator: " ") }

    /// `08:00–17:59, 20:00–20:59`.
    var words: String {
        var spans: [(first: Int, last: Int)] = []
        for hour in hours {
            if let span = spans.last, span.last == hour - 1 {
                spans[spans.count - 1].last = hour
            } else {
                spans.append((hour, hour))
            }
        }
        return spans.map { "\(Self.clock($0.first)):00–\(Self.clock($0.last)):59" }.joined(separator: ", ")
    }

    private static func clock(_ hour: Int) -> String { (hour < 10 ? "0" : "") + "\(hour)" }
}
