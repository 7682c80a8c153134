import AssayCore
import StateStore
import Testing

@testable import Assay

/// What is told, and when: decided without any clock.
@Suite struct AlertGateTests {
    static let minute: Int64 = 60_000

    @Test(
        "The same matter is told once within its quiet time, whatever order events come in",
        arguments: [
            (told: nil, time: 1000, isTold: true), (told: 1000, time: 1000, isTold: false),
            (told: 1000, time: 300_999, isTold: false), (told: 1000, time: 301_000, isTold: true),
            (told: 301_000, time: 1001, isTold: false), (told: 301_000, time: 1000, isTold: true),
        ] as [(told: Int64?, time: Int64, isTold: Bool)])
    func quiet(_ told: Int64?, _ time: Int64, _ isTold: Bool) {
        let verdict = AlertGate.verdict(at: time, told: told, quiet: 5 * Self.minute)
        // An old one does not make the last one forgotten.
        #expect(verdict == (isTold ? .tell(told: max(time, told ?? time)) : .quiet))
    }

    @Test("Without a quiet time everything is told")
    func noQuiet() {
        #expect(AlertGate.verdict(at: 5, told: 5, quiet: 0) == .tell(told: 5))
    }

    @Test("What is more than a rule may make a minute is put together until that minute ends")
    func bursts() {
        var burst: AlertStore.Burst?
        var places: [AlertGate.Place] = []
        for now in [100, 200, 300, 400, 60_099, 60_100] as [Int64] {
            let place = AlertGate.place(&burst, at: now, perMinute: 2)
            if case .first = place { burst?.alert = 7 }
            places.append(place)
        }
        #expect(places == [.alone, .alone, .first(due: 60_100), .into(7), .into(7), .alone])
        #expect(burst == AlertStore.Burst(minute: 60_100, count: 1))
        // A clock that was set back begins a new minute.
        #expect(AlertGate.place(&burst, at: 50, perMinute: 2) == .alone)
        #expect(burst?.minute == 50)
    }

    private static func rule(for milliseconds: Int64, quiet: Int64, resolves: Bool) -> AlertRule {
        let position = TextPosition(line: 1, column: 1)
        var rule = AlertRule(
            name: "late", position: position, subject: .engine,
            on: SourceText(text: "engine", position: position, textPosition: nil))
        (rule.forMilliseconds, rule.quietMilliseconds, rule.resolves) = (milliseconds, quiet, resolves)
        return rule
    }

    @Test("A condition of the engine fires once it has held long enough, and is over once it does not hold")
    func engine() {
        let rule = Self.rule(for: 60_000, quiet: 300_000, resolves: true)
        var condition = AlertStore.Condition()
        let looks: [(Int64, Bool?, EngineGate.Action)] = [
            (0, true, .nothing), (59_999, true, .nothing), (60_000, true, .fire), (70_000, true, .nothing),
            // Not known is no change.
            (80_000, nil, .nothing), (90_000, false, .resolve), (100_000, false, .nothing),
            // Again within the quiet time: not told, until that is over.
            (110_000, true, .nothing), (200_000, true, .nothing), (359_999, true, .nothing), (360_000, true, .fire),
        ]
        for (now, holds, action) in looks {
            #expect(EngineGate.look(&condition, holds: holds, at: now, rule) == action, "at \(now)")
        }
        #expect(condition.episode == 2)
    }

    @Test("What is over is not told where nobody wants to know")
    func silentEnd() {
        let rule = Self.rule(for: 0, quiet: 0, resolves: false)
        var condition = AlertStore.Condition()
        #expect(EngineGate.look(&condition, holds: true, at: 1, rule) == .fire)
        #expect(EngineGate.look(&condition, holds: false, at: 2, rule) == .nothing)
        #expect(EngineGate.look(&condition, holds: true, at: 3, rule) == .fire)
    }
}

