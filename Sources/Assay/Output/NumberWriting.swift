extension OutputBuffer {
    /// The most bytes that any number takes.
    static let longestNumber = 48

    /// The two digits of each number below 100.
    private static let digitPairs: [UInt16] = (0..<100).map { number in
        let tens = UInt16(UInt8(ascii: "0")) + UInt16(number / 10)
        let ones = UInt16(UInt8(ascii: "0")) + UInt16(number % 10)
        return tens | ones << 8
    }

    @inline(__always)
    mutating func write(integer value: UInt64) {
        // Digits come from the back, so they are made in the room behind and moved.
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { room in
            var index = room.count
            var rest = value
            Self.digitPairs.withUnsafeBufferPointer { pairs in
                while rest >= 100 {
                    let pair = Int(truncatingIfNeeded: rest % 100)
                    rest /= 100
                    index -= 2
                    room.storeBytes(of: pairs[pair].littleEndian, toByteOffset: index, as: UInt16.self)
                }
            }
            if rest >= 10 {
                index -= 2
                Self.digitPairs.withUnsafeBufferPointer {
                    room.storeBytes(of: $0[Int(rest)].littleEndian, toByteOffset: index, as: UInt16.self)
                }
            } else {
                index -= 1
                room[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest)
            }
            write(UnsafeBufferPointer(rebasing: room.bindMemory(to: UInt8.self)[index...]))
        }
    }

    /// `digits` behind the point, trailing zeros left out, and the point too when nothing follows.
    @inline(__always)
    mutating func write(fraction value: UInt64, digits: Int) {
        guard value != 0 else { return }
        write(UInt8(ascii: "."))
        var rest = value
        var used = digits
        while rest % 10 == 0 {
            rest /= 10
            used -= 1
        }
        var divisor: UInt64 = 1
        for _ in 1..<used { divisor *= 10 }
        while divisor > 0 {
            write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / divisor % 10))
            divisor /= 10
        }
    }

    /// Rounded to six decimals, in the shortest form that reads back the same; no exponent below 1e15.
    @inline(__always)
    mutating func write(real value: Double) {
        // Up to here a rounded number has at most fifteen digits, and those are its shortest form.
        guard value >= 0, value < 1e9 else { return writeLarge(value) }
        let millionths = UInt64((value * 1e6).rounded())
        write(integer: millionths / 1_000_000)
        write(fraction: millionths % 1_000_000, digits: 6)
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

    /// Epoch seconds: an integer when whole, else with up to three decimals.
    @inline(__always)
    mutating func write(seconds time: EventTime) {
        let milliseconds = UInt64(bitPattern: time.milliseconds)
        write(integer: milliseconds / 1000)
        write(fraction: milliseconds % 1000, digits: 3)
    }

    /// The most bytes that a text of `count` bytes takes between quotes.
    static func longestEscaped(_ count: Int) -> Int { 6 * count }

    /// A text between its quotes, with backslashes where JSON needs them.
    mutating func write(escaping bytes: UnsafeBufferPointer<UInt8>) {
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
