/// The number of transactions and frauds by score, in steps of a millionth, as in assessments.
struct RankingCurve {
    private var transactions = [UInt64](repeating: 0, count: 1_000_001)
    private var hits = [UInt64](repeating: 0, count: 1_000_001)

    mutating func add(_ score: Double, isFraud: Bool) {
        let step = Int((min(max(score, 0), 1) * 1_000_000).rounded())
        transactions[step] += 1
        if isFraud { hits[step] += 1 }
    }

    /// The mean precision over the frauds, from the greatest score down; those with equal scores are found together.
    func averagePrecision(of frauds: UInt64) -> Double? {
        guard frauds > 0 else { return nil }
        var sum = 0.0
        forEachScore { alarms, found, new in sum += Double(new) * Double(found) / Double(alarms) }
        return sum / Double(frauds)
    }

    /// Recall and precision from the greatest score down, at most so many points.
    func points(of frauds: UInt64, most: Int) -> [BacktestReport.CurvePoint] {
        guard frauds > 0 else { return [] }
        var points: [BacktestReport.CurvePoint] = []
        var last = -1
        forEachScore { alarms, found, _ in
            let (recall, precision) = (Double(found) / Double(frauds), Double(found) / Double(alarms))
            let step = Int(recall * Double(most))
            // Of those that are drawn at one place, the last.
            if step == last { points.removeLast() }
            points.append(BacktestReport.CurvePoint(recall: recall, precision: precision))
            last = step
        }
        return points
    }

    /// How many transactions have scores in each of so many parts of the range, and how many of them were fraud.
    func histogram(parts: Int) -> [BacktestReport.Bar] {
        var bars = [BacktestReport.Bar](repeating: BacktestReport.Bar(), count: parts)
        for step in transactions.indices where transactions[step] > 0 {
            let part = min(step * parts / 1_000_000, parts - 1)
            bars[part].transactions += transactions[step]
            bars[part].frauds += hits[step]
        }
        return bars
    }

    private func forEachScore(_ body: (_ alarms: UInt64, _ found: UInt64, _ new: UInt64) -> Void) {
        var (alarms, found): (UInt64, UInt64) = (0, 0)
        for step in transactions.indices.reversed() where transactions[step] > 0 {
            alarms += transactions[step]
            found += hits[step]
            body(alarms, found, hits[step])
        }
    }
}
