import TestSupport
import Testing

@testable import AssayCore

/// The clock as the specification says it, with lists instead of running figures.
private struct PlainClock {
    var time: Int64?
    var early: [Int64] = []
    var old: [Int64] = []
    let maxAhead: Int64

    func isEarly(_ moment: Int64) -> Bool { time.map { moment > $0 + maxAhead && early.count < 15 } ?? false }

    mutating func advance(to moment: Int64) {
        guard let present = time else { return time = moment }
        if moment > present + maxAhead {
            old = []
            early.append(moment)
            if early.count == 16 { (time, early) = (early.min(), []) }
        } else if moment < present - maxAhead {
            early = []
            old.append(moment)
            if old.count == 1000 { (time, old) = (old.max(), []) }
        } else {
            (early, old) = ([], [])
            time = max(present, moment)
        }
    }
}

@Suite struct StreamClockTests {
    private static let hour: Int64 = 3_600_000
    private static let start: Int64 = 1_767_225_600_000

    private static func clock(maxAhead: Int64 = 24 * hour, at start: Int64 = start) -> StreamClock {
        var clock = StreamClock(maxAheadMilliseconds: maxAhead)
        clock.advance(to: EventTime(milliseconds: start))
        return clock
    }

    @Test("The first transaction sets the clock, whatever its time", arguments: [0, start, 253_402_300_799_999])
    func first(_ time: Int64) {
        let clock = StreamClock(maxAheadMilliseconds: Self.hour)
        #expect(clock.time == nil && !clock.isEarly(EventTime(milliseconds: time)))
        #expect(Self.clock(at: time).time?.milliseconds == time)
    }

    @Test("A time is early from a millisecond past what is allowed on")
    func bound() {
        let clock = Self.clock()
        #expect(!clock.isEarly(EventTime(milliseconds: Self.start + 24 * Self.hour)))
        #expect(clock.isEarly(EventTime(milliseconds: Self.start + 24 * Self.hour + 1)))
    }

    @Test("The sixteenth early one in a row is believed, and the clock becomes the least of them")
    func sixteen() {
        var clock = Self.clock()
        for index in 0..<15 {
            let time = EventTime(milliseconds: Self.start + 48 * Self.hour + Int64((index * 7) % 16))
            #expect(clock.isEarly(time))
            clock.advance(to: time)
            #expect(clock.milliseconds == Self.start)
        }
        let last = EventTime(milliseconds: Self.start + 200 * Self.hour)
        #expect(!clock.isEarly(last))
        clock.advance(to: last)
        #expect(clock.milliseconds == Self.start + 48 * Self.hour)
        #expect(clock.isEarly(last))
    }

    @Test("A thousand old ones in a row bring back a clock that was too fast, one fewer does not")
    func thousand() {
        var clock = Self.clock(at: 253_402_300_799_999)
        for index in 0..<999 { clock.advance(to: EventTime(milliseconds: Self.start + Int64(index))) }
        #expect(clock.milliseconds == 253_402_300_799_999)
        clock.advance(to: EventTime(milliseconds: Self.start))
        #expect(clock.milliseconds == Self.start + 998)
    }

    @Test("It does what the specification says, and goes on from a checkpoint at any place", arguments: Seed.several(8))
    func model(_ seed: Seed) {
        var random = seed.random
        var plain = PlainClock(maxAhead: Self.hour)
        var clock = StreamClock(maxAheadMilliseconds: Self.hour)
        var present = Self.start
        var (early, healed, aged) = (0, 0, 0)
        for _ in 0..<30_000 {
            // Stretches of one kind, so that rows really come to their ends.
            let kind = Int(random.next() % 30)
            for _ in 0..<(kind == 0 ? 1005 : kind < 4 ? 17 : Int(random.next() % 4)) {
                let jitter = Int64(random.next() % 1000) - 500
                let moment =
                    switch kind {
                    case 0: present - 3 * Self.hour + jitter
                    case 1...3: present + 3 * Self.hour + jitter
                    default: present + Int64(random.next() % 3) * Self.hour - Self.hour + jitter
                    }
                let time = EventTime(milliseconds: moment)
                #expect(clock.isEarly(time) == plain.isEarly(moment))
                if clock.isEarly(time) { early += 1 }
                let before = clock.milliseconds
                clock.advance(to: time)
                plain.advance(to: moment)
                guard clock.time?.milliseconds == plain.time else {
                    Issue.record("\(clock.milliseconds), expected \(plain.time ?? 0)")
                    return
                }
                if clock.milliseconds > before + Self.hour { healed += 1 }
                if clock.milliseconds < before { aged += 1 }
                if random.next() % 50 == 0 {
                    var record = StageRecord()
                    record.fields = clock.fields.map { StageRecord.Field(name: $0.0, value: $0.1) }
                    clock = StreamClock(maxAheadMilliseconds: Self.hour)
                    clock.resume(record, hasTransactions: true, backwards: 0)
                }
            }
            present = clock.time?.milliseconds ?? present
        }
        #expect(early > 1000 && healed > 100 && aged > 100)
    }

    @Test("A state from before there was a clock goes on from its greatest event time")
    func earlier() {
        var clock = StreamClock(maxAheadMilliseconds: Self.hour)
        var record = StageRecord()
        record.eventTime = Self.start
        clock.resume(record, hasTransactions: true, backwards: 0)
        #expect(clock.milliseconds == Self.start)
        var empty = StreamClock(maxAheadMilliseconds: Self.hour)
        empty.resume(StageRecord(), hasTransactions: false, backwards: 0)
        #expect(empty.time == nil)
    }

    @Test("What is older than the clock by more than a minute is counted")
    func backwards() {
        var clock = Self.clock()
        for back in [60_000, 60_001, 0, 120_000] as [Int64] {
            clock.advance(to: EventTime(milliseconds: Self.start - back))
        }
        #expect(clock.backwards == 2)
    }
}
