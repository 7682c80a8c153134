import AssayCore
import StateStore

/// What the sinks of a run, and whoever sends their alerts, have in common.
package final class AlertOffice: Sendable {
    package let settings: AlertSettings
    package let figures = AlertFigures()
    private let report = Locked<@Sendable (String) -> Void>({ _ in })
    private let wake = Locked<@Sendable () -> Void>({})
    private let outbox = Locked(Outbox())

    /// How many wait: at most so many as were counted last and came since.
    private struct Outbox {
        var most: Int64?
        var dropped: UInt64 = 0
        var nextReport: Int64 = 0
    }

    private static let reportMilliseconds: Int64 = 60_000

    package init(_ settings: AlertSettings) {
        self.settings = settings
        // What has not happened yet is 0: a figure that is not there can't be watched.
        for rule in settings.rules {
            for channel in rule.channels {
                for event in AlertFigures.Event.allCases {
                    figures.note(event, channel: channel, rule: rule.name, count: 0)
                }
            }
        }
    }

    /// `report` tells people of something that concerns the alerts themselves; called from any thread.
    package func tell(_ report: @escaping @Sendable (String) -> Void) { self.report.withLock { $0 = report } }

    func say(_ message: String) { report.withLock { $0 }(message) }

    // MARK: The bell

    /// There is something to send.
    func ring() { wake.withLock { $0 }() }

    /// `wake` is called from any thread.
    func answer(_ wake: @escaping @Sendable () -> Void) { self.wake.withLock { $0 = wake } }

    // MARK: The limit

    /// Comes after each alert that was added: drops one where more wait than may.
    func keepWithinLimit(_ store: AlertStore, at now: Int64) throws(StoreError) {
        let limit = settings.limits.outbox
        let most = outbox.withLock { outbox -> Int64 in
            outbox.most = (outbox.most ?? limit) + 1
            return outbox.most ?? 0
        }
        guard most > limit else { return }
        let waiting = try store.waiting
        let dropped = waiting > limit ? try store.dropOne() : nil
        outbox.withLock { $0.most = min(waiting, limit) }
        guard let dropped else { return }
        for channel in dropped.channels { figures.note(.dropped, channel: channel, rule: dropped.alert.rule) }
        let count = outbox.withLock { outbox -> UInt64? in
            outbox.dropped += 1
            guard now >= outbox.nextReport || now < outbox.nextReport - Self.reportMilliseconds else { return nil }
            outbox.nextReport = now + Self.reportMilliseconds
            return outbox.dropped
        }
        if let count {
            say(
                "\(limit) alerts wait to be sent, the most that 'alerts.limits.outbox' allows: \(count) were dropped, "
                    + "the oldest of the lowest severity first")
        }
    }
}
