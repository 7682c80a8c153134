import CivilTime
import StateStore
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

/// Where windows lie: at fixed distances, and from one midnight of a zone to another.
@Suite struct WindowPlacesTests {
    @Test("A window with a pane that ends behind a moment is the first of those that have the pane")
    func firstWindow() {
        var random = Random(state: 7)
        var found = 0
        for _ in 0..<20_000 {
            let size = Int64(1 + random.below(40))
            let slide = Int64(1 + random.below(40))
            let places = SlidingPlaces(size: size, slide: slide, offset: Int64(random.below(UInt64(slide))))
            let pane = places.pane(of: Int64(random.below(200)) - 100).start
            let moment = random.below(10) == 0 ? Int64.min : Int64(random.below(300)) - 150
            let plain = places.windows(of: pane).last { $0.lastMoment > moment }
            #expect(places.firstWindow(with: pane, completeAfter: moment) == plain)
            #expect(places.lastWindow(with: pane) == places.windows(of: pane).first)
            #expect(places.hasWindow(of: pane) == !places.windows(of: pane).isEmpty)
            if plain != nil { found += 1 }
        }
        #expect((2000..<19_000).contains(found))
    }

    @Test("Windows that never overlap are one part each, and what lies between them is in none")
    func apart() {
        let places = SlidingPlaces(size: 30_000, slide: 30_001, offset: 7)
        #expect(SlidingPlaces.paneSize(size: 30_000, slide: 30_001) == 30_000)
        for time: Int64 in [-30_001, -1, 0, 6, 7, 8, 30_006, 30_007, 30_008, 1_700_000_000_000] {
            #expect(places.windows(of: time) == (places.hasWindow(of: time) ? [places.pane(of: time)] : []))
        }
        #expect(places.pane(of: 30_006) == TimeWindow(start: 7, end: 30_007))
        #expect(!places.hasWindow(of: 30_007) && places.hasWindow(of: 30_008))
    }

    @Test(
        "Days are as long as the zone makes them, and parts of a day are counted from its midnight",
        arguments: [
            // Spring forward and fall back, where a day has 23 and 25 hours; a zone whose midnight is skipped.
            ("Europe/Berlin", "2025-03-30T12:00:00Z", 24, "2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z"),
            ("Europe/Berlin", "2025-10-26T12:00:00Z", 24, "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z"),
            ("Europe/Berlin", "2025-10-26T22:30:00Z", 6, "2025-10-26T22:00:00Z", "2025-10-26T23:00:00Z"),
            ("Asia/Seoul", "2025-01-01T14:59:59Z", 24, "2024-12-31T15:00:00Z", "2025-01-01T15:00:00Z"),
            ("Asia/Beirut", "2025-03-29T22:30:00Z", 24, "2025-03-29T22:00:00Z", "2025-03-30T21:00:00Z"),
            ("UTC", "2025-01-05T00:00:00Z", 72, "2025-01-03T00:00:00Z", "2025-01-06T00:00:00Z"),
        ])
    func days(_ zone: String, _ moment: String, _ hours: Int64, _ start: String, _ end: String) throws {
        let places = DailyPlaces(zone: try ZoneFile.load(zone), size: hours * 3_600_000)
        let window = places.window(of: try milliseconds(moment))
        #expect(window == TimeWindow(start: try milliseconds(start), end: try milliseconds(end)))
        // Every moment of it is in it, and the next one begins where it ends.
        for part in stride(from: window.start, to: window.end, by: 600_000) {
            #expect(places.window(of: part) == window)
        }
        #expect(places.window(of: window.lastMoment) == window)
        #expect(places.window(of: window.end).start == window.end)
    }

    private func milliseconds(_ text: String) throws -> Int64 {
        let time = Array(text.utf8).withUnsafeBufferPointer { EventTime(iso8601: $0, zone: .utc) }
        return try #require(time).milliseconds
    }

    @Test("What a day is no multiple of has no places from midnight")
    func impossible() {
        for hours: Int64 in [1, 2, 3, 6, 12, 24, 48] { #expect(DailyPlaces.isPossible(size: hours * 3_600_000)) }
        for size: Int64 in [0, -1, 7 * 3_600_000, 25 * 3_600_000, 86_399_999] {
            #expect(!DailyPlaces.isPossible(size: size))
        }
    }

    @Test("Keys with nothing left to remember leave the state, its log and its memory")
    func forgottenKeys() throws {
        let folder = try TemporaryFolder()
        let store = try StateStore(folder: folder.url.path, functions: [(1, "windows")])
        var stage = Self.stage()
        var record = CheckpointRecord()
        func add(_ keys: Range<Int>, at time: Int64) throws {
            for key in keys {
                try Array("key \(key)".utf8).withUnsafeBufferPointer { bytes in
                    try stage.process(
                        .init(element: .init(id: "e", value: 1, number: 0), time: EventTime(milliseconds: time)),
                        key: bytes, at: EventTime(milliseconds: time))
                }
            }
        }
        func save(until time: Int64) throws {
            stage.advance(to: EventTime(milliseconds: time))
            stage.beginCut()
            while try !stage.goOnWithCut(states: 10) {}
            record.id += 1
            record.stage.eventTime = time
            let taken = stage.takeCut()
            record.stage.logs = taken.logs
            try store.commit(record, taken.changes)
            stage.noteCommitted()
        }
        try add(0..<100, at: 5)
        try save(until: 5)
        #expect(record.stage.keys == 100)
        try add(50..<60, at: 15)
        // The windows of the first ten milliseconds are over.
        try save(until: 12)
        #expect(record.stage.keys == 10 && stage.keyCount == 10)
        try add(0..<5, at: 17)
        try save(until: 13)
        var again = Self.stage()
        try again.load(
            record.stage.log(of: 1), from: try StatePageReader(path: store.path), memoryLimit: .max, watermark: 13)
        #expect(again.keyCount == 15)
        // Their timers are set again.
        again.advance(to: EventTime(milliseconds: 30))
        #expect(again.withOutput { $0.firingCount } == 15)
    }

    private static func stage() -> KeyedStage<WindowFunction<WindowTests.Tally>> {
        KeyedStage(
            function: WindowFunction(.tumbling(size: 10)), output: WindowFunction<WindowTests.Tally>.Output(),
            functionNumber: 1)
    }
}
