import Glibc

/// A number as JSON writes it, taken apart.
struct ScannedNumber {
    var negative = false
    /// The digits before and behind the point as one integer, as far as `isExact` holds.
    var mantissa: UInt64 = 0
    /// Power of ten by which the mantissa is to be multiplied.
    var exponent = 0
    /// No fraction and no exponent was written.
    var isInteger = true
    /// Every digit is in the mantissa.
    var isExact = true
    var start: UnsafePointer<UInt8>
    var end: UnsafePointer<UInt8>

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// The double nearest to the written number; infinite when it is too large for one.
    var value: Double {
        // Both factors are exact doubles here, so one multiplication or division rounds correctly.
        if isExact, mantissa <= 1 << 53, exponent >= -22, exponent <= 22 {
            let magnitude = Double(mantissa)
            let scaled =
                exponent < 0
                ? magnitude / Self.powersOfTen[-exponent] : magnitude * Self.powersOfTen[exponent]
            return negative ? -scaled : scaled
        }
        return start.withMemoryRebound(to: CChar.self, capacity: end - start) { strtod($0, nil) }
    }

    /// The value of an integer that fits.
    var integer: Int64? {
        guard isInteger, isExact, let magnitude = Int64(exactly: mantissa) else { return nil }
        return negative ? -magnitude : magnitude
    }

    @inline(__always)
    static func canBegin(with byte: UInt8) -> Bool {
        byte == UInt8(ascii: "-") || byte &- UInt8(ascii: "0") <= 9
    }

    /// Scans a number that must begin at `start`, nil when none does. Stops at the first byte that cannot belong to
    /// it; the bytes must end in something that no number contains.
    @inline(__always)
    init?(at start: UnsafePointer<UInt8>) {
        self.start = start
        var cursor = start
        if cursor.pointee == UInt8(ascii: "-") {
            negative = true
            cursor += 1
        }
        let firstDigit = cursor
        var mantissa: UInt64 = 0
        Self.scanDigits(&cursor, &mantissa)
        var digits = cursor - firstDigit
        if digits == 0 || (digits > 1 && firstDigit.pointee == UInt8(ascii: "0")) { return nil }
        if cursor.pointee == UInt8(ascii: ".") {
            isInteger = false
            cursor += 1
            let fraction = cursor
            Self.scanDigits(&cursor, &mantissa)
            let fractionDigits = cursor - fraction
            if fractionDigits == 0 { return nil }
            digits += fractionDigits
            exponent = -fractionDigits
        }
        self.mantissa = mantissa
        // Nineteen digits fit in 64 bits whatever they are.
        isExact = digits <= 19
        end = cursor
        if cursor.pointee | 0x20 == UInt8(ascii: "e") {
            guard scanExponent(cursor + 1) else { return nil }
        }
    }

    @inline(__always)
    private static func scanDigits(_ cursor: inout UnsafePointer<UInt8>, _ mantissa: inout UInt64) {
        while true {
            let digit = cursor.pointee &- UInt8(ascii: "0")
            if digit > 9 { return }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            cursor += 1
        }
    }

    private mutating func scanExponent(_ first: UnsafePointer<UInt8>) -> Bool {
        isInteger = false
        var cursor = first
        let negative = cursor.pointee == UInt8(ascii: "-")
        if negative || cursor.pointee == UInt8(ascii: "+") { cursor += 1 }
        let digits = cursor
        var written = 0
        while case let digit = cursor.pointee &- UInt8(ascii: "0"), digit <= 9 {
            // Further digits only make it more surely zero or infinite, which `strtod` decides from the text.
            written = min(written * 10 + Int(digit), 100_000)
            cursor += 1
        }
        exponent += negative ? -written : written
        end = cursor
        return cursor > digits
    }
}
