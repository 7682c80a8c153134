import Glibc

/// What the labels of one value of a risk key come to: fraud and all, halving in one, five and twenty days.
package struct RiskMemory: Equatable, Sendable {
    /// Of the last labels alone.
    package var recent = 0.0
    package var frauds = SIMD4<Double>()
    package var labels = SIMD4<Double>()
    /// In milliseconds.
    package var last: Int64

    package static let halfLives = SIMD4<Double>(dayMilliseconds, 5 * dayMilliseconds, 20 * dayMilliseconds, 1)
    /// How far a label moves what the last ones say.
    private static let recentStep = 0.35

    package init(last: Int64) {
        self.last = last
    }

    /// What is left of one after some time, for each of the half-lives.
    @inline(__always)
    static func decays(_ milliseconds: Int64) -> SIMD4<Double> {
        if milliseconds == 0 { return SIMD4(1, 1, 1, 0) }
        let time = -Double(milliseconds)
        return SIMD4(exp2(time / halfLives.x), exp2(time / halfLives.y), exp2(time / halfLives.z), 0)
    }

    /// Takes what became known of a transaction at `time`. `counts`: it is not known here yet.
    mutating func add(_ value: Double, counts: Bool, at time: Int64) {
        let count: Double = counts ? 1 : 0
        if time >= last {
            let decay = Self.decays(time - last)
            frauds = Self.positive(frauds * decay + SIMD4(repeating: value))
            labels = labels * decay + SIMD4(repeating: count)
            last = time
        } else {
            let decay = Self.decays(last - time)
            frauds = Self.positive(frauds + value * decay)
            labels += count * decay
        }
    }

    /// Moves what the last labels say.
    mutating func turn(to fraud: Double) { recent += Self.recentStep * (fraud - recent) }

    private static func positive(_ values: SIMD4<Double>) -> SIMD4<Double> {
        var bounded = values.replacing(with: 0, where: values .< 0)
        bounded.w = 0
        return bounded
    }

    /// The shares of fraud after some time, with one label at the share of all.
    func rates(after milliseconds: Int64, shareOfAll: Double) -> SIMD4<Double> {
        let decay = Self.decays(milliseconds)
        return (frauds * decay + shareOfAll) / (labels * decay + 1)
    }
}
