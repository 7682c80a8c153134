/// What the first line of an input looks like when it is no line of JSON.
enum FormatGuess {
    /// `position`: where in the line it stops being JSON.
    static func message(
        ofFirst line: UnsafeBufferPointer<UInt8>, position: Int? = nil
    ) -> StaticString? {
        guard let first = line.first(where: { $0 > UInt8(ascii: " ") }) else { return nil }
        switch first {
        case UInt8(ascii: "["): return "the line begins an array of JSON; the format json reads its elements"
        case UInt8(ascii: "{"):
            return position.map { $0 >= line.count } ?? false
                ? "the line ends inside an object; the format json reads objects over several lines" : nil
        case _ where line.contains { delimiters.contains($0) }:
            return "the line is not JSON, but looks like CSV; give the format csv"
        default: return nil
        }
    }

    private static let delimiters = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]
}
