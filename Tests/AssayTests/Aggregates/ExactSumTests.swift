import CEL
import Testing

@testable import Assay
@testable import AssayCore

/// Sums against whole numbers of any length, which know nothing of doubles.
@Suite struct ExactSumTests {
    /// The least significant word first.
    struct BigNumber {
        var words: [UInt32] = []
        var isNegative = false

        init() {}

        init(_ magnitude: UInt64) { words = [UInt32(truncatingIfNeeded: magnitude), UInt32(magnitude >> 32)] }

        func times(_ factor: UInt32, _ count: Int) -> BigNumber {
            var product = self
            for _ in 0..<count {
                var carry: UInt64 = 0
                for index in product.words.indices {
                    carry += UInt64(product.words[index]) * UInt64(factor)
                    product.words[index] = UInt32(truncatingIfNeeded: carry)
                    carry >>= 32
                }
                if carry > 0 { product.words.append(UInt32(carry)) }
            }
            return product
        }

        static func isLess(_ left: [UInt32], _ right: [UInt32]) -> Bool {
            for index in (0..<max(left.count, right.count)).reversed() {
                let (first, second) = (index < left.count ? left[index] : 0, index < right.count ? right[index] : 0)
                if first != second { return first < second }
            }
            return false
        }

        /// Of magnitudes, the first not less than the second if it is subtracted.
        private static func combined(_ left: [UInt32], _ right: [UInt32], _ sign: Int64) -> [UInt32] {
            var result: [UInt32] = []
            var carry: Int64 = 0
            for index in 0..<max(left.count, right.count) + 1 {
                carry += index < left.count ? Int64(left[index]) : 0
                carry += index < right.count ? sign * Int64(right[index]) : 0
                result.append(UInt32(truncatingIfNeeded: carry))
                carry >>= 32
            }
            return result
        }

        static func + (left: BigNumber, right: BigNumber) -> BigNumber {
            var sum = left
            if left.isNegative == right.isNegative {
                sum.words = combined(left.words, right.words, 1)
            } else if isLess(left.words, right.words) {
                sum = right
                sum.words = combined(right.words, left.words, -1)
            } else {
                sum.words = combined(left.words, right.words, -1)
            }
            return sum
        }

        /// −1, 0 or 1.
        static func order(_ left: BigNumber, _ right: BigNumber) -> Int {
            var opposite = right
            opposite.isNegative.toggle()
            let difference = left + opposite
            if difference.words.allSatisfy({ $0 == 0 }) { return 0 }
            return difference.isNegative ? -1 : 1
        }
    }

    /// In units of 2 to the power of −1100 times ten to the power of −340.
    private static func exact(_ mantissa: Int64, tens: Int, twos: Int = 0) -> BigNumber {
        var number = BigNumber(mantissa.magnitude).times(10, 340 + tens)
        number = number.times(1 << 20, (1100 + twos) / 20).times(2, (1100 + twos) % 20)
        number.isNegative = mantissa < 0
        return number
    }

    private static func exact(_ double: Double) -> BigNumber {
        if double == 0 { return BigNumber() }
        let exponent = max(double.exponent, -1022) - 52
        return exact(Int64(scaled(double, -Int(exponent))), tens: 0, twos: Int(exponent))
    }

    private static func scaled(_ double: Double, _ power: Int) -> Double {
        // In two steps, as the factor itself may be no double.
        double * Double(sign: .plus, exponent: power / 2, significand: 1)
            * Double(sign: .plus, exponent: power - power / 2, significand: 1)
    }

    /// Whether no other double is nearer to the sum, and of two that are as near it is the even one.
    private static func isNearest(_ double: Double, to sum: BigNumber) -> Bool {
        let doubled = sum + sum
        let isEven = double.significandBitPattern & 1 == 0
        let above = BigNumber.order(doubled, exact(double) + exact(double.nextUp))
        let below = BigNumber.order(doubled, exact(double) + exact(double.nextDown))
        return (above < 0 || above == 0 && isEven) && (below > 0 || below == 0 && isEven)
    }

