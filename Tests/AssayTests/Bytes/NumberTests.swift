import Testing

@testable import Assay
@testable import AssayCore

@Suite struct NumberTests {
    private static func written(_ write: (inout OutputBuffer) -> Void) -> String {
        var buffer = OutputBuffer()
        buffer.reserve(1024)
        write(&buffer)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    @Test(
        "Reals are written rounded to six decimals in their shortest form",
        arguments: [
            (0, "0"), (1, "1"), (0.2, "0.2"), (0.1 + 0.2, "0.3"), (123.456789, "123.456789"), (1e-7, "0"),
            (0.0000005, "0.000001"), (6814.869727123, "6814.869727"), (999_999_999.999999, "999999999.999999"),
            (1e9, "1000000000"), (1_234_567_890.123456, "1234567890.123456"), (1e14, "100000000000000"),
            (999_999_999_999_999, "999999999999999"), (1e15, "1e+15"), (1e16, "1e+16"), (1e300, "1e+300"),
            (12345678.9, "12345678.9"), (-2.5, "-2.5"), (4_503_599_627_370_497.5, "4503599627370497.5"),
        ] as [(Double, String)])
    func reals(_ value: Double, _ expected: String) {
        let text = Self.written { $0.write(real: value) }
        #expect(text == expected || Double(text) == Double(expected) && value >= 1e15)
    }

    @Test("Any real reads back as itself rounded to six decimals", arguments: Seed.several(2))
    func realsReadBack(_ seed: Seed) {
        var random = seed.random
        for _ in 0..<200_000 {
            let magnitude = [1.0, 100, 1e5, 1e8, 1e11][Int(random.below(5))]
            let value = random.unit() * magnitude
            let text = Self.written { $0.write(real: value) }
            // Doubles past 2^53 millionths lie farther apart than those.
            let rounded = value < 0x1p53 / 1e6 ? (value * 1e6).rounded() / 1e6 : value
            #expect(Double(text) == rounded, "\(value)")
            // Below a thousandth Swift writes an exponent, which may be shorter.
            #expect(rounded < 1e-3 || text.count <= rounded.description.count)
        }
    }

    @Test(
        "Integers of every length are written",
        arguments: [
            0, 9, 10, 99, 100, 101, 12_345, 1_767_129_015, 18_446_744_073_709_551_615,
        ] as [UInt64])
    func integers(_ value: UInt64) {
        #expect(Self.written { $0.write(integer: value) } == "\(value)")
    }

    @Test(
        "Times are seconds with the milliseconds that they have",
        arguments: [
            (1_767_129_015_000, "1767129015"), (1_767_129_015_500, "1767129015.5"),
            (1_767_129_015_085, "1767129015.085"),
        ] as [(Int64, String)])
    func seconds(_ milliseconds: Int64, _ expected: String) {
        #expect(Self.written { $0.write(seconds: EventTime(milliseconds: milliseconds)) } == expected)
    }

    @Test(
        "Integers are exact as far as 64 bits go, and no integers behind that",
        arguments: [
            ("-9223372036854775808", Int64.min, nil), ("-9223372036854775809", nil, nil),
            ("9223372036854775807", Int64.max, 9_223_372_036_854_775_807),
            ("9223372036854775808", nil, 9_223_372_036_854_775_808),
            ("18446744073709551615", nil, UInt64.max), ("18446744073709551616", nil, nil),
            ("19999999999999999999", nil, nil), ("28446744073709551615", nil, nil), ("99999999999999999999", nil, nil),
            ("10000000000000000000", nil, 10_000_000_000_000_000_000), ("123456789012345678901", nil, nil),
            ("1.0", nil, nil), ("-1", -1, nil),
        ] as [(String, Int64?, UInt64?)])
    func integers(_ text: String, _ integer: Int64?, _ unsigned: UInt64?) {
        (Array(text.utf8) + [UInt8](repeating: 0, count: 9)).withUnsafeBufferPointer { bytes in
            let number = ScannedNumber(at: bytes.baseAddress!)
            #expect(number?.integer == integer && number?.unsigned == unsigned)
        }
    }

    @Test("Scanned numbers are the nearest doubles", arguments: Seed.several(2))
    func scanning(_ seed: Seed) {
        var random = seed.random
        for _ in 0..<100_000 {
            var text = random.below(2) == 0 ? "-" : ""
            text += "\(random.next() >> random.below(64))"
            if random.below(3) > 0 {
                text += "." + (0...random.below(18)).map { _ in "\(random.below(10))" }.joined()
            }
            if random.below(3) == 0 { text += "e\(Int64(random.below(640)) - 330)" }
            let scanned = (Array(text.utf8) + [UInt8(ascii: ",")] + [UInt8](repeating: 0, count: 8))
                .withUnsafeBufferPointer { bytes in
                    ScannedNumber(at: bytes.baseAddress!).map { ($0.value, $0.end - bytes.baseAddress!) }
                }
            #expect(scanned?.0.bitPattern == Double(text)?.bitPattern, "\(text)")
            #expect(scanned?.1 == text.utf8.count)
        }
    }
}
