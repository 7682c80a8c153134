/// A stretch of event time: the start belongs to it, the end does not. Milliseconds since 1970.
struct TimeWindow: Hashable, Sendable {
    var start: Int64
    var end: Int64

    /// The last moment that belongs to it: when the watermark reaches it, the window is complete.
    var lastMoment: Int64 { end - 1 }

    func contains(_ time: Int64) -> Bool { start <= time && time < end }
}

/// How events are assigned to windows.
package enum WindowShape: Equatable, Sendable {
    /// Adjacent windows (`slide` equal to `size`), overlapping ones, or windows with gaps between them.
    case sliding(size: Int64, slide: Int64, offset: Int64)
    /// Windows that begin at a zone's midnight: whole days, or parts of a day.
    case daily(DailyPlaces)
    /// From an event to `gap` after the last one, where each came less than `gap` after another.
    case session(gap: Int64)
    /// All of event time, fired after every so many events; then dropped, or kept.
    case global(every: UInt64, forgets: Bool)

    package static func tumbling(size: Int64, offset: Int64 = 0) -> WindowShape {
        .sliding(size: size, slide: size, offset: offset)
    }
}
