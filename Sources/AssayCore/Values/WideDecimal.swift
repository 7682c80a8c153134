import Glibc

/// A decimal number with room for 2^63 times the largest double and for the last digit of the smallest one, in limbs of
/// eighteen digits. Nothing is ever rounded off.
struct WideDecimal: Equatable, Sendable {
    /// From the smallest on. All but the last are at least 0 and less than `base`; the last one has the sign.
    private var limbs = [Int64](repeating: 0, count: limbCount)

    private static let limbDigits = 18
    private static let base: Int64 = 1_000_000_000_000_000_000
    /// The shortest decimal of the smallest double ends 340 digits after the point.
    private static let limbsBehindPoint = 19
    private static let limbCount = 38
    private static let digitsBehindPoint = limbsBehindPoint * limbDigits

    var isZero: Bool { limbs.allSatisfy { $0 == 0 } }

    /// Adds a number times ten to some power, which is at least −342.
    mutating func add(_ magnitude: UInt128, power: Int, isNegative: Bool) {
        let shift = power + Self.digitsBehindPoint
        var factor: UInt128 = 1
        for _ in 0..<shift % Self.limbDigits { factor *= 10 }
        var (rest, carry) = (magnitude, UInt128(0))
        var index = shift / Self.limbDigits
        while rest > 0 || carry > 0 {
            let product = rest % UInt128(Self.base) * factor + carry
            rest /= UInt128(Self.base)
            carry = product / UInt128(Self.base)
            add(Int64(product % UInt128(Self.base)), at: index, isNegative: isNegative)
            index += 1
        }
    }

    /// Adds a double that is a whole number, all its digits.
    mutating func add(whole number: Double) {
        let exponent = max(0, Int(number.exponent) - Double.significandBitCount)
        var parts = [Int64(number.magnitude * exp2(Double(-exponent)))]
        var left = exponent
        while left > 0 {
            // The greatest power of two by which a limb can be multiplied in 128 bits, and more.
            let step = min(left, 60)
            left -= step
            var carry: UInt128 = 0
            for index in parts.indices {
                let product = UInt128(parts[index]) << UInt128(step) + carry
                parts[index] = Int64(product % UInt128(Self.base))
                carry = product / UInt128(Self.base)
            }
            while carry > 0 {
                parts.append(Int64(carry % UInt128(Self.base)))
                carry /= UInt128(Self.base)
            }
        }
        for (index, part) in parts.enumerated() {
            add(part, at: Self.limbsBehindPoint + index, isNegative: number < 0)
        }
    }

    mutating func merge(_ other: WideDecimal) {
        for (index, part) in other.limbs.enumerated() { add(part, at: index, isNegative: false) }
    }

    private mutating func add(_ part: Int64, at first: Int, isNegative: Bool) {
        var index = first
        limbs[index] += isNegative ? -part : part
        while index < Self.limbCount - 1, limbs[index] < 0 || limbs[index] >= Self.base {
            let carry: Int64 = limbs[index] < 0 ? -1 : 1
            limbs[index] -= carry * Self.base
            limbs[index + 1] += carry
            index += 1
        }
    }

    /// The same without its sign.
    private var magnitude: (isNegative: Bool, limbs: [Int64]) {
        guard let last = limbs.last, last < 0 else { return (false, limbs) }
        var opposite = WideDecimal()
        for (index, part) in limbs.enumerated() { opposite.add(part, at: index, isNegative: true) }
        return (true, opposite.limbs)
    }

    /// Nil when it is no integer, or has more than 36 digits.
    var integer: Int128? {
        let (isNegative, limbs) = magnitude
        let first = Self.limbsBehindPoint
        guard limbs[..<first].allSatisfy({ $0 == 0 }), limbs[(first + 2)...].allSatisfy({ $0 == 0 }) else {
            return nil
        }
        let whole = Int128(limbs[first]) + Int128(limbs[first + 1]) * Int128(Self.base)
        return isNegative ? -whole : whole
    }

    /// The nearest double, of two the even one; infinite when it is beyond all of them.
    var double: Double {
        let (isNegative, limbs) = magnitude
        var text: [CChar] = []
        for limb in limbs.reversed() {
            let digits = String(limb).utf8
            text += repeatElement(CChar(UInt8(ascii: "0")), count: Self.limbDigits - min(digits.count, Self.limbDigits))
            text += digits.map { CChar($0) }
        }
        text += "e-\(Self.digitsBehindPoint)".utf8.map { CChar($0) } + [0]
        // The library reads as many digits as there are, and rounds once.
        let nearest = strtod(text, nil)
        return isNegative ? -nearest : nearest
    }

    // MARK: As bytes

    func encode(into bytes: inout OutputBuffer) {
        let first = limbs.firstIndex { $0 != 0 } ?? 0
        let end = (limbs.lastIndex { $0 != 0 } ?? 0) + 1
        bytes.append(varint: UInt64(first))
        bytes.append(varint: UInt64(end))
        for limb in limbs[first..<end] { bytes.append(fixed: UInt64(bitPattern: limb)) }
    }

    init() {}

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        let (first, end) = (try reader.varint(), try reader.varint())
        guard first < end, end <= UInt64(Self.limbCount) else { throw StateDecodingError(.outOfBounds) }
        for index in Int(first)..<Int(end) {
            let limb = Int64(bitPattern: try reader.fixed())
            guard index == Self.limbCount - 1 || (0..<Self.base).contains(limb) else {
                throw StateDecodingError(.outOfBounds)
            }
            limbs[index] = limb
        }
    }
}
