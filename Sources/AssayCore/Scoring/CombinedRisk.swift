extension ScoringSettings.Combination {
    /// Returns one score from the factors of one transaction, the last ones of the list. Only the greatest risk of each
    /// check counts.
    func score(_ list: borrowing FactorList, last count: Int) -> Double {
        score(list, last: count, CombinedRisk(combination: self)) { _ in true }
    }

    /// The same with a probability in the place of what the five checks have found.
    func score(_ list: borrowing FactorList, last count: Int, inPlaceOfChecks probability: Double) -> Double {
        var combined = CombinedRisk(combination: self)
        combined.add(probability)
        return score(list, last: count, combined) { !$0.isHabit && $0 != .model }
    }

    @inline(__always)
    private func score(
        _ list: borrowing FactorList, last count: Int, _ beginning: CombinedRisk, counts: (Check) -> Bool
    ) -> Double {
        var combined = beginning
        var check: Check?
        var greatest = 0.0
        // Factors of one check are adjacent.
        for index in list.factors.count - count..<list.factors.count {
            let factor = list.factors[index]
            if factor.check != check {
                if let check, counts(check) { combined.add(greatest) }
                check = factor.check
                greatest = 0
            }
            greatest = Swift.max(greatest, factor.risk)
        }
        if let check, counts(check) { combined.add(greatest) }
        return combined.value
    }
}

private struct CombinedRisk {
    let combination: ScoringSettings.Combination
    private var innocence = 1.0
    private var greatest = 0.0
    private var sum = 0.0
    private var count = 0.0

    init(combination: ScoringSettings.Combination) {
        self.combination = combination
    }

    mutating func add(_ risk: Double) {
        innocence *= 1 - risk
        greatest = max(greatest, risk)
        sum += risk
        count += 1
    }

    var value: Double {
        if count == 0 { return 0 }
        return switch combination {
        case .noisyOr: 1 - innocence
        case .max: greatest
        case .mean: sum / count
        }
    }
}
