/// The changes of a zone's offset from UTC: everything needed for local time from 1970 to 9999.
package struct TimeZoneRules: Sendable {
    package let name: String
    /// Seconds since 1970 at which `offsets[i + 1]` begins to hold, ascending.
    private let transitions: [Int64]
    /// One more than transitions.
    private let offsets: [Int64]
    /// From here on the calendar repeats every 400 years, and so do the rules.
    private let cycleStart: Int64

    /// 400 Gregorian years are a whole number of weeks.
    static let cycleSeconds: Int64 = 146_097 * 86_400

    package static let utc = TimeZoneRules(name: "UTC", transitions: [], offsets: [0], cycleStart: .max)

    init(name: String, transitions: [Int64], offsets: [Int64], cycleStart: Int64) {
        precondition(offsets.count == transitions.count + 1)
        self.name = name
        self.transitions = transitions
        self.offsets = offsets
        self.cycleStart = cycleStart
    }

    /// The offset at an instant, and the range in which it certainly holds.
    package func offset(at instant: Int64) -> (seconds: Int64, from: Int64, until: Int64) {
        var shift: Int64 = 0
        if instant >= cycleStart {
            shift = (instant - cycleStart) / Self.cycleSeconds * Self.cycleSeconds
        }
        let index = firstTransition(after: instant - shift)
        let from = index == 0 ? Int64.min : transitions[index - 1] + shift
        let until: Int64 =
            if index < transitions.count {
                transitions[index] + shift
            } else {
                cycleStart == .max ? .max : cycleStart + Self.cycleSeconds + shift
            }
        return (offsets[index], from, until)
    }

    /// The instant of a local time: the first of two, and in a gap by the offset before it.
    package func instant(local: Int64) -> Int64 {
        // No offset is much larger than a day, so the right interval begins at most two days before.
        var probe = local - 2 * 86_400
        var gap: Int64?
        while probe <= local + 2 * 86_400 {
            let (seconds, from, until) = offset(at: probe)
            let candidate = local - seconds
            if candidate >= from, candidate < until { return candidate }
            // After the interval's end with this offset, and before its beginning with the next: the last such offset
            // is the one before the gap.
            if candidate >= until { gap = candidate }
            if until == .max { break }
            probe = until
        }
        return gap ?? local
    }

    private func firstTransition(after instant: Int64) -> Int {
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= instant { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Int64 {
    /// Rounds towards minus infinity; for positive divisors.
    @inlinable
    package func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
