/// The watermark of several sources: that of the one that is furthest behind, of those that hold others back.
///
/// A source that was never heard of holds everybody back, until it is said to be idle. One that comes back from being
/// idle holds back again, while time never goes backwards.
struct SourceWatermarks {
    let bound: Int64
    private var sources: [Watermark]
    private var isIdle: [Bool]
    /// The stage's.
    private(set) var milliseconds = Int64.min

    init(bound: Int64, sources count: Int) {
        self.bound = bound
        sources = Array(repeating: Watermark(bound: bound), count: count)
        isIdle = Array(repeating: false, count: count)
    }

    var sourceCount: Int { sources.count }

    /// An event of a source was seen. Returns whether the stage's watermark has moved.
    mutating func observe(_ time: EventTime, from source: Int) -> Bool {
        if isIdle[source] { isIdle[source] = false }
        return sources[source].observe(time) && findLeast()
    }

    /// Nobody is waited for: event time goes on to here.
    mutating func advance(to time: EventTime) -> Bool {
        var hasMoved = false
        for index in sources.indices where sources[index].observe(time) { hasMoved = true }
        return hasMoved && findLeast()
    }

    /// A source gives nothing at present, or has ended. Returns whether the stage's watermark has moved.
    mutating func noteIdle(_ source: Int) -> Bool {
        isIdle[source] = true
        return findLeast()
    }

    mutating func finish() { milliseconds = Watermark.end }

    private mutating func findLeast() -> Bool {
        var least = Int64.max
        for (index, source) in sources.enumerated() where !isIdle[index] { least = min(least, source.milliseconds) }
        guard least != .max, least > milliseconds else { return false }
        milliseconds = least
        return true
    }

    // MARK: In checkpoints

    private static func name(_ source: Int) -> String { "watermark_ms:\(source)" }
    private static func idleName(_ source: Int) -> String { "idle:\(source)" }

    /// Of several sources, each one's.
    var fields: [(String, Int64)] {
        guard sources.count > 1 else { return [] }
        return sources.indices.flatMap { source -> [(String, Int64)] in
            let reached = sources[source].milliseconds
            let watermark: [(String, Int64)] = reached > .min ? [(Self.name(source), reached)] : []
            return isIdle[source] ? watermark + [(Self.idleName(source), 1)] : watermark
        }
    }

    /// Goes on from where it was before.
    mutating func resume(at milliseconds: Int64?, _ record: StageRecord) {
        if let milliseconds { self.milliseconds = milliseconds }
        for index in sources.indices {
            let own = sources.count > 1 ? record[field: Self.name(index)] : milliseconds
            if let own { sources[index].resume(at: own) }
            isIdle[index] = record[field: Self.idleName(index)] == 1
        }
    }
}
