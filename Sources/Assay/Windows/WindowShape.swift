/// A stretch of event time: the start belongs to it, the end does not. Milliseconds since 1970.
struct TimeWindow: Hashable, Sendable {
    var start: Int64
    var end: Int64

    /// The last moment that belongs to it: when the watermark is there, the window is complete.
    var lastMoment: Int64 { end - 1 }
}

/// How events are put into windows.
enum WindowShape: Equatable, Sendable {
    /// As long as they are apart (`slide` equal to `size`), overlapping, or with holes between them.
    case sliding(size: Int64, slide: Int64, offset: Int64)
    /// From an event to so long behind the last one that was less than this behind another.
    case session(gap: Int64)

    static func tumbling(size: Int64, offset: Int64 = 0) -> WindowShape {
        .sliding(size: size, slide: size, offset: offset)
    }
}

/// Windows at fixed places, and the panes that they share: the longest stretches that every window has whole or not at
/// all.
struct SlidingPlaces: Equatable, Sendable {
    let size: Int64
    let slide: Int64
    let offset: Int64
    let pane: Int64

    init(size: Int64, slide: Int64, offset: Int64) {
        precondition(size > 0 && slide > 0)
        self.size = size
        self.slide = slide
        self.offset = offset
        var (greater, smaller) = (size, slide)
        while smaller > 0 { (greater, smaller) = (smaller, greater % smaller) }
        pane = greater
    }

    /// The start of the latest window that begins at or before a time.
    private func latestStart(_ time: Int64) -> Int64 { time - floorRemainder(time, slide) }

    private func floorRemainder(_ time: Int64, _ divisor: Int64) -> Int64 {
        let remainder = (time - offset) % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }

    /// From the latest start to the earliest. None in a hole between windows.
    func windows(of time: Int64) -> [TimeWindow] {
        var windows: [TimeWindow] = []
        var start = latestStart(time)
        while start > time - size {
            windows.append(TimeWindow(start: start, end: start + size))
            start -= slide
        }
        return windows
    }

    /// Where the pane of a time begins.
    func paneStart(_ time: Int64) -> Int64 { time - floorRemainder(time, pane) }

    /// The first window that has a pane and ends behind a moment: its last moment is greater.
    func firstWindow(with paneStart: Int64, completeAfter moment: Int64) -> TimeWindow? {
        windows(of: paneStart).last { $0.lastMoment > moment }
    }

    /// The last window that has a pane.
    func lastWindow(with paneStart: Int64) -> TimeWindow? { windows(of: paneStart).first }
}
