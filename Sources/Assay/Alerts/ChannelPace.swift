import StateStore

/// When a channel may be given something, and what becomes of what it did not take. Knows no clock: times come as
/// arguments, in milliseconds of one that only goes forward, or of the time of day where they are kept.
struct ChannelPace {
    /// What becomes of a delivery.
    enum Ruling: Equatable {
        case sent
        /// Again so many milliseconds later.
        case retry(after: Int64, answer: String)
        case failed(answer: String)
    }

    private let millisecondsBetween: Int64
    private let giveUpMilliseconds: Int64
    private(set) var underWay = 0
    /// How many deliveries have failed since the last one that was accepted.
    private var failures = 0
    /// Nothing is begun before.
    private(set) var pausedUntil: Int64 = .min

    /// A channel gets so many deliveries at once, and one while it seems to be down.
    static let mostUnderWay = 4
    /// So many failures in a row make that likely. Fewer concern what was sent alone, which waits by itself.
    static let downAfter = 4
    static let leastPause: Int64 = 1000
    static let longestPause: Int64 = 300_000

    init(secondsBetween: Double, giveUpMilliseconds: Int64) {
        millisecondsBetween = Int64(secondsBetween * 1000)
        self.giveUpMilliseconds = giveUpMilliseconds
    }

    /// It has not taken the last ones.
    var isDown: Bool { failures >= Self.downAfter }

    /// How many deliveries may begin now.
    func room(at now: Int64) -> Int {
        guard now >= pausedUntil else { return 0 }
        // Who asks for a pause between two gets them one by one.
        let most = isDown || millisecondsBetween > 0 ? 1 : Self.mostUnderWay
        return max(0, most - underWay)
    }

    mutating func begin(at now: Int64) {
        underWay += 1
        if millisecondsBetween > 0 { pausedUntil = max(pausedUntil, now + millisecondsBetween) }
    }

    /// `attempts`: of what was sent, this one included; `age`: how long ago the alert was made; `random`: from 0 to 1.
    mutating func end(
        _ outcome: AlertOutcome, attempts: Int64, age: Int64, at now: Int64, random: Double
    ) -> Ruling {
        underWay -= 1
        switch outcome {
        case .accepted:
            failures = 0
            return .sent
        case .refused(let answer):
            // The server is there and answers: others may be taken.
            failures = 0
            return .failed(answer: answer)
        case .unavailable(let answer, let seconds):
            failures += 1
            let asked = Int64(min(max(seconds ?? 0, 0), Double(giveUpMilliseconds) / 1000) * 1000)
            let pause = isDown ? Self.pause(failures - Self.downAfter + 1, random) : 0
            pausedUntil = max(pausedUntil, now + max(asked, pause))
            guard age < giveUpMilliseconds else { return .failed(answer: "given up: \(answer)") }
            return .retry(after: max(asked, Self.pause(Int(clamping: attempts), random)), answer: answer)
        }
    }

    /// Doubles with each failure up to a bound, a quarter more or less, so that many do not come at once.
    static func pause(_ failures: Int, _ random: Double) -> Int64 {
        let doubled = leastPause << Int64(min(max(failures, 1) - 1, 20))
        let pause = Double(min(doubled, longestPause)) * (0.75 + random / 2)
        return min(max(Int64(pause), leastPause), longestPause)
    }
}
