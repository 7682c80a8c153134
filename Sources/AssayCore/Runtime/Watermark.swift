/// How far event time has advanced: nothing older than this is expected.
struct Watermark: Equatable, Sendable {
    /// Events may be this much older than the newest one.
    let bound: Int64
    private(set) var milliseconds = Int64.min

    /// Nothing at all is expected any more.
    static let end = Int64.max

    init(bound: Int64) {
        self.bound = bound
    }

    /// Takes the time of an event. Returns whether the watermark has moved.
    mutating func observe(_ time: EventTime) -> Bool {
        let reached = time.milliseconds - bound - 1
        guard reached > milliseconds else { return false }
        milliseconds = reached
        return true
    }

    /// Continues from an earlier watermark.
    mutating func resume(at milliseconds: Int64) { self.milliseconds = milliseconds }

    mutating func finish() { milliseconds = Self.end }
}
