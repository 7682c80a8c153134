import CivilTime

/// Returns the hour and weekday of event times, and caches the zone's current offset and the present hour.
package struct LocalClock {
    private let rules: TimeZoneRules
    private var offset: Int64 = 0
    private var from: Int64 = .max
    private var until: Int64 = .min
    private var hour: (hour: UInt8, weekday: UInt8) = (0, 0)
    private var hourStart: Int64 = .max
    private var hourEnd: Int64 = .min

    package init(_ rules: TimeZoneRules) {
        self.rules = rules
    }

    /// The hour 0…23 and the weekday, Monday 0 … Sunday 6.
    @inline(__always)
    package mutating func hourAndWeekday(_ time: EventTime) -> (hour: UInt8, weekday: UInt8) {
        let instant = time.milliseconds / 1000
        if instant < hourStart || instant >= hourEnd { takeHour(of: instant) }
        return hour
    }

    @inline(never)
    private mutating func takeHour(of instant: Int64) {
        if instant < from || instant >= until {
            (offset, from, until) = rules.offset(at: instant)
        }
        let local = instant + offset
        let day = local.floorDivided(by: 86_400)
        let second = local - day * 86_400
        // 1970-01-01 was a Thursday.
        let weekday = day + 3 - (day + 3).floorDivided(by: 7) * 7
        hour = (UInt8(truncatingIfNeeded: second / 3600), UInt8(truncatingIfNeeded: weekday))
        // The offset may change in the middle of an hour.
        hourStart = max(instant - second % 3600, from)
        hourEnd = min(instant - second % 3600 + 3600, until)
    }
}
