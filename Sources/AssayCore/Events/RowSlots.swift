/// The slots by which expressions name what a row has. The fields of an event begin at 0.
package enum RowSlots {
    package static let firstDerived = 100_000
    /// Which of several sources a row is of.
    package static let unionSource = 299_999
    package static let firstUnion = 300_000
    /// The fields of an assessment; those of its event keep their slots.
    package static let firstAssessment = 500_000
    /// `event_time`.
    package static let time = 1_000_000
    /// `event`, the whole of it.
    package static let whole = 1_000_001
    /// What an emission has of its own.
    package static let firstEmission = 2_000_000
}
