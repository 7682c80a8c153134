/// The watermark of several sources: the least of those that hold others back.
///
/// A source that has sent nothing yet holds all back until it is noted as idle. One that returns from idle holds back
/// again, but time never goes backwards.
struct SourceWatermarks {
    let bound: Int64
    private var sources: [Watermark]
    private var isIdle: [Bool]
    /// The stage's watermark.
    private(set) var milliseconds = Int64.min

    init(bound: Int64, sources count: Int) {
        self.bound = bound
        sources = Array(repeating: Watermark(bound: bound), count: count)
        isIdle = Array(repeating: false, count: count)
    }

    var sourceCount: Int { sources.count }

    /// The greatest time of a source, as far as its watermark says; nil before its first event.
    func greatest(of source: Int) -> Int64? {
        let reached = sources[source].milliseconds
        return reached == .min ? nil : reached + bound + 1
    }

    /// Takes the time of a source's event. Returns whether the stage's watermark has moved.
    mutating func observe(_ time: EventTime, from source: Int) -> Bool {
        if isIdle[source] { isIdle[source] = false }
        return sources[source].observe(time) && findLeast()
    }

    /// Advances event time to here without waiting for any source.
    mutating func advance(to time: EventTime) -> Bool {
        var hasMoved = false
        for index in sources.indices where sources[index].observe(time) { hasMoved = true }
        return hasMoved && findLeast()
    }

    /// Notes that a source is idle or has ended. Returns whether the stage's watermark has moved.
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

    /// With several sources, that of each.
    var fields: [(String, Int64)] {
        guard sources.count > 1 else { return [] }
        return sources.indices.flatMap { source -> [(String, Int64)] in
            let reached = sources[source].milliseconds
            let watermark: [(String, Int64)] = reached > .min ? [(Self.name(source), reached)] : []
            return isIdle[source] ? watermark + [(Self.idleName(source), 1)] : watermark
        }
    }

    /// Continues from an earlier watermark.
    mutating func resume(at milliseconds: Int64?, _ record: StageRecord) {
        if let milliseconds { self.milliseconds = milliseconds }
        for index in sources.indices {
            let own = sources.count > 1 ? record[field: Self.name(index)] : milliseconds
            if let own { sources[index].resume(at: own) }
            isIdle[index] = record[field: Self.idleName(index)] == 1
        }
    }
}
