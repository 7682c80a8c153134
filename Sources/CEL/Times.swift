import CivilTime

/// An instant of the years 1 to 9999, in nanoseconds.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Since 1970-01-01T00:00:00Z, rounded towards the past.
    package let seconds: Int64
    /// 0…999,999,999.
    package let nanoseconds: Int32

    static let range: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

    package init?(seconds: Int64, nanoseconds: Int32 = 0) {
        guard Self.range.contains(seconds), (0...999_999_999).contains(nanoseconds) else { return nil }
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package init?(milliseconds: Int64) {
        let seconds = milliseconds.floorDivided(by: 1000)
        self.init(seconds: seconds, nanoseconds: Int32((milliseconds - seconds * 1000) * 1_000_000))
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// Nil outside of the years 1 to 9999.
    static func + (timestamp: Timestamp, duration: Duration) -> Timestamp? {
        shifted(timestamp, duration.nanoseconds / 1_000_000_000, duration.nanoseconds % 1_000_000_000)
    }

    static func - (timestamp: Timestamp, duration: Duration) -> Timestamp? {
        shifted(timestamp, -(duration.nanoseconds / 1_000_000_000), -(duration.nanoseconds % 1_000_000_000))
    }

    /// Shifts by whole seconds and less than one more, both of any sign.
    private static func shifted(_ timestamp: Timestamp, _ seconds: Int64, _ nanoseconds: Int64) -> Timestamp? {
        let sum = Int64(timestamp.nanoseconds) + nanoseconds
        let carry = sum.floorDivided(by: 1_000_000_000)
        return Timestamp(
            seconds: timestamp.seconds + seconds + carry, nanoseconds: Int32(sum - carry * 1_000_000_000))
    }

    /// Nil when the difference exceeds a duration.
    static func - (left: Timestamp, right: Timestamp) -> Duration? {
        let (seconds, tooLong) = (left.seconds - right.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow) = seconds.addingReportingOverflow(Int64(left.nanoseconds - right.nanoseconds))
        return tooLong || overflow ? nil : Duration(nanoseconds: sum)
    }
}

/// A signed length of time of up to 292 years.
package struct Duration: Hashable, Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static func < (left: Duration, right: Duration) -> Bool { left.nanoseconds < right.nanoseconds }
}

// MARK: As texts

extension Timestamp {
    /// Parses RFC 3339. A fraction is cut after the ninth digit.
    package init?(_ text: String) {
        var reader = TimeReader(text)
        guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2), reader.take("-"),
            let day = reader.digits(2), reader.take("T") || reader.take("t"),
            let hour = reader.digits(2), reader.take(":"), let minute = reader.digits(2), reader.take(":"),
            let second = reader.digits(2), (1...12).contains(month), hour < 24, minute < 60, second < 60,
            day >= 1, day <= CivilDate.daysInMonth(month, of: year)
        else { return nil }
        var nanoseconds: Int64 = 0
        if reader.take(".") {
            guard let fraction = reader.fraction() else { return nil }
            nanoseconds = fraction
        }
        guard let offset = reader.offset(), reader.isAtEnd else { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSince1970
        self.init(
            seconds: days * 86_400 + hour * 3600 + minute * 60 + second - offset, nanoseconds: Int32(nanoseconds))
    }

    /// RFC 3339 in UTC, the fraction without trailing zeros.
    package var text: String {
        let fields = TimeFields(self, offset: 0)
        var text = "\(padded(fields.date.year, 4))-\(padded(fields.date.month, 2))-\(padded(fields.date.day, 2))"
        text += "T\(padded(fields.hour, 2)):\(padded(fields.minute, 2)):\(padded(fields.second, 2))"
        return text + fractionText(Int64(nanoseconds)) + "Z"
    }
}

extension Duration {
    /// Parses `1h15m30.918273645s`: numbers with a unit of h, m, s, ms, us or ns each, after one sign; or `0`.
    package init?(_ text: String) {
        var reader = TimeReader(text)
        let negative = reader.take("-")
        if !negative { _ = reader.take("+") }
        if reader.take("0"), reader.isAtEnd {
            nanoseconds = 0
            return
        }
        reader = TimeReader(text)
        _ = reader.take("-") || reader.take("+")
        guard !reader.isAtEnd else { return nil }
        // Counted downwards, since the least duration has no positive counterpart.
        var total: Int64 = 0
        while !reader.isAtEnd {
            guard let part = reader.negatedQuantity() else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !overflow else { return nil }
            total = sum
        }
        guard negative || total != .min else { return nil }
        nanoseconds = negative ? total : -total
    }

    /// Seconds: `1.5s`.
    package var text: String {
        let magnitude = nanoseconds.magnitude
        let sign = nanoseconds < 0 ? "-" : ""
        return "\(sign)\(magnitude / 1_000_000_000)\(fractionText(Int64(magnitude % 1_000_000_000)))s"
    }
}

private func padded(_ number: Int64, _ digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}

