import AssayCore
import Glibc
import StateStore

/// Sends what the outbox holds: one thread, and a transport that has many deliveries under way.
package final class AlertSender: Sendable {
    private let office: AlertOffice
    /// By when it has to end, on the monotonic clock; nil while nobody asks for that.
    private let deadline = Locked<Double?>(nil)
    private let thread = Locked<Running?>(nil)

    private final class Running: Sendable {
        let box = Mailbox<Bool>()
    }

    package init(_ office: AlertOffice) { self.office = office }

    /// Begins to send, unless it has. `engine`: nil where nobody looks at the run's own figures.
    package func begin(
        folder: String, _ transport: any AlertTransport, _ engine: EngineAlerts?
    ) throws(RunFailure) {
        guard thread.withLock({ $0 == nil }) else { return }
        let work: SendingWork
        do throws(StoreError) {
            work = try SendingWork(
                AlertStore(path: "\(folder)/\(AlertStore.fileName)"), office, transport, engine)
        } catch {
            throw RunFailure(.inputOutput, "the alerts in '\(folder)' cannot be used, \(error.description)")
        }
        let running = Running()
        thread.withLock { $0 = running }
        office.answer(transport.wake)
        let handover = Handover(work)
        _ = WorkerThread { [self] in
            let work = handover.take()
            while !work.isOver(deadline.withLock { $0 }) { work.step() }
            work.finish()
            running.box.send(true)
        }
    }

    /// Sends what can be sent within so many seconds, and ends.
    package func finish(seconds: Double) {
        guard let running = thread.withLock({ $0 }) else { return }
        deadline.withLock { $0 = MonotonicClock.seconds + seconds }
        office.ring()
        _ = running.box.receive()
        office.answer {}
        thread.withLock { $0 = nil }
        deadline.withLock { $0 = nil }
    }
}

/// What the sending thread does.
private final class SendingWork {
    private let store: AlertStore
    private let office: AlertOffice
    private let transport: any AlertTransport
    private let engine: EngineAlerts?
    private var channels: [Channel] = []
    private var deliveries: [Int: Delivery] = [:]
    private var lastToken = 0
    private var nextLook = 0.0
    private var nextCount = 0.0
    private var nextTrim = 0.0
    private var hasFailed = false

    private struct Channel {
        let name: String
        let channel: any AlertChannel
        var pace: ChannelPace
        /// The alerts that are under way.
        var underWay: Set<Int64> = []
        /// When it is to be looked at next, by the time of day.
        var due: Int64 = 0
        /// What people were told of it last, and when something may be told again.
        var hasFault = false
        var nextWord = 0.0
    }

    private struct Delivery {
        let channel: Int
        let sendings: [AlertSending]
        /// Nothing is noted of one that only tells again what still holds.
        let isRefresh: Bool
    }

    /// Somebody else may have changed the outbox: it is looked at this often without being asked.
    private static let longestWait = 1.0
    private static let countSeconds = 2.0
    /// How long people are not told of the same channel again.
    private static let wordSeconds = 60.0
    private static let trimSeconds = 60.0
    /// So many that wait for nothing more are kept for people to look at.
    private static let mostKept = 10_000

    init(
        _ store: AlertStore, _ office: AlertOffice, _ transport: any AlertTransport, _ engine: EngineAlerts?
    ) throws(StoreError) {
        (self.store, self.office, self.transport, self.engine) = (store, office, transport, engine)
        let limits = office.settings.limits
        channels = office.settings.channels.map { name, channel in
            Channel(
                name: name, channel: channel,
                pace: ChannelPace(
                    secondsBetween: channel.secondsBetween, giveUpMilliseconds: limits.giveUpMilliseconds))
        }
        let now = WallClock.milliseconds
        let names = channels.map(\.name)
        var gone: Int64 = 0
        try store.change { () throws(StoreError) in
            gone = try store.fail(except: names, answer: "the channel is not there any more", at: now)
        }
        if gone > 0 {
            office.say("\(gone) alerts wait for channels that are not in the configuration any more, and have failed")
        }
        engine?.begin(now)
    }

