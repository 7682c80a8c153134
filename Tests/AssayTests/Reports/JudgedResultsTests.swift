import AssayCore
import StateStore
import Testing

@testable import Assay

/// How good scores were, by what people say.
@Suite struct JudgedResultsTests {
    private static let day: Int64 = 86_400_000
    /// A Monday.
    private static let monday: Int64 = 1_735_516_800_000

    private static func judgement(
        _ verdict: ReviewVerdict, _ score: Double, _ level: RiskLevel = .high, event: Int64 = monday, wait: Int64 = 1
    ) -> Judgement {
        var judgement = Judgement(entry: 1, verdict: verdict, who: "a", time: event + wait, key: "k")
        (judgement.score, judgement.level, judgement.eventTime) = (score, level, event)
        return judgement
    }

    @Test("Precision and average precision are those of the judged, without the unsure")
    func figures() {
        let results = JudgedResults([
            Self.judgement(.fraud, 0.9, .critical), Self.judgement(.legitimate, 0.8), Self.judgement(.fraud, 0.7),
            Self.judgement(.unsure, 0.95), Self.judgement(.open, 0.95),
        ])
        #expect(results.all == JudgedResults.Group.of(frauds: 2, legitimate: 1) && results.unsure == 1)
        #expect(results.averagePrecision.map { abs($0 - (1 + 2.0 / 3) / 2) < 1e-9 } == true)
        #expect(results.levels[3].precision == 1 && results.levels[2].precision == 0.5)
        #expect(results.tenths[9].judged == 1 && results.tenths[8].judged == 1 && results.tenths[7].judged == 1)
    }

    @Test("Weeks begin on Monday, before 1970, too")
    func weeks() {
        let results = JudgedResults([
            Self.judgement(.fraud, 0.9, event: Self.monday),
            Self.judgement(.fraud, 0.9, event: Self.monday + 7 * Self.day - 1),
            Self.judgement(.legitimate, 0.9, event: Self.monday + 7 * Self.day),
            Self.judgement(.fraud, 0.9, event: -4 * Self.day),
        ])
        #expect(results.weeks.map(\.start) == [-10 * Self.day, Self.monday, Self.monday + 7 * Self.day])
        #expect(results.weeks.map(\.group.judged) == [1, 2, 1])
        #expect(results.weeks.last?.averagePrecision == nil, "there is none without fraud")
    }

    @Test("A score of 1 is in the last tenth, and ages are up to their bounds")
    func bounds() {
        let results = JudgedResults([
            Self.judgement(.fraud, 1, wait: 3_600_000), Self.judgement(.fraud, 0, wait: 3_600_001),
            Self.judgement(.fraud, 0.5, wait: 31 * Self.day),
        ])
        #expect(results.tenths[9].judged == 1 && results.tenths[0].judged == 1)
        #expect(results.waits.map(\.judged) == [1, 1, 0, 0, 1])
    }

    @Test("Without a judgement there is nothing, and no division by it")
    func nothing() {
        let results = JudgedResults([])
        #expect(results.all.precision == nil && results.averagePrecision == nil && results.weeks.isEmpty)
        #expect(results.json.text.contains(#""average_precision":null"#))
    }
}

extension JudgedResults.Group {
    fileprivate static func of(frauds: UInt64, legitimate: UInt64) -> JudgedResults.Group {
        var group = JudgedResults.Group()
        (group.frauds, group.legitimate) = (frauds, legitimate)
        return group
    }
}
