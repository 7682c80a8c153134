import Arguments

/// A time that is early, the dead of night, and a first weekend.
struct TimeCheck {
    private let settings: ScoringSettings.Time
    private let minHistory: UInt64

    /// Saturday, with Monday as 0.
    private static let firstWeekendDay: UInt8 = 5
    private static let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

    init(_ settings: ScoringSettings.Time, minHistory: UInt64) {
        self.settings = settings
        self.minHistory = minHistory
    }

    @inline(__always)
    static func isWeekend(_ weekday: UInt8) -> Bool { weekday >= firstWeekendDay }

    @inline(__always)
    func assess(
        hour: UInt8, weekday: UInt8, aheadMilliseconds: Int64?, state: borrowing UserState, factors: inout FactorList
    ) {
        if let aheadMilliseconds, settings.futureRisk > 0 {
            factors.append(.futureTimestamp(aheadMilliseconds: aheadMilliseconds, risk: settings.futureRisk))
        }
        if settings.isNight(hour) {
            factors.append(.lateNight(hour: hour, risk: settings.nightRisk))
        }
        if isFirstWeekend(weekday, state) {
            factors.append(.unusualWeekend(weekday: weekday, risk: settings.weekendRisk))
        }
    }

    @inline(__always)
    private func isFirstWeekend(_ weekday: UInt8, _ state: borrowing UserState) -> Bool {
        Self.isWeekend(weekday) && state.transactions >= minHistory && !state.seenOnWeekend
    }

    func report(
        hour: UInt8, weekday: UInt8, aheadMilliseconds: Int64?, state: borrowing UserState
    ) -> CheckReport {
        var report = CheckReport("time")
        report.inputs = [
            ("hour", "\(hour)"), ("night", "\(settings.nightFirstHour) to \(settings.nightLastHour)"),
            ("weekday", "\(weekday)"), ("seen on a weekend", state.seenOnWeekend ? "yes" : "no"),
        ]
        if let aheadMilliseconds {
            report.inputs.append(("seconds ahead of the clock", "\(Double(aheadMilliseconds) / 1000)"))
        }
        if settings.futureRisk > 0 {
            report.comparisons.append(
                CheckReport.Comparison(
                    "times far ahead of the clock", aheadMilliseconds != nil, risk: settings.futureRisk))
        }
        report.comparisons += [
            CheckReport.Comparison("hours at night", settings.isNight(hour), risk: settings.nightRisk),
            CheckReport.Comparison(
                "first weekends", isFirstWeekend(weekday, state), risk: settings.weekendRisk),
        ]
        report.words = [
            "at \(hour) o'clock, \(settings.isNight(hour) ? "" : "not ")in the night "
                + "(\(settings.nightFirstHour) to \(settings.nightLastHour))",
            "on a \(Self.weekdays[Int(weekday)])"
                + (Self.isWeekend(weekday)
                    ? state.seenOnWeekend ? "; the user was seen on weekends" : "; the user was never seen on a weekend"
                    : ""),
        ]
        if let aheadMilliseconds {
            let span = Figures.span(seconds: Double(aheadMilliseconds) / 1000)
            report.words.append("\(span) ahead of the clock: a time that is early")
        }
        return report
    }

    @inline(__always)
    func update(weekday: UInt8, state: inout UserState) {
        if Self.isWeekend(weekday) { state.seenOnWeekend = true }
    }
}
