/// An hour or a type that is new for the user.
struct HabitCheck {
    private let settings: ScoringSettings.Pattern
    private let minHistory: UInt64

    init(_ settings: ScoringSettings.Pattern, minHistory: UInt64) {
        self.settings = settings
        self.minHistory = minHistory
    }

    @inline(__always)
    func assess(
        hour: UInt8, isKnownType: Bool, state: borrowing UserState, symbols: borrowing SymbolTable,
        factors: inout FactorList
    ) {
        guard state.transactions >= minHistory else { return }
        if !state.hours.contains(hour) {
            factors.append(.unusualTime(hour: hour, typicalHours: state.hours, risk: settings.unusualTimeRisk))
        }
        if !isKnownType {
            let names = Self.typeNames(state, symbols)
            factors.append(
                .unusualType(
                    firstType: factors.addNames(names), types: UInt32(names.count), risk: settings.unusualTypeRisk))
        }
    }

    func report(
        hour: UInt8, type: String, isKnownType: Bool, state: borrowing UserState, symbols: borrowing SymbolTable
    ) -> CheckReport {
        var report = CheckReport("pattern")
        let known = Self.typeNames(state, symbols).map { String(decoding: $0, as: UTF8.self) }
        report.inputs = [
            ("hour", "\(hour)"), ("hours seen", state.hours.text), ("transaction_type", type),
            ("types known", known.joined(separator: " ")),
        ]
        guard state.transactions >= minHistory else {
            report.silence =
                "\(state.transactions) transactions so far; habits are judged from \(minHistory) on"
            return report
        }
        report.comparisons = [
            CheckReport.Comparison(
                "hours never seen before", !state.hours.contains(hour), risk: settings.unusualTimeRisk),
            CheckReport.Comparison("types not known", !isKnownType, risk: settings.unusualTypeRisk),
        ]
        report.words = [
            state.hours.contains(hour)
                ? "at an hour seen before: \(state.hours.words)"
                : "at an hour never seen before; the user comes at \(state.hours.words)",
            isKnownType
                ? "'\(type)' is a type that the user has used"
                : "'\(type)' is new for the user, who has used \(known.joined(separator: ", "))",
        ]
        return report
    }

    @inline(__always)
    func update(hour: UInt8, state: inout UserState) {
        state.hours.insert(hour)
    }

    /// The types stored for a user, ascending by bytes.
    static func typeNames(_ state: borrowing UserState, _ symbols: borrowing SymbolTable) -> [[UInt8]] {
        var names: [[UInt8]] = []
        for type in state.types { names.append(symbols.text(type.symbol)) }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }
}
