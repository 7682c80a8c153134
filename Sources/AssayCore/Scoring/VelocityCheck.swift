import Arguments

/// Too many transactions of one type in a short time.
struct VelocityCheck {
    private struct Limits {
        /// The index of the first window's threshold.
        let first: Int
        let least: Int
        /// The event times kept per type: more would change no risk, which is greatest at twice the threshold.
        let kept: Int
    }

    private let windowSeconds: [UInt32]
    private let riskAtThreshold: Double
    private let longestMilliseconds: Int64
    /// By symbol, for the types that the settings name: their symbols come first. The last holds for all others.
    private let limits: [Limits]
    /// One per window, for each of those types in turn.
    private let thresholds: [UInt32]

    init(_ settings: ScoringSettings.Velocity, namedTypes: [String]) {
        windowSeconds = settings.windowSeconds
        riskAtThreshold = settings.riskAtThreshold
        longestMilliseconds = Int64(settings.windowSeconds.max() ?? 0) * 1000
        var limits: [Limits] = []
        var all: [UInt32] = []
        for thresholds in namedTypes.map({ settings.thresholds[$0] ?? settings.otherThresholds })
            + [settings.otherThresholds]
        {
            limits.append(
                Limits(
                    first: all.count, least: Int(thresholds.min() ?? 0), kept: 2 * Int(thresholds.max() ?? 0)))
            all += thresholds
        }
        self.limits = limits
        thresholds = all
    }

    @inline(__always)
    private func limits(_ symbol: UInt32) -> Limits {
        limits[min(Int(symbol), limits.count - 1)]
    }

    /// Appends the factors of a transaction whose type is at `typeIndex` in the state.
    @inline(__always)
    func assess(_ time: EventTime, typeIndex: Int, state: borrowing UserState, factors: inout FactorList) {
        let times = state.times(ofType: typeIndex)
        let limits = limits(state.types[typeIndex].symbol)
        // No window can hold more than are kept.
        guard times.count >= limits.least else { return }
        let upper = times.countUp(to: time.milliseconds)
        for index in windowSeconds.indices {
            let count = count(times, upTo: upper, time, window: index)
            let threshold = thresholds[limits.first + index]
            if count >= threshold {
                factors.append(
                    .highVelocity(
                        windowSeconds: windowSeconds[index], count: count, threshold: threshold,
                        risk: risk(count, threshold)))
            }
        }
    }

    /// How many there were in the longest window.
    func countInLongestWindow(_ time: EventTime, typeIndex: Int, state: borrowing UserState) -> UInt32 {
        let times = state.times(ofType: typeIndex)
        return count(times, upTo: times.countUp(to: time.milliseconds), time, window: windowSeconds.count - 1)
    }

    /// How many of the times, of which `upper` are not after this one, are in a window that ends here.
    @inline(__always)
    private func count(
        _ times: UnsafeMutableBufferPointer<Int64>, upTo upper: Int, _ time: EventTime, window: Int
    ) -> UInt32 {
        let start = time.milliseconds - Int64(windowSeconds[window]) * 1000
        return UInt32(upper - min(upper, times.countUp(to: start)))
    }

    @inline(__always)
    private func risk(_ count: UInt32, _ threshold: UInt32) -> Double {
        min(Double(count) / Double(threshold) * riskAtThreshold, 1)
    }

    /// `typeIndex`: nil for a type that is not known, which has no windows yet.
    func report(
        _ time: EventTime, type: String, symbol: UInt32, typeIndex: Int?, state: borrowing UserState
    ) -> CheckReport {
        var report = CheckReport("velocity")
        report.inputs = [("transaction_type", type)]
        for index in windowSeconds.indices {
            var found: UInt32 = 0
            if let typeIndex {
                let times = state.times(ofType: typeIndex)
                found = count(times, upTo: times.countUp(to: time.milliseconds), time, window: index)
            }
            let threshold = thresholds[limits(symbol).first + index]
            report.comparisons.append(
                CheckReport.Comparison(
                    "transactions in \(windowSeconds[index]) s", Double(found), atLeast: Double(threshold),
                    risk: risk(found, threshold)))
            report.words.append(
                "\(Self.counted(found, type)) in \(Self.span(windowSeconds[index])) before this one, "
                    + "fewer than \(Figures.grouped(threshold)) are usual")
        }
        return report
    }

    /// `1 payment`, `17 payments`; names that are no words stay as they are.
    private static func counted(_ count: UInt32, _ type: String) -> String {
        let isWord = type.utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        let noun = isWord ? (count == 1 ? type : type + "s") : (count == 1 ? "'\(type)'" : "of '\(type)'")
        return "\(count == 0 ? "no" : Figures.grouped(count)) \(noun)"
    }

    private static func span(_ seconds: UInt32) -> String {
        for (unit, length) in [("day", UInt32(86_400)), ("hour", 3600), ("minute", 60)] where seconds % length == 0 {
            let count = seconds / length
            return count == 1 ? "1 \(unit)" : "\(count) \(unit)s"
        }
        return seconds == 1 ? "1 second" : "\(seconds) seconds"
    }

    /// Records a transaction of the type used last.
    @inline(__always)
    func update(_ time: EventTime, state: inout UserState, pool: inout BlockPool) {
        // A time from the future makes nobody forget: what was there before it still counts for those that follow.
        let reached = min(time, state.lastTime ?? time)
        state.addTime(
            time, forgettingUpTo: reached.milliseconds - longestMilliseconds,
            limit: limits(state.types[0].symbol).kept, in: &pool)
    }
}
