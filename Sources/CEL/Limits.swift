/// What one evaluation may cost, and how large an expression may be: every evaluation ends, soon.
package struct Limits: Sendable {
    /// Elements that macros visit, values that are copied or compared, and texts that are searched or built, each
    /// `bytesPerStep` bytes for one.
    package var steps = 1_000_000

    package init() {}

    /// Values in one list or map, those inside counted too, and long texts by their length.
    static let largestWeight = 1_000_000
    /// Lists and maps inside each other: whoever walks through them goes as deep.
    static let deepestValue = 500
    static let bytesPerStep = 16
    /// Compiling a pattern, which one that is known takes only once.
    static let stepsPerPatternByte = 16
    static let longestText = 1 << 20
    /// Of the expression's own text.
    package static let longestSource = 1 << 17
    /// Operators, calls, brackets and conditionals inside each other.
    package static let deepestNesting = 250
    static let deepestType = 64
    /// A chain such as a + b + c is as deep as it is long.
    static let deepestTree = 1000
}
