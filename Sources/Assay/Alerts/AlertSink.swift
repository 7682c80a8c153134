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
    private let delivery: String
    private let now: () -> Int64
    /// The results that this state has made for the alert, in all runs.
    private var made: Int64
    /// Those that are counted already.
    private let delivered: Int64
    /// Made, and not committed yet.
    private var pending: [Alert] = []
    private var isChanged = true
    private var latest = Int64.min
    private var rows = OutputBuffer(capacity: 1 << 12)
    private var commitTime = Double.infinity

    /// Alerts wait this long for others, which costs less than a commit for each.
    private static let commitSeconds = 0.02
    /// More than these are committed at once.
    private static let mostPending = 1000

    init(
        _ store: AlertStore, _ rule: AlertRule, _ layout: AlertLayout, _ office: AlertOffice, values: ValueEncoder,
        name: String, resume: DeliveryResume, delivered: Int64, now: @escaping () -> Int64 = { WallClock.milliseconds }
    ) {
        (self.store, self.rule, self.layout, self.office) = (store, rule, layout, office)
        (self.values, self.name, self.now) = (values, name, now)
        (delivery, made, self.delivered) = (resume.delivery, resume.rows, delivered)
    }

    // MARK: Rows

    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault) {
        rows.removeAll()
        let count = fill(&rows)
        if count == 0 { return }
        var reader = StateByteReader(rows.bytes)
        let making = AlertMaking(rule: rule, layout: layout, values: values)
        let now = now()
        for _ in 0..<count {
            let row = decode(&reader)
            made += 1
            isChanged = true
            // An earlier run has counted it, after its last checkpoint.
            if made > delivered { pending.append(making.alert(row, number: made, now: now)) }
        }
        if pending.count > Self.mostPending { return try commit(isDurable: false) }
        if !pending.isEmpty, commitTime == .infinity { commitTime = MonotonicClock.seconds + Self.commitSeconds }
    }

    private func decode(_ reader: inout StateByteReader) -> [Value] {
        do throws(StateDecodingError) {
            var row: [Value] = []
            for _ in layout.expressions { row.append(try ValueCoding.decode(&reader)) }
            return row
        } catch {
            preconditionFailure("rows are in our own format: \(error.problem)")
        }
    }

    // MARK: Committing

    var isImmediate: Bool { false }

    var due: Double { commitTime }

    func flush() throws(SinkFault) { try commit(isDurable: false) }

    /// Decides about what is pending, all in one transaction with its count.
    private func commit(isDurable: Bool) throws(SinkFault) {
        commitTime = .infinity
        guard isChanged else { return }
        do throws(StoreError) {
            try store.change(isDurable: isDurable) { () throws(StoreError) in
                for alert in pending { try admit(alert) }
                if isDurable, rule.quietMilliseconds > 0, latest > .min {
                    try store.forgetTold(rule.name, before: latest - rule.quietMilliseconds)
                }
                try store.setDelivered(delivery, rule: rule.name, rows: made)
            }
        } catch {
            throw SinkFault(sink: "'\(store.path)'", reason: .store(error.description))
        }
        // What is committed without being durable is counted again with the next checkpoint.
        isChanged = !isDurable
        if pending.isEmpty { return }
        pending.removeAll(keepingCapacity: true)
        office.ring()
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
        return SettledSink(
            CheckpointRecord.Output(
                name: name, path: store.path, length: UInt64(made),
                resume: DeliveryResume(delivery: delivery, rows: made).bytes))
    }

    func release() throws(SinkFault) {}
}