    @Test("A sum is the double nearest to the exact one, rounded once", arguments: Seed.several(20))
    func nearest(_ seed: Seed) throws {
        print("exact sums: \(seed.testDescription)")
        var random = seed.random
        for round in 0..<40 {
            var (sum, other, wanted) = (ExactSum(), ExactSum(), BigNumber())
            for _ in 0..<Int(random.below(30)) + 1 {
                let sign: Int64 = random.below(2) == 0 ? 1 : -1
                let mantissa = sign * Int64(random.below([100, 100_000, 999_999_999_999_999][round % 3]))
                let power: Int
                switch round % 4 {
                case 0: power = -2
                case 1: power = -Int(random.below(16))
                case 2: power = -Int(random.below(300))
                default: power = Int(random.below(40)) - 20
                }
                guard let number = Double("\(mantissa)e\(power)") else { throw TestFailure() }
                // Whole numbers of more digits than doubles have count as the doubles that they are.
                if number.magnitude >= 1e15 {
                    wanted = wanted + Self.exact(number)
                } else {
                    wanted = wanted + Self.exact(mantissa, tens: power)
                }
                if random.below(3) == 0 { other.add(number) } else { sum.add(number) }
            }
            sum.merge(try Self.rewritten(other))
            #expect(Self.isNearest(try Self.rewritten(sum).double, to: wanted), "\(sum.double)")
        }
    }

    private struct TestFailure: Error {}

    private static func rewritten(_ sum: ExactSum) throws -> ExactSum {
        try AssayTests.rewritten({ sum.encode(into: &$0) }, { try ExactSum(&$0) })
    }

    @Test("The sum of one decimal is that decimal", arguments: Seed.several(4))
    func single(_ seed: Seed) {
        print("exact sums: \(seed.testDescription)")
        var random = seed.random
        for number in [1.39, 0.1, -4.35, 1e-300, .leastNonzeroMagnitude, 1.7976931348623157e308, 12_345_678.123_456_79]
        {
            var sum = ExactSum()
            sum.add(number)
            #expect(sum.double == number)
        }
        for _ in 0..<100_000 {
            let number = Double(Int64(random.below(1_000_000_000_000))) / 100
            let any = Double(bitPattern: random.next())
            for number in [number, any] where number.isFinite {
                var sum = ExactSum()
                sum.add(number)
                #expect(sum.double == number)
            }
        }
    }

    @Test("A sum that was out of range is a number again once it is back")
    func overflow() throws {
        var sum = ExactSum()
        for number in [1e308, 1e308, 0.1] { sum.add(number) }
        #expect(try Self.rewritten(sum).double == .infinity)
        sum.add(-1e308)
        #expect(try Self.rewritten(sum).double == 1e308)
        sum.add(-1e308)
        #expect(try Self.rewritten(sum).double == 0.1)
        for _ in 0..<100_000 { sum.add(-Double.greatestFiniteMagnitude) }
        #expect(sum.double == -.infinity)
        for _ in 0..<100_000 { sum.add(Double.greatestFiniteMagnitude) }
        #expect(sum.double == 0.1 && sum.integer == nil)
        sum.add(-0.1)
        #expect(sum.integer?.literal == "0")
    }

    @Test("Whole numbers are added with all their digits, whatever their size")
    func integers() throws {
        var sum = ExactSum()
        sum.add(Int64.min)
        #expect(sum.integer?.literal == "-9223372036854775808")
        sum.add(UInt64.max)
        sum.add(Int64(1))
        #expect(sum.integer?.literal == "9223372036854775808u")
        // The double that this number of 23 digits is.
        sum.add(12_345_678_901_234_567_890_123.0)
        sum.add(-9_223_372_036_854_775_807.0)
        sum.add(-12_345_678_901_234_567_890_123.0)
        #expect(try Self.rewritten(sum).integer?.literal == "0")
    }

    @Test("Sums of earlier releases go on")
    func earlier() throws {
        var bytes = OutputBuffer(capacity: 64)
        bytes.append(fixed: UInt64(bitPattern: -1_500_000_000_000))
        bytes.append(fixed: .max)
        bytes.append(double: 1e300)
        bytes.append(double: -2)
        var reader = StateByteReader(bytes.bytes)
        var sum = try ExactSum(earlier: &reader)
        sum.add(-1e300)
        #expect(sum.double == -3.5)
    }
}
