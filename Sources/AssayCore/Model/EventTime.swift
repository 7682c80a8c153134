/// When a transaction happened: whole milliseconds since 1970-01-01T00:00:00Z.
package struct EventTime: Hashable, Comparable, Sendable {
    /// The first instant after the year 9999, the end of what ISO 8601 can write with four digits.
    static let endMilliseconds: Int64 = 253_402_300_800_000

    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// Nil before 1970 and after 9999.
    init?(checkedMilliseconds milliseconds: Int64) {
        guard milliseconds >= 0, milliseconds < Self.endMilliseconds else { return nil }
        self.milliseconds = milliseconds
    }

    package static func < (left: EventTime, right: EventTime) -> Bool {
        left.milliseconds < right.milliseconds
    }
}
