import AssayCore
import Testing

@testable import Assay

/// What plots are made of.
@Suite struct RunHistoryTests {
    private static func sample(_ second: Int64, low: UInt64, critical: UInt64 = 0) -> RunHistory.Sample {
        RunHistory.Sample(
            time: second * 1000, levels: [low, 0, 0, critical], rejected: low / 10, eventTime: second * 1000)
    }

    @Test("A step has what happened between two samples")
    func steps() {
        var history = RunHistory()
        #expect(history.note(Self.sample(0, low: 100)) == nil, "nothing happened before the first")
        let step = history.note(Self.sample(1, low: 150, critical: 2))
        #expect(step?.levels == [50, 0, 0, 2] && step?.rejected == 5 && step?.eventLag == 0)
        #expect(history.steps(.minutes).count == 1 && history.steps(.hour).isEmpty)
    }

    @Test("Each span keeps its steps and no more", arguments: RunHistory.Span.allCases)
    func bound(_ span: RunHistory.Span) {
        var history = RunHistory()
        let seconds = Int64(span.steps + 3) * span.stepMilliseconds / 1000
        for second in stride(from: 0, through: seconds, by: Int(max(1, span.stepMilliseconds / 1000))) {
            history.note(Self.sample(second, low: UInt64(second)))
        }
        #expect(history.steps(span).count == span.steps)
        #expect(history.steps(span).last?.time == seconds * 1000)
        #expect(history.steps(span).allSatisfy { $0.levels[0] == UInt64(span.stepMilliseconds / 1000) })
    }

    @Test("Samples that come a little early or late make the same steps, and a clock that goes back makes no gap")
    func jitter() {
        var history = RunHistory()
        var time: Int64 = 0
        for turn in 0..<50 {
            time += turn % 2 == 0 ? 950 : 1050
            var sample = Self.sample(0, low: UInt64(turn))
            sample.time = time
            history.note(sample)
        }
        #expect(history.steps(.minutes).count == 49)
        var back = Self.sample(0, low: 50)
        back.time = 10
        #expect(history.note(back)?.levels[0] == 1)
    }

    @Test("Counts that begin anew are nothing, not a great number")
    func anew() {
        var history = RunHistory()
        history.note(Self.sample(0, low: 100))
        #expect(history.note(Self.sample(1, low: 3))?.levels[0] == 0)
    }

    @Test("A rule's last day is counted from what was known a day ago, or when the process began")
    func rules() {
        var history = RuleHistory()
        let hour: Int64 = 3_600_000
        for step in 0..<50 {
            let count = UInt64(step * 10)
            history.note(
                [Tally(name: "rule:fast", count: count), Tally(name: "rule:fast:too_costly", count: 1)],
                at: Int64(step) * hour)
        }
        let figures = history.figures(of: "fast")
        #expect(figures.fired == 490 && figures.firedLately == 240 && figures.failed == 1 && figures.failedLately == 0)
        #expect(history.since == 25 * hour)
        #expect(history.figures(of: "fas") == RuleHistory.Figures())
    }
}
