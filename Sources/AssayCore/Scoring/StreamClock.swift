/// The event time that the whole stream has reached. Only accepted transactions move it, and no single wrong timestamp
/// moves it far: a time too far ahead is *early* and waits until enough others agree with it.
package struct StreamClock {
    /// So many early ones in a row are right, and the clock was slow.
    static let earlyInARow: UInt32 = 16
    /// So many in a row that are older than the clock allows are right, and the clock was fast.
    static let oldInARow: UInt32 = 1000
    /// Times run backwards when a transaction is older than the clock by more than this.
    private static let backwardsMilliseconds: Int64 = 60_000

    /// Far past every event time, and with room for what is added to it: everything is older than a clock that was
    /// never set.
    private static let unset = Int64.max / 4

    private let maxAhead: Int64
    private(set) var milliseconds = unset
    private var early = Row()
    private var old = Row()
    /// Accepted transactions that were older than the clock by more than a minute.
    private(set) var backwards: UInt64 = 0

    private struct Row {
        var count: UInt32 = 0
        /// The least of the early ones, the greatest of the old ones.
        var milliseconds: Int64 = 0
    }

    init(maxAheadMilliseconds: Int64) {
        maxAhead = maxAheadMilliseconds
    }

    /// Nil until the first transaction.
    var time: EventTime? { milliseconds == Self.unset ? nil : EventTime(milliseconds: milliseconds) }

    /// Whether a transaction of this time is early, if it is accepted.
    @inline(__always)
    func isEarly(_ time: EventTime) -> Bool {
        time.milliseconds > milliseconds + maxAhead && early.count + 1 < Self.earlyInARow
    }

    /// Takes the time of an accepted transaction.
    @inline(__always)
    mutating func advance(to time: EventTime) {
        let ahead = time.milliseconds - milliseconds
        if ahead < -Self.backwardsMilliseconds { noteBackwards() }
        guard ahead <= maxAhead, ahead >= -maxAhead, early.count | old.count == 0 else { return advanceFar(to: time) }
        milliseconds = max(milliseconds, time.milliseconds)
    }

    private mutating func noteBackwards() {
        if milliseconds != Self.unset { backwards += 1 }
    }

    @inline(never)
    private mutating func advanceFar(to time: EventTime) {
        let time = time.milliseconds
        if milliseconds == Self.unset {
            milliseconds = time
        } else if time > milliseconds + maxAhead {
            old = Row()
            early = Row(count: early.count + 1, milliseconds: early.count == 0 ? time : min(early.milliseconds, time))
            guard early.count == Self.earlyInARow else { return }
            milliseconds = early.milliseconds
            early = Row()
        } else if time < milliseconds - maxAhead {
            early = Row()
            old = Row(count: old.count + 1, milliseconds: old.count == 0 ? time : max(old.milliseconds, time))
            guard old.count == Self.oldInARow else { return }
            milliseconds = old.milliseconds
            old = Row()
        } else {
            (early, old) = (Row(), Row())
            milliseconds = max(milliseconds, time)
        }
    }

    // MARK: Checkpoints

    private enum Name {
        static let time = "clock_ms"
        static let early = "clock_early"
        static let earliest = "clock_early_ms"
        static let old = "clock_old"
        static let latest = "clock_old_ms"
        /// The clock was taken away: the next transaction sets it.
        static let unset = "clock_unset"
    }

    /// Of a checkpoint; nil where nothing was scored, and in one from before there was a clock.
    package static func time(in record: StageRecord) -> EventTime? {
        record[field: Name.time].map { EventTime(milliseconds: $0) }
    }

    /// Takes the clock away.
    package static func unset(_ record: inout StageRecord) {
        record.fields.removeAll { $0.name.hasPrefix("clock_") }
        record.fields.append(StageRecord.Field(name: Name.unset, value: 1))
        record.fields.sort { $0.name < $1.name }
    }

    /// What a checkpoint holds of it.
    var fields: [(String, Int64)] {
        guard let time else { return [] }
        var fields = [(Name.time, time.milliseconds)]
        if early.count > 0 { fields += [(Name.early, Int64(early.count)), (Name.earliest, early.milliseconds)] }
        if old.count > 0 { fields += [(Name.old, Int64(old.count)), (Name.latest, old.milliseconds)] }
        return fields.sorted { $0.0 < $1.0 }
    }

    /// A state that was written before there was a clock goes on from its greatest event time.
    mutating func resume(_ record: StageRecord, hasTransactions: Bool, backwards: UInt64) {
        self.backwards = backwards
        guard hasTransactions, record[field: Name.unset] == nil else { return }
        milliseconds = record[field: Name.time] ?? record.eventTime
        early = Self.row(record[field: Name.early], record[field: Name.earliest], below: Self.earlyInARow)
        old = Self.row(record[field: Name.old], record[field: Name.latest], below: Self.oldInARow)
    }

    private static func row(_ count: Int64?, _ milliseconds: Int64?, below bound: UInt32) -> Row {
        guard let count, let milliseconds, count > 0, count < bound else { return Row() }
        return Row(count: UInt32(count), milliseconds: milliseconds)
    }
}
