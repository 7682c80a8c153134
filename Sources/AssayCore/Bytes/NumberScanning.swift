import CBytes
import Glibc

/// A scanned JSON number in parts.
package struct ScannedNumber {
    var negative = false
    /// The digits before and after the point as one integer, as far as `isExact` holds.
    var mantissa: UInt64 = 0
    /// The power of ten for the mantissa.
    var exponent = 0
    /// Whether it has no fraction and no exponent.
    var isInteger = true
    /// Whether every digit is in the mantissa.
    var isExact = true
    var start: UnsafePointer<UInt8>
    var end: UnsafePointer<UInt8>

    /// The double nearest to the written number; infinite when it is too large for one.
    @inline(__always)
    var value: Double {
        // Both factors are exact doubles here, so one multiplication or division rounds correctly.
        if isExact, mantissa <= 1 << 53, exponent >= -22, exponent <= 22 {
            let magnitude = Double(mantissa)
            let scaled =
                exponent < 0
                ? magnitude / assay_power_of_ten(UInt32(-exponent)) : magnitude * assay_power_of_ten(UInt32(exponent))
            return Double(bitPattern: scaled.bitPattern | (negative ? 1 << 63 : 0))
        }
        return hardValue
    }

    private var hardValue: Double {
        start.withMemoryRebound(to: CChar.self, capacity: end - start) { strtod($0, nil) }
    }

    /// The value of an integer that fits.
    @inline(__always)
    var integer: Int64? {
        guard isInteger, isExact else { return nil }
        if let magnitude = Int64(exactly: mantissa) { return negative ? -magnitude : magnitude }
        // There is one more negative integer than there are positive ones.
        return negative && mantissa == Int64.min.magnitude ? .min : nil
    }

    /// The value of an integer that is not negative and fits.
    var unsigned: UInt64? {
        guard isInteger, !negative else { return nil }
        if isExact { return mantissa }
        // Of twenty digits that begin with a one, the mantissa is what fits, or less than the least of them.
        guard end - start == 20, start.pointee == UInt8(ascii: "1"), mantissa >= 10_000_000_000_000_000_000 else {
            return nil
        }
        return mantissa
    }

    @inline(__always)
    static func canBegin(with byte: UInt8) -> Bool {
        byte == UInt8(ascii: "-") || byte &- UInt8(ascii: "0") <= 9
    }

    /// The number that a text is, with nothing before or after it. What holds after `end` of a scanned number holds
    /// after the text.
    package init?(whole text: UnsafeBufferPointer<UInt8>) {
        guard let start = text.baseAddress, !text.isEmpty else { return nil }
        self.init(at: start)
        if end != start + text.count { return nil }
    }

    /// Scans a number that must begin at `start`, nil when none does. Stops at the first byte that cannot belong to
    /// it; the bytes must end in something that no number contains, and eight more must be readable.
    @inline(__always)
    package init?(at start: UnsafePointer<UInt8>) {
        self.start = start
        var cursor = start
        // Coordinates have a sign as often as not, so there is no branch on it.
        negative = cursor.pointee == UInt8(ascii: "-")
        cursor += negative ? 1 : 0
        let first = cursor.pointee
        var digits = Self.scanDigits(&cursor, &mantissa)
        if digits == 0 || (first == UInt8(ascii: "0") && digits > 1) { return nil }
        if cursor.pointee == UInt8(ascii: ".") {
            isInteger = false
            cursor += 1
            let fractionDigits = Self.scanDigits(&cursor, &mantissa)
            if fractionDigits == 0 { return nil }
            digits += fractionDigits
            exponent = -fractionDigits
        }
        // Any nineteen digits fit in 64 bits.
        isExact = digits <= 19
        end = cursor
        if cursor.pointee | 0x20 == UInt8(ascii: "e") {
            guard let scientific = Self.scanExponent(at: cursor + 1) else { return nil }
            isInteger = false
            exponent += scientific.exponent
            end = scientific.end
        }
    }

    /// Takes digits eight at a time, without a branch for each.
    @inline(__always)
    private static func scanDigits(_ cursor: inout UnsafePointer<UInt8>, _ mantissa: inout UInt64) -> Int {
        var digits = 0
        while true {
            let word = UInt64(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self))
            let values = word ^ 0x3030_3030_3030_3030
            // A byte that is not a digit gets its highest bit set; its carry only spoils bytes after it.
            let others = (values &+ 0x7676_7676_7676_7676 | values) & 0x8080_8080_8080_8080
            let run = others.trailingZeroBitCount / 8
            mantissa =
                mantissa &* assay_integer_power_of_ten(UInt32(truncatingIfNeeded: run))
                &+ number(of: values << UInt64(64 - run * 8))
            cursor += run
            digits += run
            if run < 8 { return digits }
        }
    }

    /// The number of eight digits, the first one in the lowest byte.
    @inline(__always)
    private static func number(of digits: UInt64) -> UInt64 {
        let pairs = digits &* 10 &+ digits >> 8
        let evenPairs = (pairs & 0x0000_00FF_0000_00FF) &* (100 + 1_000_000 << 32)
        let oddPairs = (pairs >> 16 & 0x0000_00FF_0000_00FF) &* (1 + 10_000 << 32)
        return (evenPairs &+ oddPairs) >> 32
    }

    // Out of line, so that numbers without an exponent stay in registers.
    private static func scanExponent(
        at first: UnsafePointer<UInt8>
    ) -> (exponent: Int, end: UnsafePointer<UInt8>)? {
        var cursor = first
        let negative = cursor.pointee == UInt8(ascii: "-")
        if negative || cursor.pointee == UInt8(ascii: "+") { cursor += 1 }
        let digits = cursor
        var written = 0
        while case let digit = cursor.pointee &- UInt8(ascii: "0"), digit <= 9 {
            // Further digits only bring it closer to zero or infinity, which `strtod` decides from the text.
            written = min(written * 10 + Int(digit), 100_000)
            cursor += 1
        }
        return cursor > digits ? (negative ? -written : written, cursor) : nil
    }
}
