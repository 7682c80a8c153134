/// Writes times in a zone for people.
package struct TimeText: Sendable {
    private let zone: TimeZoneRules
    private let separator: String

    /// `separator`: between date and time, a space for people and a T for programs.
    package init(_ zone: TimeZoneRules, separator: String = " ") {
        self.zone = zone
        self.separator = separator
    }

    /// `2025-12-30 21:10:15+09:00`, with milliseconds unless they are zero.
    package func text(_ milliseconds: Int64) -> String {
        String(unsafeUninitializedCapacity: Self.longestText + separator.utf8.count) { buffer in
            var writer = DigitWriter(buffer)
            write(milliseconds, &writer)
            return writer.count
        }
    }

    /// A year has at most nine digits, and may have a sign.
    private static let longestText = 48

    private func write(_ milliseconds: Int64, _ writer: inout DigitWriter) {
        let instant = milliseconds.floorDivided(by: 1000)
        let offset = zone.offset(at: instant).seconds
        let local = instant + offset
        let day = local.floorDivided(by: 86_400)
        let second = local - day * 86_400
        let date = CivilDate(daysSince1970: day)
        let fraction = milliseconds - instant * 1000
        writer.write(date.year, digits: 4)
        writer.write("-")
        writer.write(date.month)
        writer.write("-")
        writer.write(date.day)
        for byte in separator.utf8 { writer.write(byte) }
        writer.write(second / 3600)
        writer.write(":")
        writer.write(second / 60 % 60)
        writer.write(":")
        writer.write(second % 60)
        if fraction != 0 {
            writer.write(".")
            writer.write(fraction, digits: 3)
        }
        if offset == 0 { return writer.write("Z") }
        let minutes = abs(offset) / 60
        writer.write(offset < 0 ? "-" : "+")
        writer.write(minutes / 60)
        writer.write(":")
        writer.write(minutes % 60)
    }
}

/// Writes numbers with leading zeros, with no string but the final one.
private struct DigitWriter {
    private let buffer: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0

    init(_ buffer: UnsafeMutableBufferPointer<UInt8>) {
        self.buffer = buffer
    }

    mutating func write(_ byte: UInt8) {
        buffer[count] = byte
        count += 1
    }

    mutating func write(_ character: Unicode.Scalar) { write(UInt8(ascii: character)) }

    @inline(__always)
    mutating func write(_ number: Int64) {
        guard (0..<100).contains(number) else { return write(number, digits: 2) }
        let ten = UInt8(truncatingIfNeeded: number) / 10
        write(UInt8(ascii: "0") + ten)
        write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number) - ten * 10)
    }

    /// Writes at least this many digits.
    mutating func write(_ number: Int64, digits: Int) {
        if number < 0 { write("-") }
        let magnitude = number.magnitude
        var written = digits - (number < 0 ? 1 : 0)
        var bound: UInt64 = 1
        for _ in 0..<max(written, 0) { bound *= 10 }
        while magnitude >= bound {
            written += 1
            bound *= 10
        }
        for _ in 0..<max(written, 0) {
            bound /= 10
            write(UInt8(ascii: "0") + UInt8(magnitude / bound % 10))
        }
    }
}
