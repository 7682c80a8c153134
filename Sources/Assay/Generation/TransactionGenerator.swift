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
            writeID(into: &labels)
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

    // MARK: Lines

    private mutating func writeLine(_ event: Event, into lines: inout OutputBuffer) {
        let user = GeneratedUser(event.user, seed: options.seed)
        lines.write("{\"transaction_id\":\"")
        writeID(into: &lines)
        lines.write("\",\"user_id\":\"u")
        lines.write(user.number, digits: 7)
        lines.write("\",\"account_id\":\"a")
        lines.write(user.number, digits: 7)
        lines.write("-")
        lines.write(integer: 1 + random.below(2))
        lines.write("\",\"transaction_type\":\"")
        lines.write(type(event, user))
        lines.write("\",\"amount\":")
        writeAmount(event, user, into: &lines)
        lines.write(",\"currency\":\"")
        lines.write(user.home.currency)
        lines.write("\",\"timestamp\":")
        lines.write(integer: event.time / 1000)
        lines.write(",\"merchant_id\":\"m")
        lines.write(random.below(20_000), digits: 5)
        lines.write("\",\"location\":{\"latitude\":")
        let place = place(event, user)
        lines.write(millionths: place.latitude)
        lines.write(",\"longitude\":")
        lines.write(millionths: place.longitude)
        lines.write("},\"metadata\":{\"category\":\"")
        lines.write(random.pick(Self.categories))
        lines.write("\",\"ip_address\":\"10.")
        let address = random.next()
        lines.write(integer: address & 0xFF)
        lines.write(".")
        lines.write(integer: address >> 8 & 0xFF)
        lines.write(".")
        lines.write(integer: address >> 16 & 0xFF)
        lines.write("\",\"channel\":\"")
        lines.write(random.pick(Self.channels))
        lines.write("\"}}\n")
    }

    private static let categories: [StaticString] = [
        "grocery", "fuel", "dining", "fashion", "electronics", "health", "utilities", "travel",
    ]
    private static let channels: [StaticString] = ["card", "app", "web", "atm"]

    private func writeID(into buffer: inout OutputBuffer) {
        buffer.write("tx")
        buffer.write(written, digits: 9)
    }

    private mutating func type(_ event: Event, _ user: GeneratedUser) -> StaticString {
        switch event.fraud {
        case .burst: event.salt & 1 == 0 ? "withdrawal" : "transfer"
        case .takeover: "transfer"
        default: random.unit() < 0.01 ? random.pick(GeneratedUser.types) : random.pick(user.favouriteTypes)
        }
    }

    private mutating func writeAmount(_ event: Event, _ user: GeneratedUser, into lines: inout OutputBuffer) {
        let factor =
            switch event.fraud {
            case .spike: 6 + 20 * random.unit()
            case .takeover: 2 + 6 * random.unit()
            default: 1.0
            }
        let cents = UInt64(exp(user.amountLogarithm + 0.35 * random.bell()) * factor * 100)
        lines.write(integer: cents / 100)
        lines.write(".")
        lines.write(cents % 100, digits: 2)
    }

    private mutating func place(_ event: Event, _ user: GeneratedUser) -> (latitude: Int64, longitude: Int64) {
        var place = user.places[0]
        switch event.fraud {
        case .travel, .takeover:
            let city = GeneratedUser.cities[Int(event.salt % UInt64(GeneratedUser.cities.count))]
            place = (city.latitude, city.longitude)
        default:
            let drawn = random.unit()
            if drawn < 0.03 {
                // Somewhere else in town.
                place.latitude += Int64(random.bell() * 40_000)
                place.longitude += Int64(random.bell() * 40_000)
            } else {
                place = user.places[drawn < 0.45 ? 0 : drawn < 0.7 ? 1 : drawn < 0.87 ? 2 : 3]
            }
        }
        // A phone is exact to some fifty metres.
        return (place.latitude + Int64(random.bell() * 400), place.longitude + Int64(random.bell() * 400))
    }
}

extension OutputBuffer {
    /// Writes at least this many digits, with leading zeros.
    package mutating func write(_ value: UInt64, digits: Int) {
        var limit: UInt64 = 1
        for _ in 1..<digits { limit *= 10 }
        while value < limit, limit > 1 {
            write(UInt8(ascii: "0"))
            limit /= 10
        }
        write(integer: value)
    }

    fileprivate mutating func write(millionths value: Int64) {
        if value < 0 { write("-") }
        write(integer: value.magnitude / 1_000_000)
        write(fraction: value.magnitude % 1_000_000, digits: 6)
    }
}
