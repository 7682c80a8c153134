/// How much a key may have open for one pattern.
package struct PatternLimits: Equatable, Sendable {
    package var runs = 1000
    /// Events of one run.
    package var events = 1000

    package init(runs: Int = 1000, events: Int = 1000) {
        self.runs = runs
        self.events = events
    }

    package static let most: UInt64 = 1_000_000

    /// States that one run may visit for one event.
    var mostVisits: Int { 2 * max(runs, Self.leastBound) }
    /// Runs that a key may have during one event, before the oldest are dropped.
    var mostInAStep: Int { 10 * max(runs, Self.leastBound) }

    /// No sensible pattern comes near.
    private static let leastBound = 10_000
}