    // MARK: One step

    func isOver(_ deadline: Double?) -> Bool {
        guard let deadline else { return false }
        if hasFailed || MonotonicClock.seconds >= deadline { return true }
        // What a channel takes later than that is left to the next run.
        let last = WallClock.milliseconds + Int64(1000 * (deadline - MonotonicClock.seconds))
        return deliveries.isEmpty && channels.allSatisfy { $0.due > last || $0.pace.isDown }
    }

    func step() {
        guard !hasFailed else { return sleep() }
        do throws(StoreError) {
            try lookAtEngine()
            for index in channels.indices {
                // Whoever woke us may have added something for any of them.
                channels[index].due = 0
                try send(index)
            }
            try count()
            let ended = transport.wait(seconds: waitSeconds)
            if !ended.isEmpty { try take(ended) }
        } catch {
            fail(error)
        }
    }

    /// Nothing can be noted any more, so that nothing may be sent; the run says so and goes on.
    private func fail(_ error: StoreError) {
        hasFailed = true
        office.say("no alerts are sent any more: '\(store.path)' cannot be used, \(error.description)")
    }

    private func sleep() { _ = transport.wait(seconds: Self.longestWait) }

    private var waitSeconds: Double {
        let time = MonotonicClock.seconds
        let now = WallClock.milliseconds
        var wait = Self.longestWait
        if engine != nil { wait = min(wait, nextLook - time) }
        for channel in channels {
            // What is under way wakes us when it ends.
            let next = channel.pace.room(at: now) > 0 ? channel.due : channel.pace.pausedUntil
            if next > now || channel.pace.underWay == 0, next < .max { wait = min(wait, Double(next - now) / 1000) }
        }
        return max(0.001, wait)
    }

    func finish() {
        do throws(StoreError) {
            nextCount = 0
            try count()
            let waiting = office.figures.waiting
            if waiting > 0 { office.say("\(waiting) alerts wait to be sent; the next run sends them") }
        } catch {
            if !hasFailed { fail(error) }
        }
    }

    // MARK: Sending

    private func send(_ index: Int) throws(StoreError) {
        let now = WallClock.milliseconds
        while channels[index].due <= now, channels[index].pace.room(at: now) > 0 {
            let channel = channels[index]
            let most = channel.channel.mostTogether
            let due = try store.due(channel.name, by: now, atMost: most + channel.underWay.count)
                .filter { !channel.underWay.contains($0.alert.number) }.prefix(most)
            guard !due.isEmpty else {
                // What is under way is due too, and is looked at when it has ended.
                channels[index].due = channel.underWay.isEmpty ? try store.nextDue(channel.name) ?? .max : .max
                return
            }
            try begin(Array(due), index, now)
        }
    }

    private func begin(_ sendings: [AlertSending], _ index: Int, _ now: Int64) throws(StoreError) {
        channels[index].pace.begin(at: now)
        for sending in sendings { channels[index].underWay.insert(sending.alert.number) }
        lastToken += 1
        deliveries[lastToken] = Delivery(channel: index, sendings: sendings, isRefresh: false)
        let delivery: AlertDelivery
        do throws(ChannelFault) {
            delivery = try channels[index].channel.delivery(of: sendings.map(\.alert), moment(now))
        } catch {
            // A secret that cannot be read may be there later.
            return try take([(lastToken, .unavailable(error.message))])
        }
        if case .lines(let bytes, let file) = delivery {
            return try take([(lastToken, LineChannel.write(bytes, to: file))])
        }
        transport.begin(delivery, token: lastToken)
    }

    private func moment(_ now: Int64) -> AlertMoment {
        AlertMoment(now: now, page: office.settings.page) { [settings = office.settings] rule in
            settings.rule(rule)?.quietMilliseconds ?? 0
        }
    }

