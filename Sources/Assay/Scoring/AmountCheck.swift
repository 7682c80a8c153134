/// An amount unlike the user's earlier ones in the same currency.
struct AmountCheck {
    private let settings: ScoringSettings.Amount
    private let minHistory: UInt64

    init(_ settings: ScoringSettings.Amount, minHistory: UInt64) {
        self.settings = settings
        // There is no mean of nothing.
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
        let variance = history.count > 1 ? history.squares / Double(history.count - 1) : 0
        let deviation = max(
            variance.squareRoot(), settings.leastRelativeDeviation * history.mean, settings.leastDeviation)
        let zScore = abs(amount - history.mean) / deviation
        if zScore > settings.zScore {
            factors.append(
                .unusualAmount(
                    amount: amount, average: history.mean, zScore: zScore,
                    risk: min(zScore / settings.fullRiskZScore, 1)))
        }
    }

    @inline(__always)
    func update(_ amount: Double, _ currency: CurrencyCode, state: inout UserState) {
        state.useAmounts(in: currency)
        state.amounts[0].add(amount)
    }
}