private func fractionText(_ nanoseconds: Int64) -> String {
    if nanoseconds == 0 { return "" }
    var digits = Substring(padded(nanoseconds, 9))
    while digits.last == "0" { digits.removeLast() }
    return "." + digits
}

/// Reads times from left to right.
private struct TimeReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func digit() -> Int64? {
        guard position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) else {
            return nil
        }
        position += 1
        return Int64(bytes[position - 1] - UInt8(ascii: "0"))
    }

    /// Reads exactly this many digits.
    mutating func digits(_ count: Int) -> Int64? {
        var number: Int64 = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// Reads the digits after a point, as nanoseconds.
    mutating func fraction() -> Int64? {
        guard var nanoseconds = digit() else { return nil }
        var count = 1
        while let digit = digit() {
            if count < 9 {
                nanoseconds = nanoseconds * 10 + digit
                count += 1
            }
        }
        for _ in count..<9 { nanoseconds *= 10 }
        return nanoseconds
    }

    /// `Z` or `+hh:mm`, in seconds.
    mutating func offset() -> Int64? {
        if take("Z") || take("z") { return 0 }
        let negative = take("-")
        guard negative || take("+"), let hours = digits(2), take(":"), let minutes = digits(2), hours < 24, minutes < 60
        else { return nil }
        return (hours * 3600 + minutes * 60) * (negative ? -1 : 1)
    }

    /// Reads one part of a duration in nanoseconds below zero, nil when it is invalid or too long.
    mutating func negatedQuantity() -> Int64? {
        var whole: Int64 = 0
        var hasDigits = false
        while let digit = digit() {
            hasDigits = true
            let (tenfold, tooLong) = whole.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = tenfold.addingReportingOverflow(digit)
            guard !tooLong, !overflow else { return nil }
            whole = sum
        }
        // Up to eighteen digits after the point, as a fraction of the unit.
        var (numerator, denominator): (Int64, Int64) = (0, 1)
        if take(".") {
            while let digit = digit() {
                hasDigits = true
                if denominator < 1_000_000_000_000_000_000 {
                    numerator = numerator * 10 + digit
                    denominator *= 10
                }
            }
        }
        guard hasDigits, let unit = unit() else { return nil }
        let (nanoseconds, tooLong) = whole.multipliedReportingOverflow(by: -unit)
        let fraction = denominator.dividingFullWidth(numerator.multipliedFullWidth(by: unit)).quotient
        let (sum, overflow) = nanoseconds.subtractingReportingOverflow(fraction)
        return tooLong || overflow ? nil : sum
    }

    private mutating func unit() -> Int64? {
        if take("h") { return 3_600_000_000_000 }
        if take("s") { return 1_000_000_000 }
        if take("m") { return take("s") ? 1_000_000 : 60_000_000_000 }
        if take("u") { return take("s") ? 1000 : nil }
        // The micro sign and the Greek letter mu.
        for micro in ["\u{B5}s", "\u{3BC}s"] where bytes[position...].starts(with: micro.utf8) {
            position += micro.utf8.count
            return 1000
        }
        if take("n") { return take("s") ? 1 : nil }
        return nil
    }
}

// MARK: Parts

/// A timestamp by the calendar and the clock of a zone.
struct TimeFields {
    let date: CivilDate
    let hour: Int64
    let minute: Int64
    let second: Int64
    /// Sunday is 0.
    let weekday: Int64
    /// January 1 is 0.
    let dayOfYear: Int64

    init(_ timestamp: Timestamp, offset: Int64) {
        let local = timestamp.seconds + offset
        let days = local.floorDivided(by: 86_400)
        let secondOfDay = local - days * 86_400
        date = CivilDate(daysSince1970: days)
        hour = secondOfDay / 3600
        minute = secondOfDay / 60 % 60
        second = secondOfDay % 60
        // 1970-01-01 was a Thursday.
        weekday = days + 4 - (days + 4).floorDivided(by: 7) * 7
        dayOfYear = days - CivilDate(year: date.year, month: 1, day: 1).daysSince1970
    }
}

/// The offset of local time from UTC.
package enum Zone: Sendable {
    case fixed(seconds: Int64)
    case rules(TimeZoneRules)

    /// Parses `02:00`, `-09:30` or a name that `named` knows.
    init?(_ text: String, named: (String) -> TimeZoneRules?) {
        if text == "UTC" || text == "Z" || text.isEmpty {
            self = .fixed(seconds: 0)
            return
        }
        var reader = TimeReader(text)
        let negative = reader.take("-")
        if !negative { _ = reader.take("+") }
        if let hours = reader.digits(2), reader.take(":"), let minutes = reader.digits(2), reader.isAtEnd,
            hours < 24, minutes < 60
        {
            self = .fixed(seconds: (hours * 3600 + minutes * 60) * (negative ? -1 : 1))
        } else if let rules = named(text) {
            self = .rules(rules)
        } else {
            return nil
        }
    }

    func offset(at timestamp: Timestamp) -> Int64 {
        switch self {
        case .fixed(let seconds): seconds
        case .rules(let rules): rules.offset(at: timestamp.seconds).seconds
        }
    }
}
