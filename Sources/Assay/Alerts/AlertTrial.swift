import StateStore

/// Tries a channel: one alert that says of itself that it is a test, past the outbox.
package enum AlertTrial {
    private static let longestSeconds = 60.0

    package static func send(
        _ name: String, _ channel: any AlertChannel, page: String?, _ transport: any AlertTransport
    ) -> AlertOutcome {
        let now = WallClock.milliseconds
        do throws(ChannelFault) {
            let moment = AlertMoment(now: now, page: page) { _ in 0 }
            let delivery = try channel.delivery(of: [.trial(of: name, at: now)], moment)
            if case .lines(let bytes, let file) = delivery { return LineChannel.write(bytes, to: file) }
            transport.begin(delivery, token: 0)
            let end = MonotonicClock.seconds + longestSeconds
            while MonotonicClock.seconds < end {
                if let ended = transport.wait(seconds: 1).first { return ended.outcome }
            }
            return .unavailable("no answer within \(Int(longestSeconds)) s")
        } catch {
            return .unavailable(error.message)
        }
    }
}
