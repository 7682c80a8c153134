/// Names that are valid in expressions and SQL.
package enum PipelineName {
    static let longest = 64

    package static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= longest, !isDigit(first) else { return false }
        return text.utf8.allSatisfy { byte in
            isDigit(byte) || byte == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
