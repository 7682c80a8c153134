import CivilTime
import Foundation
import Testing

@testable import Assay
@testable import AssayCore

@Suite struct TimeTests {
    private static func parse(_ text: String, zone: TimeZoneRules = .utc) -> Int64? {
        let bytes = Array(text.utf8) + [UInt8](repeating: 0, count: 9)
        return bytes.withUnsafeBufferPointer {
            EventTime(text: UnsafeBufferPointer(rebasing: $0[..<text.utf8.count]), zone: zone)?.milliseconds
        }
    }

    @Test(
        "ISO 8601 times become milliseconds",
        arguments: [
            ("1970-01-01T00:00:00Z", 0),
            ("2025-12-30T21:10:15Z", 1_767_129_015_000),
            ("2025-12-30 21:10:15.5Z", 1_767_129_015_500),
            ("2025-12-30T21:10:15.123999+09:00", 1_767_096_615_123),
            ("2024-02-29T23:59:59-00:30", 1_709_252_999_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
            ("9999-12-31T23:59:59-00:01", nil),
            ("1970-01-01T00:00:00+00:01", nil),
            ("2025-02-29T00:00:00Z", nil),
            ("2025-13-01T00:00:00Z", nil),
            ("2025-12-30T24:00:00Z", nil),
            ("2025-12-30T21:60:00Z", nil),
            ("2025-12-30T21:10:60Z", nil),
            ("2025-12-30T21:10:15.Z", nil),
            ("2025-12-30T21:10:15+0900", 1_767_096_615_000),
            ("2025-12-30T21:10:15+09", 1_767_096_615_000),
            ("2025-12-30t21:10:15,5z", 1_767_129_015_500),
            ("2025-12-30T21:10", 1_767_129_000_000),
            ("2025-12-30 21:10+01:00", 1_767_125_400_000),
            ("2025-12-30", 1_767_052_800_000),
            ("20251230T211015", 1_767_129_015_000),
            ("20251230T211015.25Z", 1_767_129_015_250),
            ("20251230 2110-0030", 1_767_130_800_000),
            ("20251230", 20_251_230_000),
            ("1767129015", 1_767_129_015_000),
            ("1767129015.25", 1_767_129_015_250),
            ("2025-12-30T21:10:15+09:00 ", nil),
            ("2025-12-30T21:10:15+9", nil),
            ("2025-12-30T21:10:15+24:00", nil),
            ("2025-12-30T21:10.5", nil),
            ("2025-12-30T21", nil),
            ("2025-12-30Z", nil),
            ("2025-12-30T", nil),
            ("2025-1230", nil),
            ("2025-12-30T2110", nil),
            ("20251230T21:10", nil),
            ("2025-W52-2", nil),
            ("2025-364", nil),
            ("+1767129015", nil),
            ("01767129015", nil),
            (" 1767129015", nil),
            ("", nil),
        ] as [(String, Int64?)])
    func iso(_ text: String, _ expected: Int64?) {
        #expect(Self.parse(text) == expected)
    }

    @Test(
        "Numbers are seconds, milliseconds or microseconds by their size",
        arguments: [
            ("0", 0), ("1767129015", 1_767_129_015_000), ("1767129015.0005", 1_767_129_015_001),
            ("1767129015.0004", 1_767_129_015_000), ("99999999999", 99_999_999_999_000),
            ("100000000000", 100_000_000_000), ("1767129015123.9", 1_767_129_015_123),
            ("1767129015123456", 1_767_129_015_123), ("1.767129015e9", 1_767_129_015_000),
            ("253402300799999000", 253_402_300_799_999), ("253402300800000000", nil),
            ("-1", nil), ("-0.0001", 0), ("1e30", nil), ("99999999999999999999999", nil),
        ] as [(String, Int64?)])
    func numbers(_ text: String, _ expected: Int64?) throws {
        let time = (Array(text.utf8) + [UInt8](repeating: 0, count: 9)).withUnsafeBufferPointer { bytes in
            ScannedNumber(at: bytes.baseAddress!).flatMap { EventTime($0)?.milliseconds }
        }
        #expect(time == expected)
    }

    @Test("Local times that occur twice are the first, ones that never occur take the offset before the gap")
    func gapAndOverlap() throws {
        let berlin = try ZoneFile.load("Europe/Berlin")
        #expect(Self.parse("2025-10-26T02:30:00", zone: berlin) == Self.parse("2025-10-26T00:30:00Z"))
        #expect(Self.parse("2025-10-26T03:00:00", zone: berlin) == Self.parse("2025-10-26T02:00:00Z"))
        #expect(Self.parse("2025-03-30T02:30:00", zone: berlin) == Self.parse("2025-03-30T01:30:00Z"))
        #expect(Self.parse("2025-03-30T01:59:59", zone: berlin) == Self.parse("2025-03-30T00:59:59Z"))
        #expect(Self.parse("2025-03-30T03:00:00", zone: berlin) == Self.parse("2025-03-30T01:00:00Z"))
        #expect(Self.parse("9000-07-01T12:00:00", zone: berlin) == Self.parse("9000-07-01T10:00:00Z"))
    }

    @Test(
        "Hours and weekdays agree with Foundation's calendar",
        arguments: [
            "UTC", "Asia/Seoul", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca",
            "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "Europe/Dublin",
        ])
    func againstFoundation(_ name: String) throws {
        var clock = LocalClock(try ZoneFile.load(name))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: name))
        var random = SeededRandom(seed: 7)
        for _ in 0..<3000 {
            // Foundation's own rules end in 2037.
            let seconds = Int64(random.below(2_100_000_000))
            let parts = calendar.dateComponents(
                [.hour, .weekday], from: Date(timeIntervalSince1970: Double(seconds)))
            let (hour, weekday) = clock.hourAndWeekday(EventTime(milliseconds: seconds * 1000 + 999))
            #expect(Int(hour) == parts.hour && (Int(weekday) + 1) % 7 + 1 == parts.weekday, "\(seconds)")
        }
    }
}
