/// Writes moments in a zone as people read them.
package struct TimeText: Sendable {
    private let zone: TimeZoneRules
    private let separator: String

    /// `separator`: between date and time, a space for people and a T for programs.
    package init(_ zone: TimeZoneRules, separator: String = " ") {
        self.zone = zone
        self.separator = separator
    }

    /// `2025-12-30 21:10:15+09:00`, with milliseconds where there are any.
    package func text(_ milliseconds: Int64) -> String {
        let instant = milliseconds.floorDivided(by: 1000)
        let offset = zone.offset(at: instant).seconds
        let local = instant + offset
        let day = local.floorDivided(by: 86_400)
        let second = local - day * 86_400
        let date = CivilDate(daysSince1970: day)
        let fraction = milliseconds - instant * 1000
        return "\(padded(date.year, 4))-\(padded(date.month))-\(padded(date.day))\(separator)"
            + "\(padded(second / 3600)):\(padded(second / 60 % 60)):\(padded(second % 60))"
            + (fraction == 0 ? "" : ".\(padded(fraction, 3))") + offsetText(offset)
    }

    private func offsetText(_ seconds: Int64) -> String {
        if seconds == 0 { return "Z" }
        let minutes = abs(seconds) / 60
        return "\(seconds < 0 ? "-" : "+")\(padded(minutes / 60)):\(padded(minutes % 60))"
    }

    private func padded(_ number: Int64, _ digits: Int = 2) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
