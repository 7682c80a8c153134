/// How CSV is written where it is not written as RFC 4180 says.
package struct CSVDialect: Equatable, Sendable {
    /// Nil: whatever the header is separated by.
    package var delimiter: UInt8?
    /// Numbers have a comma before their fraction.
    package var hasDecimalComma = false

    package init() {}

    /// The names under which people give delimiters.
    package static func delimiter(named name: String) -> UInt8? {
        switch name {
        case ",": UInt8(ascii: ",")
        case ";": UInt8(ascii: ";")
        case "tab", "\t": UInt8(ascii: "\t")
        default: nil
        }
    }

    /// What separates the cells of a header: that of the three which occurs most, outside quotes.
    package func delimiter(of header: UnsafeBufferPointer<UInt8>) -> UInt8 {
        if let delimiter { return delimiter }
        let candidates = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
        var counts = [0, 0, 0]
        var isQuoted = false
        for byte in header {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if !isQuoted, let index = candidates.firstIndex(of: byte) { counts[index] += 1 }
        }
        let most = counts.max() ?? 0
        return most == 0 ? candidates[0] : candidates[counts.firstIndex(of: most)!]
    }
}
