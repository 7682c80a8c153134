import CBytes

/// What a number has above its last four digits, as it was written.
package struct UpperDigits {
    fileprivate var value = UInt64.max
    /// At most eight.
    fileprivate var count = 0
    fileprivate var bytes: UInt64 = 0

    package init() {}

    fileprivate init(value: UInt64, count: Int) { (self.value, self.count) = (value, count) }
}

extension OutputBuffer {
    /// The most bytes that any number takes.
    package static let longestNumber = 48

    @inline(__always)
    package mutating func write(integer value: UInt64) {
        // Digits are written from the end, so their number has to be known first.
        let digits = Self.digitCount(value)
        var place = digits
        var rest = value
        while rest >= 100 {
            place -= 2
            write(pair: assay_digit_pair(UInt32(truncatingIfNeeded: rest % 100)), behind: place)
            rest /= 100
        }
        if rest >= 10 {
            write(pair: assay_digit_pair(UInt32(truncatingIfNeeded: rest)), behind: 0)
        } else {
            write(byte: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest), behind: 0)
        }
        advance(digits)
    }

    /// The same of a number that is likely to differ from the one before in its last four digits alone.
    @inline(__always)
    package mutating func write(integer value: UInt64, _ upper: inout UpperDigits) {
        let above = value / 10_000
        if above != upper.value { return writeNew(value, above, &upper) }
        write(bytes: upper.bytes, behind: 0)
        let last = UInt32(truncatingIfNeeded: value &- above &* 10_000)
        write(pair: assay_digit_pair(last / 100), behind: upper.count)
        write(pair: assay_digit_pair(last % 100), behind: upper.count + 2)
        advance(upper.count + 4)
    }

    @inline(never)
    private mutating func writeNew(_ value: UInt64, _ above: UInt64, _ upper: inout UpperDigits) {
        write(integer: value)
        guard above > 0, above < 100_000_000 else { return }
        upper = UpperDigits(value: above, count: Self.digitCount(above))
        upper.bytes = bytes(before: upper.count + 4)
    }

    @inline(__always)
    private static func digitCount(_ value: UInt64) -> Int {
        if value < 10 { return 1 }
        // A bit is 1233/4096 of a decimal digit, which is at most one digit short.
        let guess = ((UInt64.bitWidth - value.leadingZeroBitCount) * 1233) >> 12
        return guess + (value >= assay_integer_power_of_ten(UInt32(guess)) ? 1 : 0)
    }

    /// Writes `digits` after the point, without trailing zeros, and without the point if nothing follows.
    @inline(__always)
    package mutating func write(fraction value: UInt64, digits: Int) {
        guard value != 0 else { return }
        write(UInt8(ascii: "."))
        var rest = UInt32(truncatingIfNeeded: value)
        // As many pairs as six digits have; an odd number of digits gets a zero at the end.
        if digits & 1 == 1 { rest *= 10 }
        var last = (digits + 1) / 2 * 2
        for pair in stride(from: last - 2, through: 0, by: -2) {
            write(pair: assay_digit_pair(rest % 100), behind: pair)
            rest /= 100
        }
        while byte(behind: last - 1) == UInt8(ascii: "0") { last -= 1 }
        advance(last)
    }

    /// Rounds to six decimals, in the shortest form that reads back the same; no exponent below 1e15.
    @inline(__always)
    package mutating func write(real value: Double) {
        // Up to here a rounded number has at most fifteen digits, which are its shortest form.
        guard value >= 0, value < 1e9 else { return writeLarge(value) }
        let millionths = Self.millionths(value)
        write(integer: millionths / 1_000_000)
        write(fraction: millionths % 1_000_000, digits: 6)
    }

    /// The six decimals of a number from zero to a billion.
    @inline(__always)
    static func millionths(_ value: Double) -> UInt64 {
        // To the nearest, halves up: `rounded` is a call on processors with only SSE2.
        let scaled = value * 1e6
        let whole = UInt64(scaled)
        return scaled - Double(whole) >= 0.5 ? whole + 1 : whole
    }

    private mutating func writeLarge(_ value: Double) {
        if value < 0 {
            write(UInt8(ascii: "-"))
            return write(real: -value)
        }
        let scaled = (value * 1e6).rounded()
        // Past 2^53 millionths the double has no digits left to round.
        let rounded = scaled < 0x1p53 ? scaled / 1e6 : value
        if rounded < 1e15, rounded == rounded.rounded(.down) { return write(integer: UInt64(rounded)) }
        let text = rounded.description
        write(text.hasSuffix(".0") ? text.dropLast(2).utf8 : text[...].utf8)
    }

    /// Epoch seconds: an integer when whole, otherwise with up to three decimals.
    @inline(__always)
    package mutating func write(seconds time: EventTime) {
        var upper = UpperDigits()
        write(seconds: time, &upper)
    }

    @inline(__always)
    package mutating func write(seconds time: EventTime, _ upper: inout UpperDigits) {
        let milliseconds = UInt64(bitPattern: time.milliseconds)
        write(integer: milliseconds / 1000, &upper)
        write(fraction: milliseconds % 1000, digits: 3)
    }

    /// The most bytes for a text of `count` bytes in quotes.
    static func longestEscaped(_ count: Int) -> Int { 6 * count }

    /// Writes a text in quotes, with the escapes of JSON.
    package mutating func write(escaping bytes: UnsafeBufferPointer<UInt8>) {
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""): write("\\\"")
            case UInt8(ascii: "\\"): write("\\\\")
            case 0x0A: write("\\n")
            case 0x0D: write("\\r")
            case 0x09: write("\\t")
            case 0x00..<0x20:
                write("\\u00")
                write(Self.hexDigit(byte >> 4))
                write(Self.hexDigit(byte & 15))
            default: write(byte)
            }
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
