/// A sum that does not drift: numbers count as the decimals that they are written as. What does not fit, such as 1e300,
/// is summed separately with compensation of its rounding errors.
struct ExactSum: Equatable, Sendable {
    /// In units of 10 to the power of −12.
    private var units: Int128 = 0
    private var rest = 0.0
    private var error = 0.0

    private static let decimals = 12
    private static let unit: Int128 = 1_000_000_000_000
    /// This bound leaves room for very many numbers.
    private static let largest = 1e18

    mutating func add(_ integer: Int64) { add(units: Int128(integer) * Self.unit) }

    /// What no longer fits is summed separately.
    private mutating func add(units more: Int128) {
        let (sum, overflow) = units.addingReportingOverflow(more)
        if overflow { addInexact(Double(units) / Double(Self.unit)) }
        units = overflow ? more : sum
    }

    mutating func add(_ number: Double) {
        if let decimal = Self.units(number) { add(units: decimal) } else { addInexact(number) }
    }

    mutating func merge(_ other: ExactSum) {
        add(units: other.units)
        addInexact(other.rest)
        addInexact(other.error)
    }

    /// Neumaier's method: the smaller of the two loses digits, which `error` collects.
    private mutating func addInexact(_ number: Double) {
        let sum = rest + number
        if sum.isFinite {
            error += abs(rest) >= abs(number) ? (rest - sum) + number : (number - sum) + rest
        }
        rest = sum
    }

    /// The shortest decimal that reads back as the number, if it has no more than twelve digits after the point.
    private static func units(_ number: Double) -> Int128? {
        guard abs(number) < largest else { return nil }
        if number == number.rounded(.towardZero) { return Int128(Int64(number)) * unit }
        if let cents = shortDecimal(number) { return cents }
        var mantissa: Int128 = 0
        var scale = 0
        var exponent = 0
        var isBehindPoint = false
        let text = number.magnitude.description.utf8
        for (index, byte) in zip(text.indices, text) {
            switch byte {
            case UInt8(ascii: "."): isBehindPoint = true
            case UInt8(ascii: "e"):
                exponent = Int(Substring(text[text.index(after: index)...])) ?? 0
                return scaled(mantissa, decimals - scale + exponent, isNegative: number < 0)
            default:
                mantissa = mantissa * 10 + Int128(byte - UInt8(ascii: "0"))
                if isBehindPoint { scale += 1 }
            }
        }
        return scaled(mantissa, decimals - scale, isNegative: number < 0)
    }

    /// The same for at most four digits after the point, as most money has. A decimal of fifteen digits that reads back
    /// as the number is its shortest one except for zeros, and dividing whole numbers rounds as reading does.
    private static func shortDecimal(_ number: Double) -> Int128? {
        guard abs(number) < 1e11 else { return nil }
        let scaled = (number * 1e4).rounded()
        guard scaled / 1e4 == number else { return nil }
        return Int128(Int64(scaled)) * 100_000_000
    }

    private static func scaled(_ mantissa: Int128, _ power: Int, isNegative: Bool) -> Int128? {
        guard (0...decimals * 2).contains(power) else { return nil }
        var value = mantissa
        for _ in 0..<power { value *= 10 }
        return isNegative ? -value : value
    }

    /// Nil when it is not an Int64.
    var integer: Int64? { units % Self.unit == 0 && rest == 0 ? Int64(exactly: units / Self.unit) : nil }

    /// The double nearest to it, or next to that.
    var double: Double {
        let whole = units / Self.unit
        let fraction = units % Self.unit
        let exact = Double(whole) + Double(fraction) / Double(Self.unit)
        return rest == 0 ? exact : exact + rest + error
    }

    // MARK: As bytes

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(fixed: UInt64(truncatingIfNeeded: units))
        bytes.append(fixed: UInt64(truncatingIfNeeded: units >> 64))
        bytes.append(double: rest)
        bytes.append(double: error)
    }

    init() {}

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        let low = try reader.fixed()
        units = Int128(Int64(bitPattern: try reader.fixed())) << 64 | Int128(low)
        rest = try reader.double()
        error = try reader.double()
    }
}
