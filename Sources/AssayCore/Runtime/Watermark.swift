/// How far event time has come: nothing older than this is expected any more.
struct Watermark: Equatable, Sendable {
    /// Events may come so much later than one with a greater time.
    let bound: Int64
    private(set) var milliseconds = Int64.min

    /// Nothing at all is expected any more.
    static let end = Int64.max

    init(bound: Int64) {
        self.bound = bound
    }

    /// An event was seen. Answers whether the watermark has moved.
    mutating func observe(_ time: EventTime) -> Bool {
        let reached = time.milliseconds - bound - 1
        guard reached > milliseconds else { return false }
        milliseconds = reached
        return true
    }

    /// Goes on from where it was before.
    mutating func resume(at milliseconds: Int64) { self.milliseconds = milliseconds }

    mutating func finish() { milliseconds = Self.end }
}
