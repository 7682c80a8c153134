import Testing

@testable import CivilTime

@Suite struct ZoneTests {
    @Test("Closing rules of all forms are understood")
    func posixRules() throws {
        let newYork = try #require(PosixTimeZone("EST5EDT,M3.2.0,M11.1.0"))
        #expect(newYork.standardOffset == -18_000 && newYork.daylight?.offset == -14_400)
        #expect(newYork.changes(year: 2025).map(\.instant) == [1_741_503_600, 1_762_063_200])
        #expect(PosixTimeZone("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0")?.daylight?.offset == 39_600)
        #expect(PosixTimeZone("IST-1GMT0,M10.5.0,M3.5.0/1")?.standardOffset == 3600)
        #expect(PosixTimeZone("ABC3")?.daylight == nil)
        #expect(PosixTimeZone("AAA3BBB,J60/0,300")?.changes(year: 2024).first?.instant == 1_709_262_000)
        #expect(PosixTimeZone("nonsense,") == nil && PosixTimeZone("") == nil)
    }

    @Test(
        "Names that are no zones are refused",
        arguments: ["", "../etc/passwd", "/etc/localtime", "Mars/Base", "zone.tab"])
    func unknownZones(_ name: String) {
        #expect(throws: ZoneError.self) { try ZoneFile.load(name) }
    }
}
