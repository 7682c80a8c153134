/// Puts each element of a JSON array on a line of its own, and so each object that is written over several lines.
///
/// What is between the elements is left out. An element keeps its bytes, but for line ends, which become spaces. What
/// is no JSON goes on as a line, up to the next comma or line end, and is rejected where lines are decoded.
package struct JSONElements {
    private enum Place: Equatable {
        case between
        /// In an object or an array.
        case inside
        case string(isEscaped: Bool)
        /// In a number, a word, or what is nothing.
        case bare
    }

    private var place = Place.between
    /// Objects and arrays around the position, without the outermost array.
    private var depth = 0
    private var isInArray = false
    /// Bytes of a byte order mark that came so far; nil after the beginning.
    private var markCount: Int? = 0

    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

    package init() {}

    /// Appends the lines, or parts of lines, that some more bytes make.
    package mutating func convert(_ bytes: UnsafeRawBufferPointer, into lines: inout [UInt8]) {
        for byte in bytes {
            if let count = markCount {
                if count < Self.mark.count, byte == Self.mark[count] {
                    markCount = count + 1
                    continue
                }
                markCount = nil
            }
            take(byte, &lines)
        }
    }

    /// Ends the line of an element that has no end.
    package mutating func finish(into lines: inout [UInt8]) {
        if place != .between { end(&lines) }
    }

    private mutating func end(_ lines: inout [UInt8]) {
        lines.append(UInt8(ascii: "\n"))
        (place, depth) = (.between, 0)
    }

    private mutating func take(_ byte: UInt8, _ lines: inout [UInt8]) {
        switch place {
        case .between: begin(byte, &lines)
        case .inside: takeInside(byte, &lines)
        case .string(let isEscaped): takeInString(byte, isEscaped, &lines)
        case .bare: takeBare(byte, &lines)
        }
    }

    private mutating func begin(_ byte: UInt8, _ lines: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"), UInt8(ascii: ","): return
        case UInt8(ascii: "[") where !isInArray:
            isInArray = true
            return
        case UInt8(ascii: "]") where isInArray:
            isInArray = false
            return
        case UInt8(ascii: "{"), UInt8(ascii: "["): (place, depth) = (.inside, 1)
        case UInt8(ascii: "\""): place = .string(isEscaped: false)
        default: place = .bare
        }
        lines.append(byte)
    }

    private mutating func takeInside(_ byte: UInt8, _ lines: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
            lines.append(UInt8(ascii: " "))
            return
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
        case UInt8(ascii: "\""): place = .string(isEscaped: false)
        default: break
        }
        lines.append(byte)
        if depth == 0 { end(&lines) }
    }

    private mutating func takeInString(_ byte: UInt8, _ isEscaped: Bool, _ lines: inout [UInt8]) {
        place = .string(isEscaped: !isEscaped && byte == UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"):
            // No string has one: a tab is refused as well, and the next line is not taken for the rest of the string.
            lines.append(UInt8(ascii: "\t"))
            place = .inside
            if depth == 0 { end(&lines) }
        case UInt8(ascii: "\"") where !isEscaped:
            lines.append(byte)
            place = .inside
            if depth == 0 { end(&lines) }
        default: lines.append(byte)
        }
    }

    private mutating func takeBare(_ byte: UInt8, _ lines: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\n"), UInt8(ascii: ","): end(&lines)
        case UInt8(ascii: "]") where isInArray, UInt8(ascii: "{"), UInt8(ascii: "["):
            end(&lines)
            begin(byte, &lines)
        default: lines.append(byte)
        }
    }
}
