import CivilTime

/// Windows at fixed places of event time, and the panes that they share: the longest stretches that each window
/// contains completely or not at all.
enum WindowPlaces: Equatable, Sendable {
    case sliding(SlidingPlaces)
    case daily(DailyPlaces)

    /// From the latest start to the earliest. None in a gap between windows.
    func windows(of time: Int64) -> [TimeWindow] {
        switch self {
        case .sliding(let places): places.windows(of: time)
        case .daily(let places): [places.window(of: time)]
        }
    }

    /// Whether any window contains a time.
    func hasWindow(of time: Int64) -> Bool {
        switch self {
        case .sliding(let places): places.hasWindow(of: time)
        case .daily: true
        }
    }

    func pane(of time: Int64) -> TimeWindow {
        switch self {
        case .sliding(let places): places.pane(of: time)
        case .daily(let places): places.window(of: time)
        }
    }

    /// The window whose last moment this is.
    func window(completeAt moment: Int64) -> TimeWindow? {
        switch self {
        case .sliding(let places): places.window(completeAt: moment)
        case .daily(let places):
            places.window(of: moment).lastMoment == moment ? places.window(of: moment) : nil
        }
    }

    /// The first window that contains a pane and whose last moment is after `moment`.
    func firstWindow(with paneStart: Int64, completeAfter moment: Int64) -> TimeWindow? {
        switch self {
        case .sliding(let places): places.firstWindow(with: paneStart, completeAfter: moment)
        case .daily(let places):
            places.window(of: paneStart).lastMoment > moment ? places.window(of: paneStart) : nil
        }
    }

    /// The last window that contains a pane.
    func lastWindow(with paneStart: Int64) -> TimeWindow? {
        switch self {
        case .sliding(let places): places.lastWindow(with: paneStart)
        case .daily(let places): places.window(of: paneStart)
        }
    }
}

package struct SlidingPlaces: Equatable, Sendable {
    let size: Int64
    let slide: Int64
    let offset: Int64
    private let paneSize: Int64

    init(size: Int64, slide: Int64, offset: Int64) {
        precondition(size > 0 && slide > 0)
        self.size = size
        self.slide = slide
        self.offset = offset
        paneSize = Self.paneSize(size: size, slide: slide)
    }

    /// Their greatest common divisor; of windows that never overlap, each is one pane.
    package static func paneSize(size: Int64, slide: Int64) -> Int64 {
        if slide >= size { return size }
        var (greater, smaller) = (size, slide)
        while smaller > 0 { (greater, smaller) = (smaller, greater % smaller) }
        return greater
    }

    /// The start of the latest window that begins at or before a time.
    private func latestStart(_ time: Int64) -> Int64 { time - floorRemainder(time, slide) }

    private func floorRemainder(_ time: Int64, _ divisor: Int64) -> Int64 {
        let remainder = (time - offset) % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }

    func hasWindow(of time: Int64) -> Bool { floorRemainder(time, slide) < size }

    func windows(of time: Int64) -> [TimeWindow] {
        var windows: [TimeWindow] = []
        var start = latestStart(time)
        while start > time - size {
            windows.append(TimeWindow(start: start, end: start + size))
            start -= slide
        }
        return windows
    }

    func window(completeAt moment: Int64) -> TimeWindow? {
        let start = moment - size + 1
        return floorRemainder(start, slide) == 0 ? TimeWindow(start: start, end: start + size) : nil
    }

    func pane(of time: Int64) -> TimeWindow {
        let start = slide >= size ? latestStart(time) : time - floorRemainder(time, paneSize)
        return TimeWindow(start: start, end: start + paneSize)
    }

    func firstWindow(with paneStart: Int64, completeAfter moment: Int64) -> TimeWindow? {
        let latest = latestStart(paneStart)
        // The earliest that contains it, without those that are complete by then.
        let earliest = latest - (latest - (paneStart - size) - 1) / slide * slide
        let behind = max(moment, paneStart - size) + 2 - size
        let start = behind <= earliest ? earliest : earliest + (behind - earliest + slide - 1) / slide * slide
        return start <= latest && latest > paneStart - size ? TimeWindow(start: start, end: start + size) : nil
    }

    func lastWindow(with paneStart: Int64) -> TimeWindow? {
        let start = latestStart(paneStart)
        return start > paneStart - size ? TimeWindow(start: start, end: start + size) : nil
    }
}

/// Windows that begin at a zone's midnight, also on days when its clocks change.
package struct DailyPlaces: Equatable, Sendable {
    package let zone: TimeZoneRules
    /// Whole days, or a divisor of a day.
    package let size: Int64

    package static let day: Int64 = 86_400_000

    package init(zone: TimeZoneRules, size: Int64) {
        precondition(Self.isPossible(size: size))
        self.zone = zone
        self.size = size
    }

    package static func isPossible(size: Int64) -> Bool { size > 0 && (size % day == 0 || day % size == 0) }

    package static func == (left: DailyPlaces, right: DailyPlaces) -> Bool {
        left.zone.name == right.zone.name && left.size == right.size
    }

    func window(of time: Int64) -> TimeWindow {
        let instant = time.floorDivided(by: 1000)
        let local = instant + zone.offset(at: instant).seconds
        let today = local.floorDivided(by: 86_400)
        let days = max(1, size / Self.day)
        let first = today.floorDivided(by: days) * days
        let (start, end) = (midnight(first), midnight(first + days))
        if size >= Self.day { return TimeWindow(start: start, end: end) }
        // Counted from midnight; the last one ends at the next midnight, however long this day is.
        let part = start + (time - start) / size * size
        return TimeWindow(start: part, end: min(part + size, end))
    }

    private func midnight(_ day: Int64) -> Int64 { zone.instant(local: day * 86_400) * 1000 }
}
