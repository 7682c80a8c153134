extension ValueKind {
    /// Parses a text; nil when it is not of this kind.
    func parse(_ text: String) -> ArgumentValue? {
        switch self {
        case .text, .file, .directory: .text(text)
        case .choice(let choices): choices.contains(text) ? .text(text) : nil
        case .integer(let range): Int64(text).flatMap { range.contains($0) ? .integer($0) : nil }
        case .real(let range): Double(text).flatMap { range.contains($0) ? .real($0) : nil }
        case .duration: Quantity.milliseconds(text).map { .integer($0) }
        case .size: Quantity.bytes(text).map { .integer($0) }
        }
    }

    /// The text after "takes" or "must be".
    var expectation: String {
        switch self {
        case .text: "a text"
        case .file: "a file"
        case .directory: "a folder"
        case .choice(let choices): "one of " + choices.joined(separator: ", ")
        case .integer(let range) where range.upperBound == .max: "a whole number of at least \(range.lowerBound)"
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .real(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .duration: "a duration such as 250ms, 10s, 5m or 1h"
        case .size: "a size such as 512MiB or 4GiB"
        }
    }
}

/// Numbers with a unit.
package enum Quantity {
    private static let timeUnits: [(String, Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    private static let sizeUnits: [(String, Int64)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
        ("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("B", 1),
    ]

    /// `250ms 10s 5m 1h 90d`. Nil when the text is not a duration.
    package static func milliseconds(_ text: some StringProtocol) -> Int64? {
        parse(text, units: timeUnits)
    }

    /// `512MiB 4GiB`. Nil when the text is not a size.
    package static func bytes(_ text: some StringProtocol) -> Int64? {
        parse(text, units: sizeUnits)
    }

    /// A duration in the largest unit that is exact: `90m` for 5,400,000 ms.
    package static func text(milliseconds: Int64) -> String {
        let unit = timeUnits.last { milliseconds % $0.1 == 0 && milliseconds > 0 } ?? ("ms", 1)
        return "\(milliseconds / unit.1)\(unit.0)"
    }

    private static func parse(_ text: some StringProtocol, units: [(String, Int64)]) -> Int64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), let unit = units.first(where: { $0.0 == text.dropFirst(digits.count) })
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.1)
        return overflow ? nil : product
    }
}

/// The known name that a mistyped one most likely means.
package enum NearestName {
    /// Nil when none is near enough.
    package static func of(_ name: String, among known: [String]) -> String? {
        let near = known.map { ($0, distance(name, $0)) }.filter { $0.1 <= max(1, min($0.0.count, name.count) / 3 + 1) }
        return near.min { $0.1 < $1.1 }?.0
    }

    /// The number of insertions, deletions, replacements and swaps of neighbours between two names.
    package static func distance(_ one: String, _ other: String) -> Int {
        let one = Array(one.lowercased().unicodeScalars)
        let other = Array(other.lowercased().unicodeScalars)
        var before: [Int] = []
        var previous = Array(0...other.count)
        for row in 0..<one.count {
            var current = [row + 1]
            for column in 0..<other.count {
                var least = min(previous[column + 1] + 1, current[column] + 1)
                least = min(least, previous[column] + (one[row] == other[column] ? 0 : 1))
                if row > 0, column > 0, one[row] == other[column - 1], one[row - 1] == other[column] {
                    least = min(least, before[column - 1] + 1)
                }
                current.append(least)
            }
            before = previous
            previous = current
        }
        return previous[other.count]
    }
}
