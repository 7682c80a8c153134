/// How CSV is written where it is not written as RFC 4180 says.
package struct CSVDialect: Equatable, Sendable {
    /// Nil: whatever the header is separated by.
    package var delimiter: UInt8?
    /// Numbers have a comma before their fraction.
    package var hasDecimalComma = false
    /// The names of the columns, in a file without a header.
    package var columns: [String]?

    package init() {}

    /// The header that a file lacks, separated as its first line is; nil for a file that has one.
    func header(before line: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard let columns else { return nil }
        let delimiter = delimiter(of: line)
        let cells = columns.map { Array("\"\($0.replacing("\"", with: "\"\""))\"".utf8) }
        return Array(cells.joined(separator: [delimiter]))
    }

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
