import Foundation
import TestSupport
import Testing

/// Events from the future in pipelines.
@Suite struct AheadTests {
    private static let pipeline = """
        input: {time: t, out_of_order: 0s, ahead: 1h}
        streams: {sums: {key: k, window: {tumbling: 1m}, late: too_late, emit: {who: key, end: window_end, n: count()}}}
        outputs: {sums: [{jsonl: sums}], too_late: [{jsonl: late}]}
        """

    private static func run(_ events: [String], _ more: String = "") throws -> Binary.Result {
        let folder = try TemporaryFolder()
        _ = try folder.write("p.yaml", pipeline)
        _ = try folder.write("in", events.joined(separator: "\n") + "\n")
        return try Binary.shell(
            "$ASSAY run p.yaml in --rejects bad \(more); grep -c . sums late bad || true; "
                + "grep -o '\"reason\":\"[a-z_]*\"' bad | sort | uniq -c | tr -s ' ' || true", in: folder)
    }

    private static func event(_ second: Int, _ key: String = "a") -> String { #"{"t":\#(second),"k":"\#(key)"}"# }

    private static let ordinary = (0..<100).map { event(1_767_225_600 + $0 * 10) }

    @Test("One event of the year 9999 makes none late, and is rejected as too far ahead")
    func one() throws {
        let events = Self.ordinary[..<10] + [Self.event(253_402_300_799_000_000)] + Self.ordinary[10...]
        let run = try Self.run(Array(events))
        #expect(
            run.lines == ["sums:17", "late:0", "bad:1", #" 1 "reason":"too_far_ahead""#], "\(run.lines) \(run.errors)")
        #expect(run.errors.contains("too_far_ahead 1"), "\(run.errors)")
    }

    @Test("The sixteenth in a row is taken, and time comes to the least of them", arguments: [15, 16, 17])
    func row(_ count: Int) throws {
        let later = 1_767_225_600 + 100_000
        let ahead = (0..<count).map { Self.event(later + ($0 * 7) % count, "b") }
        let run = try Self.run(Self.ordinary + ahead + [Self.event(1_767_225_600 + 995)])
        // Once time has gone on, the last one is late.
        let isBelieved = count >= 16
        #expect(run.lines.contains("late:\(isBelieved ? 1 : 0)"), "\(run.lines)")
        #expect(run.lines.contains("bad:15"), "\(run.lines)")
    }

    @Test(
        "An event that is not ahead ends the row, also a late one; a rejected line does not", arguments: [true, false])
    func interrupted(_ isEvent: Bool) throws {
        let later = 1_767_225_600 + 100_000
        let between = isEvent ? Self.event(1_767_225_600) : "nothing"
        let ahead = (0..<10).map { Self.event(later + $0, "b") }
        let run = try Self.run(Self.ordinary + ahead + [between] + ahead)
        #expect(run.lines.contains(isEvent ? "bad:20" : "bad:16"), "\(run.lines)")
    }

    @Test("The row is part of the checkpoint")
    func resumed() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("p.yaml", Self.pipeline)
        let later = 1_767_225_600 + 100_000
        let ahead = (0..<16).map { Self.event(later + $0, "b") }
        _ = try folder.write("in", (Self.ordinary + ahead).joined(separator: "\n") + "\n")
        let lines = Self.ordinary.count + 8
        let run = try Binary.shell(
            """
            head -n \(lines) in > first; mv in whole; cp first in
            $ASSAY run p.yaml in --keep-open -q --rejects bad
            cp whole in
            $ASSAY run p.yaml in -q --rejects bad
            grep -c . bad; grep -c '"who":"b"' sums
            """, in: folder)
        #expect(run.lines == ["15", "1"], "\(run.lines) \(run.errors)")
    }
}