/// The pace at which a channel is given things.
@Suite struct ChannelPaceTests {
    @Test("What is refused has failed at once, what is unavailable is tried again with growing pauses")
    func rulings() {
        var pace = ChannelPace(secondsBetween: 0, giveUpMilliseconds: 86_400_000)
        func end(_ outcome: AlertOutcome, _ attempts: Int64 = 1, age: Int64 = 0) -> ChannelPace.Ruling {
            pace.begin(at: 0)
            return pace.end(outcome, attempts: attempts, age: age, at: 0, random: 0.5)
        }
        #expect(end(.accepted) == .sent)
        #expect(end(.refused("HTTP 410")) == .failed(answer: "HTTP 410"))
        #expect(end(.unavailable("HTTP 503")) == .retry(after: 1000, answer: "HTTP 503"))
        #expect(end(.unavailable("x"), 4) == .retry(after: 8000, answer: "x"))
        #expect(end(.unavailable("x"), 40) == .retry(after: 300_000, answer: "x"))
        #expect(end(.unavailable("x", after: 400), 1) == .retry(after: 400_000, answer: "x"))
        #expect(end(.unavailable("x"), 9, age: 86_400_000) == .failed(answer: "given up: x"))
        // A server can't ask for more than the time until one gives up.
        #expect(end(.unavailable("x", after: 1e300), 1) == .retry(after: 86_400_000, answer: "x"))
        #expect(end(.unavailable("x", after: -.infinity), 1) == .retry(after: 1000, answer: "x"))
    }

    @Test("Pauses stay between a second and five minutes, and are not all the same", arguments: 1...30)
    func pauses(_ failures: Int) {
        let pauses = [0, 0.25, 0.5, 0.75, 1].map { ChannelPace.pause(failures, $0) }
        #expect(pauses.allSatisfy { (1000...300_000).contains($0) })
        #expect(pauses == pauses.sorted())
        #expect(Set(pauses).count > 1)
    }

    @Test("A channel gets four at once, one while it is down, and none while it has asked for a pause")
    func room() {
        var pace = ChannelPace(secondsBetween: 0, giveUpMilliseconds: 86_400_000)
        #expect(pace.room(at: 0) == 4)
        for _ in 0..<4 { pace.begin(at: 0) }
        #expect(pace.room(at: 0) == 0)
        for _ in 0..<3 { _ = pace.end(.unavailable("x"), attempts: 1, age: 0, at: 0, random: 0.5) }
        #expect(pace.room(at: 0) == 3)
        _ = pace.end(.unavailable("x"), attempts: 1, age: 0, at: 0, random: 0.5)
        #expect(pace.room(at: 999) == 0)
        #expect(pace.room(at: 1000) == 1)
        pace.begin(at: 1000)
        _ = pace.end(.accepted, attempts: 2, age: 0, at: 1000, random: 0.5)
        #expect(pace.room(at: 1000) == 4)
        pace.begin(at: 1000)
        _ = pace.end(.unavailable("x", after: 7), attempts: 1, age: 0, at: 1000, random: 0.5)
        #expect(pace.room(at: 7999) == 0)
        #expect(pace.room(at: 8000) == 4)
    }

    @Test("A channel that wants time between two deliveries gets them one by one")
    func between() {
        var pace = ChannelPace(secondsBetween: 1, giveUpMilliseconds: 86_400_000)
        #expect(pace.room(at: 0) == 1)
        pace.begin(at: 0)
        _ = pace.end(.accepted, attempts: 1, age: 0, at: 10, random: 0.5)
        #expect(pace.room(at: 999) == 0)
        #expect(pace.room(at: 1000) == 1)
    }
}

/// What an alert consists of.
@Suite struct AlertMakingTests {
    @Test("Matters that are too long are cut, and stay two matters")
    func longMatters() {
        let long = String(repeating: "é", count: 3000)
        let (one, two) = (AlertMaking.matter([("k", long + "a")]), AlertMaking.matter([("k", long + "b")]))
        #expect(one != two && one.utf8.count < 1100 && one.hasPrefix("k=éé"))
        #expect(AlertMaking.matter([("a", "1"), ("b", "2")]) == "a=1, b=2")
    }

    @Test("An id is made of rule, matter, number and time, and of nothing else")
    func ids() {
        let id = AlertMaking.id("r", "m", 1, 2)
        #expect(id == AlertMaking.id("r", "m", 1, 2) && id.hasPrefix("r-") && id.count == 26)
        let others = [
            AlertMaking.id("q", "m", 1, 2), AlertMaking.id("r", "n", 1, 2), AlertMaking.id("r", "m", 2, 2),
            AlertMaking.id("r", "m", 1, 3),
        ]
        #expect(Set(others + [id]).count == 5)
    }

    @Test("Texts are cut between characters", arguments: 3...20)
    func cuts(_ most: Int) {
        let text = "añ🇯🇵é€x"
        let cut = AlertText.cut(text, most)
        #expect(cut.utf8.count <= most)
        #expect(cut == text || cut.hasSuffix("…") && text.hasPrefix(cut.dropLast()))
    }
}
