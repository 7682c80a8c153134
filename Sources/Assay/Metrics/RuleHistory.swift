import AssayCore

/// How often rules fired in all, and in the last day, as far as this process was there.
package struct RuleHistory: Sendable {
    private struct Entry: Sendable {
        let time: Int64
        let counts: [String: UInt64]
    }

    private var entries: [Entry] = []
    private var present: [String: UInt64] = [:]

    private static let stepMilliseconds: Int64 = 300_000
    private static let dayMilliseconds: Int64 = 86_400_000

    package init() {}

    /// Takes the counts by the names that checkpoints use.
    package mutating func note(_ tallies: [Tally], at now: Int64) {
        if tallies.isEmpty, entries.isEmpty { return }
        present = Dictionary(tallies.map { ($0.name, $0.count) }, uniquingKeysWith: { first, _ in first })
        if let last = entries.last, (0..<Self.stepMilliseconds).contains(now - last.time) { return }
        entries.append(Entry(time: now, counts: present))
        // The newest of those that are a day old stays, to count from.
        while entries.count > 1, now - entries[1].time >= Self.dayMilliseconds { entries.removeFirst() }
    }

    /// Since when it counts what happened lately.
    package var since: Int64? { entries.first?.time }

    package struct Figures: Equatable, Sendable {
        package var fired: UInt64 = 0
        package var failed: UInt64 = 0
        package var firedLately: UInt64 = 0
        package var failedLately: UInt64 = 0
    }

    package func figures(of rule: String) -> Figures {
        let name = RuleTally.prefix + rule
        var figures = Figures()
        for (key, count) in present where key == name || key.hasPrefix(name + ":") {
            let lately = count - min(count, entries.first?.counts[key] ?? 0)
            if key == name {
                (figures.fired, figures.firedLately) = (count, lately)
            } else {
                figures.failed += count
                figures.failedLately += lately
            }
        }
        return figures
    }
}
