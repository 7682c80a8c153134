/// A stretch of event time: the start belongs to it, the end does not. Milliseconds since 1970.
struct TimeWindow: Hashable, Sendable {
    var start: Int64
    var end: Int64

    /// The last moment that belongs to it: when the watermark is there, the window is complete.
    var lastMoment: Int64 { end - 1 }

    func contains(_ time: Int64) -> Bool { start <= time && time < end }
}

/// How events are put into windows.
package enum WindowShape: Equatable, Sendable {
    /// As long as they are apart (`slide` equal to `size`), overlapping, or with holes between them.
    case sliding(size: Int64, slide: Int64, offset: Int64)
    /// Beginning at a zone's midnight: so many whole days each, or parts of a day.
    case daily(DailyPlaces)
    /// From an event to so long behind the last one that was less than this behind another.
    case session(gap: Int64)
    /// All of event time, told at every so many events; forgotten then, or kept.
    case global(every: UInt64, forgets: Bool)

    package static func tumbling(size: Int64, offset: Int64 = 0) -> WindowShape {
        .sliding(size: size, slide: size, offset: offset)
    }
}
