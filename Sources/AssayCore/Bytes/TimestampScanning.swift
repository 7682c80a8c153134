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

    /// The same of a text that stands alone.
    package init?(shown text: String, zone: TimeZoneRules) {
        let bytes = Array(text.utf8)
        let padded = bytes + [UInt8](repeating: 0, count: InputText.padding)
        let time = padded.withUnsafeBufferPointer {
            EventTime(text: UnsafeBufferPointer(rebasing: $0[..<bytes.count]), zone: zone)
        }
        guard let time else { return nil }
        self = time
    }

    /// A text that is exactly a number is that number; every other one is ISO 8601 as people write it. After the bytes
    /// stands something that belongs to no number, as for every scanned number.
    package init?(text: UnsafeBufferPointer<UInt8>, zone: TimeZoneRules) {
        // A year, and then what no number has there: the usual case, at once.
        if text.count > 4, text[4] == UInt8(ascii: "-") {
            self.init(iso8601: text, zone: zone)
        } else if let number = ScannedNumber(whole: text) {
            self.init(number)
        } else {
            self.init(iso8601: text, zone: zone)
        }
    }

    /// `2025-12-30T21:10:15[.fraction][offset]` or `20251230T211015…`. Seconds may be absent, and in the first form
    /// the whole time of day, which is midnight then. Without an offset the time is local.
    package init?(iso8601 text: UnsafeBufferPointer<UInt8>, zone: TimeZoneRules) {
        var reader = DigitReader(text: text)
        guard let year = reader.number(digits: 4) else { return nil }
        let isExtended = reader.take("-")
        guard let month = reader.number(digits: 2), !isExtended || reader.take("-"),
            let day = reader.number(digits: 2), (1...12).contains(month), day >= 1,
            day <= CivilDate.daysInMonth(month, of: year)
        else { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSince1970
        if isExtended, reader.isAtEnd {
            self.init(checkedMilliseconds: zone.instant(local: days * 86_400) * 1000)
            return
        }
        guard reader.take("T") || reader.take("t") || reader.take(" "),
            let (seconds, fraction) = reader.timeOfDay(isExtended: isExtended)
        else { return nil }
        let local = days * 86_400 + seconds
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

        /// Seconds since midnight, and the milliseconds of a fraction.
        mutating func timeOfDay(isExtended: Bool) -> (seconds: Int64, milliseconds: Int64)? {
            guard let hour = number(digits: 2), !isExtended || take(":"), let minute = number(digits: 2), hour <= 23,
                minute <= 59
            else { return nil }
            let minutes = hour * 60 + minute
            guard isExtended ? take(":") : nextIsDigit else { return (minutes * 60, 0) }
            guard let second = number(digits: 2), second <= 59, let fraction = fraction() else { return nil }
            return (minutes * 60 + second, fraction)
        }

        private var nextIsDigit: Bool { index < text.count && text[index] &- UInt8(ascii: "0") <= 9 }

        /// Milliseconds of an optional fraction, cut after the third digit. Nil for a point without digits.
        mutating func fraction() -> Int64? {
            guard take(".") || take(",") else { return 0 }
            guard var milliseconds = digit().map({ $0 * 100 }) else { return nil }
            var unit: Int64 = 10
            while let digit = digit() {
                milliseconds += digit * unit
                unit /= 10
            }
            return milliseconds
        }

        /// `Z`, `±hh:mm`, `±hhmm` or `±hh` in seconds.
        mutating func offset() -> Int64? {
            if take("Z") || take("z") { return 0 }
            let negative = take("-")
            guard negative || take("+"), let hours = number(digits: 2), hours <= 23 else { return nil }
            var minutes: Int64 = 0
            if take(":") || nextIsDigit {
                guard let given = number(digits: 2), given <= 59 else { return nil }
                minutes = given
            }
            let seconds = hours * 3600 + minutes * 60
            return negative ? -seconds : seconds
        }
    }
}
