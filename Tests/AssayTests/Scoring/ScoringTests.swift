import Testing

@testable import Assay
@testable import AssayCore

@Suite struct ScoringTests {
    @Test("The plane settles places exactly as the sphere does", arguments: Seed.several(3))
    func planeAgainstSphere(_ seed: Seed) throws {
        var random = seed.random
        var (near, between, far) = (0, 0, 0)
        let check = LocationCheck(ScoringSettings().location)
        for _ in 0..<60_000 {
            let latitude = random.unit() * 170 - 85
            let center = Location(latitude: latitude, longitude: random.unit() * 360 - 180)
            let spread = [0.002, 0.01, 0.5, 1.2, 30][Int(random.below(5))]
            func neighbour() -> Location {
                let longitude = center.longitude + random.bell() * spread
                return Location(
                    latitude: min(max(center.latitude + random.bell() * spread, -90), 90),
                    longitude: longitude > 180 ? longitude - 360 : longitude < -180 ? longitude + 360 : longitude)
            }
            let state = UserStateWithPlaces((0...random.below(5)).map { _ in neighbour() })
            let place = neighbour()
            let distances = state.places.map { LocationCheck.haversineKilometers(place, $0) }
            let nearest = try #require(distances.min())
            switch check.find(place, among: state.state.places) {
            case .visited(let index):
                near += 1
                #expect(nearest <= 1 && distances[index] == nearest && distances.firstIndex(of: nearest) == index)
            case .newPlace(let kilometers):
                #expect(nearest > 1 && kilometers == (nearest > 100 ? nearest : nil), "\(place) \(state.places)")
                if kilometers == nil { between += 1 } else { far += 1 }
            }
        }
        #expect(near > 1000 && between > 1000 && far > 1000)
    }

    @Test("Of two places equally near, the one visited last is visited again")
    func ties() throws {
        let check = LocationCheck(ScoringSettings().location)
        let state = UserStateWithPlaces([
            Location(latitude: 0, longitude: 0.005), Location(latitude: 0, longitude: -0.005),
        ])
        guard case .visited(let index) = check.find(Location(latitude: 0, longitude: 0), among: state.state.places)
        else { throw Unexpected() }
        #expect(index == 0)
    }

    @Test(
        "Scores combine the greatest risk of each check",
        arguments: [
            (.noisyOr, 1 - 0.5 * 0.8), (.max, 0.5), (.mean, 0.35),
        ] as [(ScoringSettings.Combination, Double)])
    func combinations(_ combination: ScoringSettings.Combination, _ expected: Double) {
        let factors: [RiskFactor] = [
            .unusualTime(hour: 1, typicalHours: HourSet(), risk: 0.3), .unusualType(firstType: 0, types: 0, risk: 0.5),
            .lateNight(hour: 3, risk: 0.2),
        ]
        var list = FactorList()
        list.append(.unusualLocation(kilometers: 900, risk: 0.9))
        for factor in factors { list.append(factor) }
        // What stands before belongs to other transactions.
        #expect(abs(combination.score(list, last: factors.count) - expected) < 1e-12)
        #expect(combination.score(list, last: 0) == 0)
    }

    @Test(
        "Scores within the tolerance belong to the higher level",
        arguments: [
            (0.3 - 1e-10, RiskLevel.medium), (0.3 - 1e-8, .low), (0.6, .high), (0.8 - 1e-10, .critical), (1, .critical),
        ] as [(Double, RiskLevel)])
    func levels(_ score: Double, _ expected: RiskLevel) {
        #expect(ScoringSettings.Levels().level(of: score) == expected)
    }

    @Test("A user who was away longer than the state lives starts again")
    func expiry() {
        var settings = ScoringSettings()
        settings.maxAheadMilliseconds = 365 * 86_400_000
        var harness = ScoringHarness(settings: settings)
        let start: Int64 = 1_767_225_600_000
        let day: Int64 = 86_400_000
        var text = (0..<6).map { line(id: "\($0)", time: "\(start + Int64($0))") }.joined(separator: "\n")
        text += "\n" + line(id: "same", amount: "1000", time: "\(start + 5 + 90 * day)")
        text += "\n" + line(id: "same", amount: "9000", time: "\(start + 6 + 180 * day)")
        let assessments = harness.score(text).assessments
        #expect(assessments.count == 8)
        #expect(assessments[6].contains("unusual_amount"))
        #expect(!assessments[7].contains("unusual_amount"))
    }

