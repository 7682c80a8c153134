/// What became of alerts: anyone may read it at any time; who makes and sends alerts writes it.
package final class AlertFigures: Sendable {
    package enum Event: String, CaseIterable, Sendable {
        case sent, failed, retried, dropped
    }

    private struct Way: Hashable {
        let channel: String
        let rule: String
    }

    private struct Queue {
        var waiting: Int64 = 0
        /// When the oldest was made, by the time of day.
        var oldest: Int64?
    }

    private struct State {
        var counts: [Event: [Way: UInt64]] = [:]
        var queues: [String: Queue] = [:]
    }

    private let state = Locked(State())

    package init() {}

    package func note(_ event: Event, channel: String, rule: String, count: UInt64 = 1) {
        state.withLock { $0.counts[event, default: [:]][Way(channel: channel, rule: rule), default: 0] += count }
    }

    package func set(waiting: Int64, oldest: Int64?, of channel: String) {
        state.withLock { $0.queues[channel] = Queue(waiting: waiting, oldest: oldest) }
    }

    package func total(_ event: Event) -> UInt64 {
        state.withLock { $0.counts[event]?.values.reduce(0, +) ?? 0 }
    }

    /// How many deliveries wait, over all channels.
    package var waiting: Int64 { state.withLock { $0.queues.values.reduce(0) { $0 + $1.waiting } } }

    /// `now`: the time of day, in milliseconds.
    func write(into page: inout MetricsPage, now: Int64) {
        let state = state.withLock { $0 }
        let queues = state.queues.sorted { $0.key < $1.key }
        page.write(.alertsWaiting, queues.map { ([$0.key], Double($0.value.waiting)) })
        page.write(
            .alertsOldest,
            queues.map { ([$0.key], $0.value.oldest.map { Double(max(0, now - $0)) / 1000 } ?? 0) })
        let families: [(Event, MetricFamily)] = [
            (.sent, .alertsSent), (.failed, .alertsFailed), (.retried, .alertsRetried), (.dropped, .alertsDropped),
        ]
        for (event, family) in families {
            let counts = (state.counts[event] ?? [:]).sorted {
                ($0.key.channel, $0.key.rule) < ($1.key.channel, $1.key.rule)
            }
            page.write(family, counts.map { ([$0.key.channel, $0.key.rule], Double($0.value)) })
        }
    }
}
