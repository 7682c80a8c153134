import AssayCore
import Glibc

/// Generates a stream of transactions with some fraud in it, for demonstrations, tests and benchmarks. The same options
/// give the same bytes.
package struct TransactionGenerator: LineGenerator, ~Copyable {
    package struct Options: Sendable {
        package var transactions: UInt64 = 100_000
        package var users: UInt64 = 1000
        package var days = 30.0
        package var seed: UInt64 = 1
        /// The part of all transactions that belongs to fraud.
        package var fraud = 0.01
        package var profile = GeneratorProfile.regulars
        /// The part of the lines that are written in another way than the others.
        package var uneven = 0.0
        /// Transactions arrive up to this long after they happened.
        package var disorderSeconds = 0.0
        /// The event time of the first one.
        package var startSeconds = GenerationRun.startSeconds
        /// From a transaction to the time when its label becomes known; nil to leave that out.
        package var labelDelayMilliseconds: UInt64?

        package init() {}
    }

    /// The kinds of fraud on an account.
    enum Fraud: CaseIterable {
        /// Many transactions in a row.
        case burst
        /// From a place that is impossibly far away.
        case travel
        /// Amounts that the user never had.
        case spike
        /// Everything at once, at night.
        case takeover

        var label: StaticString {
            switch self {
            case .burst: "burst"
            case .travel: "travel"
            case .spike: "spike"
            case .takeover: "takeover"
            }
        }
    }

    private struct Event: Comparable {
        var time: UInt64
        /// Breaks ties, so that the order is always the same.
        var number: UInt64
        var user: UInt64
        var fraud: Fraud?
        /// The fraudster's deviations, drawn when the episode begins.
        var salt: UInt64 = 0

        static func < (left: Event, right: Event) -> Bool {
            (left.time, left.number) < (right.time, right.number)
        }

        static func == (left: Event, right: Event) -> Bool {
            left.time == right.time && left.number == right.number
        }
    }

    private struct Arrival: Comparable {
        let time: UInt64
        let event: Event

        static func < (left: Arrival, right: Arrival) -> Bool {
            (left.time, left.event) < (right.time, right.event)
        }
    }

    /// The mean number of transactions per episode, weighted over the four kinds.
    private static let meanEpisode = 7.5
    /// Of commuters the n-th makes a part of all transactions that falls with the 0.77th power of n.
    private static let activityPower = 4.33

    private let options: Options
    private var random: SeededRandom
    private var made: UInt64 = 0
    private var written: UInt64 = 0
    private var episodes = Heap<Event>()
    private var underWay = Heap<Arrival>()

    package init(_ options: Options) {
        precondition(options.users > 0)
        self.options = options
        random = SeededRandom(stream: options.seed)
    }

    var labelHeader: StaticString {
        options.labelDelayMilliseconds == nil ? "transaction_id,label\n" : "transaction_id,label,timestamp\n"
    }

    /// `labels` gets a CSV line for each fraudulent transaction.
    mutating func writeNext(into lines: inout OutputBuffer, labels: inout OutputBuffer) -> Bool {
        guard let event = nextArrival() else { return false }
        writeLine(event, into: &lines)
        if let fraud = event.fraud {
            GeneratedLine.writeID(written, into: &labels)
            labels.write(",")
            labels.write(fraud.label)
            if let delay = options.labelDelayMilliseconds {
                labels.write(",")
                labels.write(seconds: EventTime(milliseconds: Int64(event.time + delay)))
            }
            labels.write("\n")
        }
        written += 1
        return true
    }

    // MARK: Users and times

    private mutating func nextArrival() -> Event? {
        guard options.disorderSeconds > 0 else { return nextEvent() }
        let delay = UInt64(options.disorderSeconds * 1000)
        while made < options.transactions {
            // Whatever happens from now on arrives later than what is due now.
            if let first = underWay.first, first.time <= presentTime { break }
            guard let event = nextEvent() else { break }
            underWay.insert(Arrival(time: event.time + random.below(delay + 1), event: event))
        }
        return underWay.popFirst()?.event
    }

    /// When the next ordinary transaction falls due, in milliseconds.
    private var presentTime: UInt64 {
        let part = Double(made) / Double(max(options.transactions, 1))
        return UInt64((options.startSeconds + part * options.days * 86_400) * 1000)
    }

    private mutating func nextEvent() -> Event? {
        guard made < options.transactions else { return nil }
        defer { made += 1 }
        let now = presentTime
        if let first = episodes.first, first.time <= now { return episodes.popFirst() }
        if random.unit() < options.fraud / Self.meanEpisode, let first = beginEpisode(now) { return first }
        let user = pickActiveUser(hour: now / 3_600_000 % 24)
        return Event(time: now, number: made, user: user)
    }

    /// A tenth of the users make three tenths of the transactions.
    private mutating func pickUser() -> UInt64 {
        if options.profile == .commuters {
            // The most active one makes a hundred times as many as one in the middle.
            return UInt64(pow(random.unit(), Self.activityPower) * Double(options.users))
        }
        let isFrequent = random.unit() < 0.22
        return random.below(isFrequent ? max(options.users / 10, 1) : options.users)
    }

    private mutating func pickActiveUser(hour: UInt64) -> UInt64 {
        var user = pickUser()
        // Now and then a user is awake at an unusual hour.
        for _ in 0..<6 {
            if GeneratedUser(user, seed: options.seed).isActive(hour: hour) { break }
            user = pickUser()
        }
        return user
    }

    private mutating func beginEpisode(_ now: UInt64) -> Event? {
        let fraud = random.pick(Fraud.allCases)
        let user = pickUser()
        let (count, gap): (UInt64, UInt64) =
            switch fraud {
            case .burst: (14 + random.below(12), 12_000)
            case .travel: (1 + random.below(3), 240_000)
            case .spike: (1 + random.below(3), 600_000)
            case .takeover: (3 + random.below(4), 90_000)
            }
        var time = now
        let salt = random.next()
        for index in 0..<count {
            episodes.insert(
                Event(time: time, number: made &+ index << 48, user: user, fraud: fraud, salt: salt))
            time += gap / 2 + random.below(gap)
        }
        return episodes.popFirst()
    }

    private mutating func writeLine(_ event: Event, into lines: inout OutputBuffer) {
        let transaction = GeneratedTransaction(
            of: GeneratedUser(event.user, seed: options.seed), options.profile, fraud: event.fraud, salt: event.salt,
            milliseconds: event.time, &random)
        let line = GeneratedLine(transaction: transaction, number: written, isFull: options.profile != .bare)
        // Nothing is drawn where all lines are alike, whose bytes are always the same.
        let isUneven = options.uneven > 0 && random.unit() < options.uneven
        line.write(isUneven ? random.pick(GeneratedLine.Form.allCases) : nil, into: &lines)
    }
}
