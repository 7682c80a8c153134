/// The rule at the end of a zone file, which holds for all years after the listed changes:
/// `CET-1CEST,M3.5.0,M10.5.0/3`.
struct PosixTimeZone {
    let standardOffset: Int64
    let daylight: Daylight?

    struct Daylight {
        let offset: Int64
        let start: YearlyChange
        let end: YearlyChange
    }

    /// A day of each year and a local second of that day, which may be negative or past midnight.
    struct YearlyChange {
        enum Day {
            case month(Int64, week: Int64, weekday: Int64)
            /// 1…365; February 29 is never counted.
            case dayWithoutLeap(Int64)
            /// 0…365.
            case dayOfYear(Int64)
        }
        let day: Day
        let second: Int64

        func localSeconds(year: Int64) -> Int64 {
            let newYear = CivilDate(year: year, month: 1, day: 1).daysSince1970
            let days: Int64
            switch day {
            case .dayOfYear(let number): days = newYear + number
            case .dayWithoutLeap(let number):
                days = newYear + number - 1 + (CivilDate.isLeap(year) && number >= 60 ? 1 : 0)
            case .month(let month, let week, let weekday):
                let first = CivilDate(year: year, month: month, day: 1).daysSince1970
                // Sunday is 0 here; 1970-01-01 was a Thursday.
                let firstWeekday = (first + 4) - (first + 4).floorDivided(by: 7) * 7
                var dayOfMonth = (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
                if dayOfMonth >= CivilDate.daysInMonth(month, of: year) { dayOfMonth -= 7 }
                days = first + dayOfMonth
            }
            return days * 86_400 + second
        }
    }

    /// The changes of one year as instants with the offset that begins, in order of time.
    func changes(year: Int64) -> [(instant: Int64, offset: Int64)] {
        guard let daylight else { return [] }
        let start = (daylight.start.localSeconds(year: year) - standardOffset, daylight.offset)
        let end = (daylight.end.localSeconds(year: year) - daylight.offset, standardOffset)
        return start.0 < end.0 ? [start, end] : [end, start]
    }

    /// Nil when the text is not such a rule.
    init?(_ text: Substring) {
        var reader = Reader(rest: text)
        guard reader.skipName(), let west = reader.offset() else { return nil }
        standardOffset = -west
        if reader.rest.isEmpty {
            daylight = nil
            return
        }
        guard reader.skipName() else { return nil }
        var offset = standardOffset + 3600
        if let first = reader.rest.first, first != "," {
            guard let west = reader.offset() else { return nil }
            offset = -west
        }
        guard reader.take(","), let start = reader.change(), reader.take(","), let end = reader.change(),
            reader.rest.isEmpty
        else { return nil }
        daylight = Daylight(offset: offset, start: start, end: end)
    }

    private struct Reader {
        var rest: Substring

        mutating func take(_ character: Character) -> Bool {
            guard rest.first == character else { return false }
            rest.removeFirst()
            return true
        }

        mutating func skipName() -> Bool {
            if take("<") {
                guard let end = rest.firstIndex(of: ">") else { return false }
                rest = rest[rest.index(after: end)...]
                return true
            }
            let name = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(name.count)
            return name.count >= 3
        }

        mutating func number() -> Int64? {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            return Int64(digits)
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func offset() -> Int64? {
            let negative = take("-")
            if !negative { _ = take("+") }
            guard var seconds = number().map({ $0 * 3600 }) else { return nil }
            for unit: Int64 in [60, 1] where take(":") {
                guard let part = number() else { return nil }
                seconds += part * unit
            }
            return negative ? -seconds : seconds
        }

        mutating func change() -> YearlyChange? {
            let day: YearlyChange.Day
            if take("M") {
                guard let month = number(), take("."), let week = number(), take("."), let weekday = number(),
                    (1...12).contains(month), (1...5).contains(week), (0...6).contains(weekday)
                else { return nil }
                day = .month(month, week: week, weekday: weekday)
            } else if take("J") {
                guard let number = number() else { return nil }
                day = .dayWithoutLeap(number)
            } else {
                guard let number = number() else { return nil }
                day = .dayOfYear(number)
            }
            var second: Int64 = 2 * 3600
            if take("/") {
                guard let given = offset() else { return nil }
                second = given
            }
            return YearlyChange(day: day, second: second)
        }
    }
}
