import CivilTime

extension EventTime {
    /// A number is seconds, milliseconds or microseconds, depending on its size. Nil when out of range.
    @inline(__always)
    package init?(_ number: ScannedNumber) {
        if let integer = number.integer { self.init(integer: integer) } else { self.init(real: number.value) }
    }

    @inline(__always)
    package init?(integer: Int64) {
        switch integer {
        case ..<100_000_000_000: self.init(checkedMilliseconds: integer < 0 ? -1 : integer * 1000)
        case ..<100_000_000_000_000: self.init(checkedMilliseconds: integer)
        default: self.init(checkedMilliseconds: integer / 1000)
        }
    }

    package init?(real value: Double) {
        switch value {
        case ..<1e11:
            let milliseconds = (value * 1000 + 0.5).rounded(.down)
            self.init(checkedMilliseconds: milliseconds < 0 ? -1 : Int64(milliseconds))
        case ..<1e14: self.init(checkedMilliseconds: Int64(value))
        case ..<1e18: self.init(checkedMilliseconds: Int64(value) / 1000)
        default: return nil
        }
    }

    /// `2025-12-30T21:10:15[.fraction][Z|±hh:mm]`, a space allowed for `T`. Without an offset the time is local.
    package init?(iso8601 text: UnsafeBufferPointer<UInt8>, zone: TimeZoneRules) {
        var reader = DigitReader(text: text)
        guard let year = reader.number(digits: 4), reader.take("-"), let month = reader.number(digits: 2),
            reader.take("-"), let day = reader.number(digits: 2), reader.take("T") || reader.take(" "),
            let hour = reader.number(digits: 2), reader.take(":"), let minute = reader.number(digits: 2),
            reader.take(":"), let second = reader.number(digits: 2),
            (1...12).contains(month), day >= 1, day <= CivilDate.daysInMonth(month, of: year),
            hour <= 23, minute <= 59, second <= 59, let fraction = reader.fraction()
        else { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSince1970
        let local = days * 86_400 + hour * 3600 + minute * 60 + second
        let instant: Int64
        if reader.isAtEnd {
            instant = zone.instant(local: local)
        } else {
            guard let offset = reader.offset(), reader.isAtEnd else { return nil }
            instant = local - offset
        }
        self.init(checkedMilliseconds: instant * 1000 + fraction)
    }

    private struct DigitReader {
        let text: UnsafeBufferPointer<UInt8>
        var index = 0

        var isAtEnd: Bool { index == text.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard index < text.count, text[index] == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        mutating func digit() -> Int64? {
            guard index < text.count, case let digit = text[index] &- UInt8(ascii: "0"), digit <= 9 else { return nil }
            index += 1
            return Int64(digit)
        }

        mutating func number(digits: Int) -> Int64? {
            var number: Int64 = 0
            for _ in 0..<digits {
                guard let digit = digit() else { return nil }
                number = number * 10 + digit
            }
            return number
        }

        /// Milliseconds of an optional fraction, cut after the third digit. Nil for a point without digits.
        mutating func fraction() -> Int64? {
            guard take(".") else { return 0 }
            guard var milliseconds = digit().map({ $0 * 100 }) else { return nil }
            var unit: Int64 = 10
            while let digit = digit() {
                milliseconds += digit * unit
                unit /= 10
            }
            return milliseconds
        }

        /// `Z` or `±hh:mm` in seconds.
        mutating func offset() -> Int64? {
            if take("Z") { return 0 }
            let negative = take("-")
            guard negative || take("+"), let hours = number(digits: 2), take(":"), let minutes = number(digits: 2),
                hours <= 23, minutes <= 59
            else { return nil }
            let seconds = hours * 3600 + minutes * 60
            return negative ? -seconds : seconds
        }
    }
}
