import Testing

@testable import Assay

/// The order in which a run takes from several sources.
@Suite struct OrderReplayTests {
    /// What is taken until nothing more is there: `new 0, again idle 1`.
    private static func taken(_ replay: inout OrderReplay) -> String {
        var words: [String] = []
        while true {
            switch replay.next() {
            case .take(let source, let place): words.append("\(place) \(source)")
            case .idle(let source, let place): words.append("\(place) idle \(source)")
            case .missing(let source): return (words + ["missing \(source)"]).joined(separator: ", ")
            case .wait: return words.joined(separator: ", ")
            }
        }
    }

    @Test("Without a log, batches are taken as they come, and an ended source holds nobody back")
    func arrival() {
        var replay = OrderReplay([], sources: 2)
        replay.noteBatch(of: 1, upTo: 10)
        replay.noteBatch(of: 0, upTo: 10)
        replay.noteEnd(of: 1)
        replay.noteBatch(of: 0, upTo: 20)
        #expect(Self.taken(&replay) == "new 1, new 0, new idle 1, new 0")
    }

    @Test("With a log, its order is taken again, however the batches come and are cut")
    func replays() {
        let log: [OrderEntry] = [
            .lines(source: 0, upTo: 30), .lines(source: 1, upTo: 5), .idle(source: 1), .lines(source: 0, upTo: 40),
        ]
        #expect(OrderReplay.limits(of: 0, in: log) == [30, 40])
        var replay = OrderReplay(log, sources: 2)
        replay.noteBatch(of: 1, upTo: 5)
        replay.noteBatch(of: 1, upTo: 9)
        #expect(Self.taken(&replay) == "" && replay.isReplaying)
        replay.noteBatch(of: 0, upTo: 12)
        replay.noteBatch(of: 0, upTo: 30)
        #expect(Self.taken(&replay) == "part 0, again 0, again 1, again idle 1")
        replay.noteBatch(of: 0, upTo: 40)
        replay.noteBatch(of: 0, upTo: 50)
        // What came first and was not in the log is next.
        #expect(Self.taken(&replay) == "again 0, new 1, new 0" && !replay.isReplaying)
    }

    @Test("A source that ends before what was taken of it is missed")
    func missing() {
        var replay = OrderReplay([.lines(source: 0, upTo: 30)], sources: 2)
        replay.noteBatch(of: 0, upTo: 20)
        replay.noteEnd(of: 0)
        #expect(Self.taken(&replay) == "part 0, missing 0")
    }
}
