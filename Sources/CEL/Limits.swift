/// The limits for the cost of an evaluation and the size of an expression: every evaluation ends soon.
package struct Limits: Sendable {
    /// Elements that macros visit, values that are copied or compared, and texts that are searched or built, with one
    /// step per `bytesPerStep` bytes.
    package var steps = 1_000_000

    package init() {}

    /// Values in one list or map, including nested ones, and long texts by their length.
    static let largestWeight = 1_000_000
    /// Nested lists and maps, which is also the depth of recursion over them.
    static let deepestValue = 500
    static let bytesPerStep = 16
    /// The steps to compile a pattern; a constant one is compiled only once.
    static let stepsPerPatternByte = 16
    static let longestText = 1 << 20
    /// The longest source of an expression.
    package static let longestSource = 1 << 17
    /// Nested operators, calls, brackets and conditionals.
    package static let deepestNesting = 250
    static let deepestType = 64
    /// A chain such as a + b + c is as deep as it is long.
    static let deepestTree = 1000
}
