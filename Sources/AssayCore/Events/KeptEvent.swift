/// An event that was taken by a run at least.
package struct KeptEvent: Equatable, Sendable {
    /// In the order in which a key's events are matched.
    let number: Int64
    let time: Int64
    /// What the owner of the pattern makes of it.
    let content: [UInt8]
}
