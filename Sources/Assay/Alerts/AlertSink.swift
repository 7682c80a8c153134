import AssayCore
import CEL
import StateStore

/// The results that meet the condition of an alert. Makes an alert of each that is to be told.
final class AlertSink: RowSink {
    private let store: AlertStore
    private let rule: AlertRule
    private let layout: AlertLayout
    private let office: AlertOffice
    private let values: ValueEncoder
    private let name: String
    private let now: () -> Int64
    private let rows: CountedRows<Alert>
    private var latest = Int64.min

    private static let commitSeconds = 0.02

    init(
        _ store: AlertStore, _ rule: AlertRule, _ layout: AlertLayout, _ office: AlertOffice, values: ValueEncoder,
        name: String, resume: DeliveryResume, delivered: Int64, now: @escaping () -> Int64 = { WallClock.milliseconds }
    ) {
        (self.store, self.rule, self.layout, self.office) = (store, rule, layout, office)
        (self.values, self.name, self.now) = (values, name, now)
        rows = CountedRows(
            resume, delivered: delivered, columns: layout.expressions.count, commitSeconds: Self.commitSeconds)
    }

    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault) {
        let (making, now) = (AlertMaking(rule: rule, layout: layout, values: values), now())
        if rows.take(fill, { row, number in making.alert(row, number: number, now: now) }) {
            try commit(isDurable: false)
        }
    }

    var isImmediate: Bool { false }

    var due: Double { rows.due }

    func flush() throws(SinkFault) { try commit(isDurable: false) }

    /// Decides about what is pending, all in one transaction with its count.
    private func commit(isDurable: Bool) throws(SinkFault) {
        let hasAlerts = !rows.pending.isEmpty
        try rows.commit(to: store, isDurable: isDurable) { rows throws(StoreError) in
            for alert in rows.pending { try admit(alert) }
            if isDurable, rule.quietMilliseconds > 0, latest > .min {
                try store.forgetTold(rule.name, before: latest - rule.quietMilliseconds)
            }
            try store.setDelivered(rows.delivery, rule: rule.name, rows: rows.made)
        }
        if hasAlerts { office.ring() }
    }

    private func admit(_ alert: Alert) throws(StoreError) {
        latest = max(latest, alert.time)
        if rule.quietMilliseconds > 0 {
            let told = try store.told(rule.name, alert.matter)
            switch AlertGate.verdict(at: alert.time, told: told, quiet: rule.quietMilliseconds) {
            case .quiet: return
            case .tell(let time): try store.setTold(rule.name, alert.matter, user: alert.user, at: time)
            }
        }
        var burst = try store.burst(rule.name)
        let place = AlertGate.place(&burst, at: alert.made, perMinute: office.settings.limits.perMinute)
        if case .alone = place {
            _ = try store.insert(alert, to: rule.channels, due: alert.made)
        } else {
            var alert = alert
            alert.first = [AlertMaking.summary(alert)]
            switch place {
            case .alone: break
            case .first(let due): burst?.alert = try store.insert(alert, to: rule.channels, due: due)
            case .into(let number): try store.add(alert, to: number)
            }
        }
        if let burst { try store.set(burst, of: rule.name) }
        try office.keepWithinLimit(store, at: alert.made)
    }

    func settle(isLast: Bool) throws(SinkFault) -> SettledSink {
        try commit(isDurable: true)
        return rows.settled(name: name, in: store)
    }

    func release() throws(SinkFault) {}
}
