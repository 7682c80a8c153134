/// Numbers in a readable form.
package enum Figures {
    /// `1234567` as `1,234,567`.
    package static func grouped(_ number: some BinaryInteger) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0, digit != "-" { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// With this many decimals.
    package static func decimal(_ value: Double, digits: Int) -> String {
        var unit = 1.0
        for _ in 0..<digits { unit *= 10 }
        // Beyond that the digits are not exact, and useless to people.
        guard value.isFinite, abs(value * unit) < 0x1p63 else { return "\(value)" }
        if value < 0 { return "-" + decimal(-value, digits: digits) }
        let scaled = UInt64((value * unit).rounded())
        if digits == 0 { return grouped(scaled) }
        let fraction = String(scaled % UInt64(unit))
        return "\(grouped(scaled / UInt64(unit)))." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// `1.5 GiB`.
    package static func bytes(_ count: UInt64) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        var value = Double(count)
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\(decimal(value, digits: unit == 0 ? 0 : 1)) \(units[unit])"
    }

    /// `75 s`, `3 min`, `2 h`.
    package static func span(seconds: Double) -> String {
        switch seconds {
        case ..<100: "\(decimal(seconds, digits: 0)) s"
        case ..<6000: "\(decimal(seconds / 60, digits: 0)) min"
        default: "\(decimal(seconds / 3600, digits: 0)) h"
        }
    }
}
