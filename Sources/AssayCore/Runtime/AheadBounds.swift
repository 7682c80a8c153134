/// Keeps events with times far in the future from moving event time: one of the year 9999 would make everything after
/// it late. Enough of them in a row are believed.
struct AheadBounds {
    enum Judgement: Equatable {
        case taken
        case tooFarAhead
        /// It is taken, and event time has come to the least of those in a row.
        case believed(Int64)
    }

    /// So many in a row are right.
    static let believedInARow: Int64 = 16

    private struct Row {
        var count: Int64 = 0
        var least = Int64.max
    }

    private let milliseconds: Int64
    private var rows: [Row]

    init(milliseconds: Int64, sources: Int) {
        self.milliseconds = milliseconds
        rows = Array(repeating: Row(), count: sources)
    }

    /// `greatest`: the greatest time of this source so far; nil before its first event.
    mutating func judge(_ time: EventTime, greatest: Int64?, source: Int) -> Judgement {
        guard let greatest, time.milliseconds - greatest > milliseconds else {
            rows[source] = Row()
            return .taken
        }
        rows[source].count += 1
        rows[source].least = min(rows[source].least, time.milliseconds)
        guard rows[source].count == Self.believedInARow else { return .tooFarAhead }
        let least = rows[source].least
        rows[source] = Row()
        return .believed(least)
    }

    // MARK: In checkpoints

    private static func countName(_ source: Int) -> String { "ahead:\(source)" }
    private static func leastName(_ source: Int) -> String { "ahead_ms:\(source)" }

    var fields: [(String, Int64)] {
        rows.indices.flatMap { source in
            rows[source].count == 0
                ? []
                : [(Self.countName(source), rows[source].count), (Self.leastName(source), rows[source].least)]
        }
    }

    mutating func resume(_ record: StageRecord) {
        for source in rows.indices {
            guard let count = record[field: Self.countName(source)], let least = record[field: Self.leastName(source)],
                (1..<Self.believedInARow).contains(count)
            else { continue }
            rows[source] = Row(count: count, least: least)
        }
    }
}
