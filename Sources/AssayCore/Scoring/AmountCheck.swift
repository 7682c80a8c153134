import Arguments

/// An amount unlike the user's earlier ones in the same currency.
struct AmountCheck {
    private let settings: ScoringSettings.Amount
    private let minHistory: UInt64
    /// The square of a z-score that stays below the settings' whatever the rounding.
    private let clearlyUsual: Double

    init(_ settings: ScoringSettings.Amount, minHistory: UInt64) {
        self.settings = settings
        clearlyUsual = settings.zScore * settings.zScore * 0.999
        // A mean needs a value.
        self.minHistory = max(minHistory, 1)
    }

    @inline(__always)
    func assess(
        _ amount: Double, _ currency: CurrencyCode, state: borrowing UserState, factors: inout FactorList
    ) {
        let amounts = state.amounts
        guard let index = amounts.firstIndex(where: { $0.currency == currency }) else { return }
        let history = amounts[index]
        guard history.count >= minHistory else { return }
        let difference = amount - history.mean
        let others = Double(history.count) - 1
        // Clearly within the deviation, as nearly all are: needs no root and no division.
        if difference * difference * others < clearlyUsual * history.squares { return }
        let zScore = zScore(difference, deviation(history))
        if zScore > settings.zScore {
            factors.append(
                .unusualAmount(amount: amount, average: history.mean, zScore: zScore, risk: risk(zScore)))
        }
    }

    @inline(__always)
    private func risk(_ zScore: Double) -> Double { min(zScore / settings.fullRiskZScore, 1) }

    func report(_ amount: Double, _ currency: CurrencyCode, state: borrowing UserState) -> CheckReport {
        var report = CheckReport("amount")
        report.inputs = [("amount", "\(amount)"), ("currency", String(decoding: currency.bytes, as: UTF8.self))]
        let history = state.amounts.first { $0.currency == currency }
        guard let history, let zScore = zScore(amount, history) else {
            report.silence =
                "\(history?.count ?? 0) transactions in this currency so far; amounts are judged from "
                + "\(minHistory) on"
            return report
        }
        report.inputs += [
            ("mean", "\(history.mean)"), ("deviation", "\(deviation(history))"), ("transactions", "\(history.count)"),
        ]
        report.comparisons = [
            CheckReport.Comparison("deviations from the mean", zScore, above: settings.zScore, risk: risk(zScore))
        ]
        let unit = currency.bytes.isEmpty ? "" : " " + String(decoding: currency.bytes, as: UTF8.self)
        report.words = [
            "\(Figures.decimal(amount, digits: 2))\(unit), \(Figures.decimal(history.mean, digits: 2)) on average over "
                + "\(Figures.grouped(history.count)) transactions",
            "\(Figures.decimal(zScore, digits: 1)) deviations of \(Figures.decimal(deviation(history), digits: 2)) "
                + "from that, up to \(Figures.decimal(settings.zScore, digits: 1)) are usual",
        ]
        return report
    }

    /// The deviation that amounts are measured by.
    @inline(__always)
    func deviation(_ history: UserState.AmountHistory) -> Double {
        let others = Double(history.count) - 1
        let variance = others > 0 ? history.squares / others : 0
        return max(variance.squareRoot(), settings.leastRelativeDeviation * history.mean, settings.leastDeviation)
    }

    @inline(__always)
    private func zScore(_ difference: Double, _ deviation: Double) -> Double {
        // JSON has no infinity.
        min(abs(difference) / deviation, .greatestFiniteMagnitude)
    }

    /// Nil while there is too little history.
    func zScore(_ amount: Double, _ history: UserState.AmountHistory) -> Double? {
        history.count >= minHistory ? zScore(amount - history.mean, deviation(history)) : nil
    }

    @inline(__always)
    func update(_ amount: Double, _ currency: CurrencyCode, state: inout UserState, pool: inout BlockPool) {
        state.useAmounts(of: currency, in: &pool)
        state.amounts[0].add(amount)
    }
}
