/// How much a key may have open of one pattern.
package struct PatternLimits: Equatable, Sendable {
    package var runs = 1000
    /// Of one run.
    package var events = 1000

    static let most: UInt64 = 1_000_000
}
