/// What a header must not be: nothing after it could be read.
struct CSVHeaderFault: Equatable, Sendable {
    let message: String

    /// A name comes twice. Names are compared as columns are found: without regard to case and blanks.
    static func duplicate(in names: [String]) -> CSVHeaderFault? {
        var seen: Set<String> = []
        for name in names where !name.isEmpty && !seen.insert(relaxed(name)).inserted {
            return CSVHeaderFault(message: "the header has the column '\(name)' twice")
        }
        return nil
    }

    static func missing(_ wanted: String, in names: [String], hint: String) -> CSVHeaderFault {
        let shown = names.prefix(mostShown).joined(separator: ", ") + (names.count > mostShown ? ", …" : "")
        return CSVHeaderFault(message: "the header lacks \(wanted); it has \(shown); \(hint)")
    }

    /// It cannot be read.
    static func malformed(_ message: StaticString, _ line: UnsafeBufferPointer<UInt8>) -> CSVHeaderFault {
        let isJSON = line.first == UInt8(ascii: "{") || line.first == UInt8(ascii: "[")
        return CSVHeaderFault(
            message: "the header is not CSV: \(message)"
                + (isJSON ? "; it looks like JSON, leave out --format csv" : ""))
    }

    private static let mostShown = 20

    /// `Transaction ID` and `transaction_id` are one name.
    static func relaxed(_ name: String) -> String {
        var result = ""
        for character in name.lowercased() where !character.isWhitespace && character != "_" && character != "-" {
            result.append(character)
        }
        return result
    }
}
