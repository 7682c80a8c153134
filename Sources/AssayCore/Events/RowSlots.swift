/// The slots of names in a row. The fields of an event begin at 0.
package enum RowSlots {
    package static let firstDerived = 100_000
    /// The name of a row's source, for several sources.
    package static let unionSource = 299_999
    package static let firstUnion = 300_000
    /// The fields of an assessment; those of its event keep their slots.
    package static let firstAssessment = 500_000
    /// The fields of the transaction that an assessment is of.
    package static let firstTransaction = 600_000
    /// `event_time`.
    package static let time = 1_000_000
    /// `event`, the whole row.
    package static let whole = 1_000_001
    /// The emission's own values.
    package static let firstEmission = 2_000_000
}
