import CEL

/// A sum that does not drift: whole numbers count as what they are, others as the shortest decimals that read back as
/// them, and the sum is rounded once, when it is asked for. What does not fit in 128 bits, such as 1e300, is summed
/// apart, as exactly.
struct ExactSum: Equatable, Sendable {
    /// In units of 10 to the power of −12.
    private var units: Int128 = 0
    private var wide: WideDecimal?
    /// Of infinite numbers, which nothing makes finite again; zero without one.
    private var infinite = 0.0

    private static let decimals = 12
    private static let unit: Int128 = 1_000_000_000_000
    /// This bound leaves room for very many numbers.
    private static let largest = 1e18

    mutating func add(_ integer: Int64) { add(units: Self.units(integer)) }

    /// What no longer fits is summed separately.
    private mutating func add(units more: Int128) {
        let former = units
        let (sum, overflow) = former.addingReportingOverflow(more)
        if overflow { changeWide { $0.add(former.magnitude, power: -Self.decimals, isNegative: former < 0) } }
        units = overflow ? more : sum
    }

    mutating func add(_ number: Double) {
        guard number.isFinite else {
            infinite += number
            return
        }
        guard abs(number) < Self.largest else { return changeWide { $0.add(whole: number) } }
        if number == number.rounded(.towardZero) { return add(units: Int128(Int64(number)) * Self.unit) }
        if let short = Self.shortDecimal(number) { return add(units: short) }
        let (mantissa, power) = Self.shortest(number)
        if let decimal = Self.scaled(mantissa, Self.decimals + power) {
            add(units: number < 0 ? -decimal : decimal)
        } else {
            changeWide { $0.add(mantissa, power: power, isNegative: number < 0) }
        }
    }

    mutating func add(_ integer: UInt64) { add(units: Int128(integer) * Self.unit) }

    mutating func merge(_ other: ExactSum) {
        add(units: other.units)
        infinite += other.infinite
        if let more = other.wide { changeWide { $0.merge(more) } }
    }

    private mutating func changeWide(_ change: (inout WideDecimal) -> Void) {
        var changed = wide ?? WideDecimal()
        wide = nil
        change(&changed)
        if !changed.isZero { wide = changed }
    }

    /// Everything apart, for those who need it in one piece.
    private var whole: WideDecimal {
        var whole = wide ?? WideDecimal()
        whole.add(units.magnitude, power: -Self.decimals, isNegative: units < 0)
        return whole
    }

    /// The shortest decimal that reads back as the number, without its sign.
    private static func shortest(_ number: Double) -> (mantissa: UInt128, power: Int) {
        var mantissa: UInt128 = 0
        var scale = 0
        var isBehindPoint = false
        let text = number.magnitude.description.utf8
        for (index, byte) in zip(text.indices, text) {
            switch byte {
            case UInt8(ascii: "."): isBehindPoint = true
            case UInt8(ascii: "e"):
                let exponent = Int(Substring(text[text.index(after: index)...])) ?? 0
                return (mantissa, exponent - scale)
            default:
                mantissa = mantissa * 10 + UInt128(byte - UInt8(ascii: "0"))
                if isBehindPoint { scale += 1 }
            }
        }
        return (mantissa, -scale)
    }

    /// What has at most four digits after the point, as most money has. A decimal of fifteen digits that reads back as
    /// the number is its shortest one but for zeros, and dividing whole numbers rounds as reading does.
    private static func shortDecimal(_ number: Double) -> Int128? {
        guard abs(number) < 1e11 else { return nil }
        let scaled = (number * 1e4).rounded()
        guard scaled / 1e4 == number else { return nil }
        return Int128(Int64(scaled)) * 100_000_000
    }

    private static func scaled(_ mantissa: UInt128, _ power: Int) -> Int128? {
        guard (0...decimals * 2).contains(power) else { return nil }
        var value = Int128(mantissa)
        for _ in 0..<power { value *= 10 }
        return value
    }

    /// Nil when it is no integer, or one that no type of 64 bits has.
    var integer: Value? {
        if infinite != 0 { return nil }
        guard let integer = wide == nil ? Self.integer(units) : whole.integer else { return nil }
        return Int64(exactly: integer).map(Value.int) ?? UInt64(exactly: integer).map(Value.uint)
    }

    private static func integer(_ units: Int128) -> Int128? {
        // Most sums fit in a word, which is divided by far faster.
        guard let word = Int64(exactly: units) else {
            let (quotient, remainder) = units.quotientAndRemainder(dividingBy: unit)
            return remainder == 0 ? quotient : nil
        }
        let (quotient, remainder) = word.quotientAndRemainder(dividingBy: Int64(unit))
        return remainder == 0 ? Int128(quotient) : nil
    }