    private func take(_ ended: [(token: Int, outcome: AlertOutcome)]) throws(StoreError) {
        let now = WallClock.milliseconds
        try store.change { () throws(StoreError) in
            for (token, outcome) in ended {
                guard let delivery = deliveries.removeValue(forKey: token) else { continue }
                if !delivery.isRefresh { try note(outcome, of: delivery, now) }
            }
        }
    }

    private func note(_ outcome: AlertOutcome, of delivery: Delivery, _ now: Int64) throws(StoreError) {
        let index = delivery.channel
        let name = channels[index].name
        let oldest = delivery.sendings.map(\.alert.made).min() ?? now
        let attempts = (delivery.sendings.map(\.attempts).min() ?? 0) + 1
        let ruling = channels[index].pace.end(
            outcome, attempts: attempts, age: now - oldest, at: now, random: Double.random(in: 0...1))
        say(ruling, index)
        for sending in delivery.sendings {
            let alert = sending.alert
            channels[index].underWay.remove(alert.number)
            switch ruling {
            case .sent:
                office.figures.note(.sent, channel: name, rule: alert.rule)
                try store.note(alert.number, name, .sent, due: now, answer: "", at: now)
            case .retry(let pause, let answer):
                office.figures.note(.retried, channel: name, rule: alert.rule)
                try store.note(alert.number, name, .waiting, due: now + pause, answer: answer, at: now)
            case .failed(let answer):
                office.figures.note(.failed, channel: name, rule: alert.rule)
                try store.note(alert.number, name, .failed, due: now, answer: answer, at: now)
            }
        }
        channels[index].due = 0
    }

    /// Tells of the first fault of a channel, and when it works again, but not at every turn.
    private func say(_ ruling: ChannelPace.Ruling, _ index: Int) {
        let title = "channel '\(channels[index].name)' (\(channels[index].channel.title))"
        let words: String
        switch ruling {
        case .sent:
            guard channels[index].hasFault, !channels[index].pace.isDown else { return }
            channels[index].hasFault = false
            return office.say("\(title) takes alerts again")
        case .retry(_, let answer): words = "takes no alerts: \(answer); they are sent later"
        case .failed(let answer):
            words = "refuses an alert: \(answer); 'assayctl alerts --state failed' shows what it did not take"
        }
        guard !channels[index].hasFault, MonotonicClock.seconds >= channels[index].nextWord else { return }
        channels[index].nextWord = MonotonicClock.seconds + Self.wordSeconds
        channels[index].hasFault = true
        office.say("\(title) \(words)")
    }

    // MARK: The engine

    private func lookAtEngine() throws(StoreError) {
        guard let engine else { return }
        let time = MonotonicClock.seconds
        guard time >= nextLook else { return }
        nextLook = time + EngineAlerts.secondsBetween
        try engine.look(store, office, time, WallClock.milliseconds)
        let moment = moment(WallClock.milliseconds)
        for index in channels.indices {
            guard let refresh = channels[index].channel.refreshSeconds else { continue }
            let name = channels[index].name
            for alert in try engine.toRefresh(store, name, seconds: refresh, time) {
                lastToken += 1
                do throws(ChannelFault) {
                    let delivery = try channels[index].channel.delivery(of: [alert], moment)
                    deliveries[lastToken] = Delivery(channel: index, sendings: [], isRefresh: true)
                    transport.begin(delivery, token: lastToken)
                } catch {
                    // It was sent before; the next one may find its secret again.
                    continue
                }
            }
        }
    }

    // MARK: Figures

    private func count() throws(StoreError) {
        let time = MonotonicClock.seconds
        guard time >= nextCount else { return }
        nextCount = time + Self.countSeconds
        for channel in channels {
            let (waiting, oldest) = try store.queue(channel.name)
            office.figures.set(waiting: waiting, oldest: oldest, of: channel.name)
        }
        guard time >= nextTrim else { return }
        nextTrim = time + Self.trimSeconds
        try store.change { () throws(StoreError) in try store.trim(to: Self.mostKept) }
    }
}
