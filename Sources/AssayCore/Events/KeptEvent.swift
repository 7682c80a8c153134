/// An event that at least one run has taken.
package struct KeptEvent: Equatable, Sendable {
    /// The order in which a key's events are matched.
    let number: Int64
    let time: Int64
    /// What the owner of the pattern stores of it.
    let content: [UInt8]
}