    @Test("A duplicate is one of the user's last sixteen, and leaves no trace")
    func duplicates() {
        var harness = ScoringHarness()
        let lines = (0..<17).map { line(id: "\($0)", time: "\(1_767_225_600 + $0)") }
        _ = harness.score(lines.joined(separator: "\n"))
        #expect(harness.score(line(id: "1")).rejects.map(\.reason) == [.duplicate])
        #expect(harness.score(line(id: "1", user: "another")).assessments.count == 1)
        #expect(harness.score(line(id: "0")).assessments.count == 1)
        var settings = ScoringSettings()
        settings.deduplicate = false
        var lenient = ScoringHarness(settings: settings)
        #expect(lenient.score(line(id: "1") + "\n" + line(id: "1")).assessments.count == 2)
    }

    @Test("Every setting of the checks changes what it says it does")
    func settings() throws {
        func score(_ change: (inout ScoringSettings) -> Void) throws -> String {
            var settings = ScoringSettings()
            change(&settings)
            var harness = ScoringHarness(settings: settings)
            // A Wednesday at 12, then a Saturday at 3 from Paris, much more, of another type.
            let usual = (0..<6).map { line(id: "\($0)", time: "\(1_767_182_400 + $0)", more: Self.london) }
            _ = harness.score(usual.joined(separator: "\n"))
            return try #require(
                harness.score(
                    line(id: "x", amount: "15", time: "1767409200", more: Self.paris)
                ).assessments.first)
        }
        let usual = try score { _ in }
        #expect(usual.contains(#""distance_km":343."#) && usual.contains(#""z_score":5,"#))
        #expect(usual.contains("late_night") && usual.contains("weekend_unusual") && usual.contains("unusual_tran"))
        let changes: [(String, (inout ScoringSettings) -> Void)] = [
            ("unusual_location", { $0.location.unusualKilometers = 400 }),
            ("unusual_amount", { $0.amount.zScore = 6 }),
            ("unusual_amount", { $0.amount.leastRelativeDeviation = 1 }),
            ("late_night", { $0.time.nightFirstHour = 4 }),
            (
                "late_night",
                {
                    $0.time.nightFirstHour = 22; $0.time.nightLastHour = 1
                }
            ),
            ("unusual_time", { $0.minHistory = 7 }),
        ]
        for (factor, change) in changes { #expect(!(try score(change)).contains(factor), "\(factor)") }
        let risks: [(String, (inout ScoringSettings) -> Void)] = [
            (#""hour":3,"typical_hours":[12],"risk_score":0.11}"#, { $0.pattern.unusualTimeRisk = 0.11 }),
            (#""typical_types":["payment"],"risk_score":0.12}"#, { $0.pattern.unusualTypeRisk = 0.12 }),
            (#""hour":3,"risk_score":0.13}"#, { $0.time.nightRisk = 0.13 }),
            (#""weekday":5,"risk_score":0.14}"#, { $0.time.weekendRisk = 0.14 }),
            (
                #""risk_level":"low""#,
                {
                    $0.combination = .mean
                    $0.levels = ScoringSettings.Levels(medium: 0.7, high: 0.7, critical: 0.7)
                }
            ),
            (#""recommendation":"stop \"now\"""#, { $0.recommendations.critical = "stop \"now\"" }),
        ]
        for (text, change) in risks { #expect(try score(change).contains(text), "\(text)") }
    }

    private static let london = #","location":{"latitude":51.5,"longitude":-0.12}"#
    private static let paris = #","location":{"latitude":48.85,"longitude":2.35},"transaction_type":"transfer""#
}

private struct Unexpected: Error {}

/// A state that has been at some places, the first one last.
private struct UserStateWithPlaces: ~Copyable {
    var state = UserState()
    private var pool = BlockPool()

    init(_ places: [Location]) {
        for place in places.reversed() { state.addPlace(place, in: &pool) }
    }

    var places: [Location] { Array(state.places) }
}
