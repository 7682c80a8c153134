import Testing

@testable import AssayCore

/// What must not become a user's habit.
@Suite struct SparingTests {
    private static let noon = 1_767_268_800

    /// Six ordinary payments, all at noon of one place.
    private static func user(_ settings: ScoringSettings = ScoringSettings()) -> ScoringHarness {
        var harness = ScoringHarness(settings: settings)
        let lines = (0..<6).map { line(id: "usual\($0)", time: "\(noon + $0 * 60)", more: here) }
        _ = harness.score(lines.joined(separator: "\n"))
        return harness
    }

    private static let here = #","location":{"latitude":48.1,"longitude":11.5}"#
    private static let far = #","location":{"latitude":-33.9,"longitude":151.2}"#

    private static func attack(_ index: Int, _ more: String = far) -> String {
        line(id: "attack\(index)", amount: "9000", time: "\(noon + 3600 + index * 600)", more: more)
    }

    @Test("Equal attacks in a row stay critical, however many were stopped before")
    func attacks() {
        var harness = Self.user()
        let lines = (0..<16).map { Self.attack($0) }
        let assessments = harness.score(lines.joined(separator: "\n")).assessments
        #expect(assessments.count == 16)
        #expect(assessments.allSatisfy { $0.contains(#""risk_level":"critical","risk_score":1,"#) })
        // Sixteen taught nothing; the next one teaches, and then the place is known.
        let more = harness.score([Self.attack(16), Self.attack(17)].joined(separator: "\n")).assessments
        #expect(more[0].contains("unusual_location") && !more[1].contains("unusual_location"))
    }

    @Test("One that is below the bound begins the row anew")
    func interrupted() {
        var harness = Self.user()
        for round in 0..<4 {
            let lines = (0..<10).map { Self.attack(round * 20 + $0) }
            let assessments = harness.score(lines.joined(separator: "\n")).assessments
            #expect(assessments.allSatisfy { $0.contains("unusual_location") })
            _ = harness.score(line(id: "between\(round)", time: "\(Self.noon + 9000)", more: Self.here))
        }
    }

    @Test("A bound above one lets every transaction teach", arguments: [1.0, 1.5])
    func off(_ bound: Double) {
        var settings = ScoringSettings()
        settings.sparedFrom = bound
        var harness = Self.user(settings)
        let assessments = harness.score([Self.attack(0), Self.attack(1)].joined(separator: "\n")).assessments
        #expect(assessments[1].contains("unusual_location") == (bound == 1))
    }

    @Test("A spared transaction counts, is a duplicate when it comes again, and fills its type's window")
    func counted() throws {
        var harness = Self.user()
        _ = harness.score((0..<16).map { Self.attack($0) }.joined(separator: "\n"))
        #expect(harness.score(Self.attack(15)).rejects.map(\.reason) == [.duplicate])
        let bytes = try #require(harness.stage.encodedStates().first?.bytes)
        let record = try bytes.withUnsafeBytes { try UserRecord(id: [], state: $0) }
        #expect(record.transactions == 22 && record.sparedInARow == 16)
        #expect(record.lastTime == Int64((Self.noon + 3600 + 15 * 600) * 1000))
        #expect(record.places.count == 1 && record.amounts.map(\.count) == [6])
        #expect(record.types.map { $0.times.last } == [record.lastTime])
    }

    @Test("A type that only spared transactions had stays unknown, and leaves no symbol")
    func unknownTypes() {
        var harness = Self.user()
        let known = harness.stage.symbolCount
        for index in 0..<16 {
            let type = #","transaction_type":"wire\#(index)""#
            let result = harness.score(Self.attack(index, Self.far + type))
            #expect(result.assessments.allSatisfy { $0.contains(#""typical_types":["payment"]"#) })
        }
        #expect(harness.stage.symbolCount == known)
    }

    @Test("A time from the future makes nobody forget the payments of the last minutes")
    func future() {
        var harness = ScoringHarness()
        let burst = (0..<25).map { line(id: "\($0)", time: "\(Self.noon + $0)") }
        _ = harness.score(burst.joined(separator: "\n"))
        _ = harness.score(line(id: "future", time: "\(Self.noon + 7200)"))
        let next = harness.score(line(id: "next", time: "\(Self.noon + 60)")).assessments
        #expect(next.first?.contains(#""window":300,"count":25"#) == true)
    }

    @Test("A time far ahead ends no state, and is a factor where the settings say so", arguments: [0.0, 0.5])
    func farAhead(_ risk: Double) throws {
        var settings = ScoringSettings()
        settings.time.futureRisk = risk
        var harness = Self.user(settings)
        let ahead = 91 * 86_400
        let early = try #require(
            harness.score(line(id: "early", time: "\(Self.noon + 300 + ahead)", more: Self.here)).assessments.first)
        let factor = #"{"type":"future_timestamp","ahead_seconds":7862400,"risk_score":0.5}"#
        #expect(early.contains(factor) == (risk > 0))
        let next = try #require(harness.score(Self.attack(0)).assessments.first)
        #expect(next.contains("unusual_location") && next.contains("unusual_amount"))
    }
}