    // MARK: For those who keep the units alone

    init(units: Int128) { self.units = units }

    /// The units, where they are everything.
    var plainUnits: Int128? { wide == nil && infinite == 0 ? units : nil }

    @inline(__always)
    static func units(_ integer: Int64) -> Int128 { Int128(integer) * unit }

    /// Nil for a number that takes longer.
    @inline(__always)
    static func units(_ number: Double) -> Int128? { shortDecimal(number) }

    /// The integer of so many units; nil where there is none.
    static func integer(_ units: Int128) -> Value? { ExactSum(units: units).integer }

    /// The double nearest to it, of two the even one; infinite as long as the sum is beyond all of them.
    var double: Double {
        if infinite != 0 { return infinite }
        return wide == nil ? Self.nearest(units) : whole.double
    }

    private static func nearest(_ units: Int128) -> Double {
        let magnitude = units.magnitude
        // Of two whole numbers that doubles have, the quotient is rounded once.
        if magnitude <= 1 << 53 { return Double(Int64(units)) / 1e12 }
        let (short, rest) = shortened(magnitude)
        if rest == 0, short <= 1 << 53 {
            let nearest = Double(UInt64(short)) / 1e4
            return units < 0 ? -nearest : nearest
        }
        // More bits than a double has, the last of which says whether there are further ones.
        let shift = magnitude.leadingZeroBitCount
        let (quotient, remainder) = (magnitude << UInt128(shift)).quotientAndRemainder(dividingBy: UInt128(unit))
        let spare = UInt128.bitWidth - quotient.leadingZeroBitCount - 62
        var bits = UInt64(quotient >> UInt128(spare))
        if remainder != 0 || quotient.trailingZeroBitCount < spare { bits |= 1 }
        let nearest = Double(sign: .plus, exponent: spare - shift, significand: Double(bits))
        return units < 0 ? -nearest : nearest
    }

    /// In units of 10 to the power of −4, and what is left.
    private static func shortened(_ magnitude: UInt128) -> (quotient: UInt128, remainder: UInt128) {
        // Most sums fit in a word, which is divided by far faster.
        guard let word = UInt64(exactly: magnitude) else {
            return magnitude.quotientAndRemainder(dividingBy: 100_000_000)
        }
        return (UInt128(word / 100_000_000), UInt128(word % 100_000_000))
    }

    // MARK: As bytes

    private enum Form: UInt8 {
        case integer, units, wide, infinite
    }

    func encode(into bytes: inout OutputBuffer) {
        if infinite != 0 {
            bytes.append(byte: Form.infinite.rawValue)
            return bytes.append(double: infinite)
        }
        if wide == nil, let integer = Self.integer(units).flatMap({ Int64(exactly: $0) }) {
            bytes.append(byte: Form.integer.rawValue)
            // The sign last, so that small numbers are short.
            return bytes.append(varint: UInt64(bitPattern: integer << 1 ^ integer >> 63))
        }
        bytes.append(byte: wide == nil ? Form.units.rawValue : Form.wide.rawValue)
        bytes.append(fixed: UInt64(truncatingIfNeeded: units))
        bytes.append(fixed: UInt64(truncatingIfNeeded: units >> 64))
        wide?.encode(into: &bytes)
    }

    init() {}

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        guard let form = Form(rawValue: try reader.byte()) else { throw StateDecodingError(.outOfBounds) }
        switch form {
        case .integer:
            let bits = try reader.varint()
            add(Int64(bitPattern: bits >> 1) ^ -Int64(bits & 1))
        case .units: units = try Self.units(&reader)
        case .wide:
            units = try Self.units(&reader)
            wide = try WideDecimal(&reader)
        case .infinite:
            infinite = try reader.double()
            guard !infinite.isFinite else { throw StateDecodingError(.outOfBounds) }
        }
    }

    /// What was written before sums were exact whatever they are of: units, and a double with its rounding error.
    init(earlier reader: inout StateByteReader) throws(StateDecodingError) {
        units = try Self.units(&reader)
        let (rest, error) = (try reader.double(), try reader.double())
        add(rest)
        if rest.isFinite { add(error) }
    }

    private static func units(_ reader: inout StateByteReader) throws(StateDecodingError) -> Int128 {
        let low = try reader.fixed()
        return Int128(Int64(bitPattern: try reader.fixed())) << 64 | Int128(low)
    }
}
