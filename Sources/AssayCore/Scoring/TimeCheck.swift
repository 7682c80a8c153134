/// The dead of night, and a first weekend.
struct TimeCheck {
    private let settings: ScoringSettings.Time
    private let minHistory: UInt64

    /// Saturday, with Monday as 0.
    private static let firstWeekendDay: UInt8 = 5

    init(_ settings: ScoringSettings.Time, minHistory: UInt64) {
        self.settings = settings
        self.minHistory = minHistory
    }

    @inline(__always)
    static func isWeekend(_ weekday: UInt8) -> Bool { weekday >= firstWeekendDay }

    @inline(__always)
    func assess(hour: UInt8, weekday: UInt8, state: borrowing UserState, factors: inout FactorList) {
        if settings.isNight(hour) {
            factors.append(.lateNight(hour: hour, risk: settings.nightRisk))
        }
        if Self.isWeekend(weekday), state.transactions >= minHistory, !state.seenOnWeekend {
            factors.append(.unusualWeekend(weekday: weekday, risk: settings.weekendRisk))
        }
    }

    @inline(__always)
    func update(weekday: UInt8, state: inout UserState) {
        if Self.isWeekend(weekday) { state.seenOnWeekend = true }
    }
}
