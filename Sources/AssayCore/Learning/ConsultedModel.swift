/// A model that says what it thinks of a transaction, and all that it sees of it.
package protocol ExplainedModel: TransactionModel {
    var wantsReport: Bool { get set }
    var report: LearnedModel.Report? { get }
}

extension LearnedModel: ExplainedModel {}

/// A model that is asked and learns nothing from it: the one that a run goes on with, asked between two batches.
package final class ConsultedModel: ExplainedModel {
    private let model: LearnedModel

    /// Where a user is remembered of whom nothing was.
    private static let nowhere = UserPlace(bits: .max)

    package init(_ model: LearnedModel) {
        self.model = model
        model.leaveBatch()
    }

    package var wantsReport: Bool {
        get { model.wantsReport }
        set { model.wantsReport = newValue }
    }
    package var report: LearnedModel.Report? { model.report }
    package var reasons: UnsafeBufferPointer<UInt8>? { model.reasons }
    package var role: ScoringSettings.Learning.Role { model.role }

    package func assess(_ sample: ModelSample, _ state: borrowing UserState) -> Double? { model.assess(sample, state) }

    package func takeLabels(before line: UInt32) {}
    package func advance(to clock: Int64) {}

    package func learn(_ sample: ModelSample, _ state: borrowing UserState) -> UserPlace {
        state.modelPlace ?? Self.nowhere
    }

    package func decode(_ content: [UInt8]) throws(StateDecodingError) -> UserPlace? { try model.decode(content) }

    package func release(_ place: UserPlace) { if place != Self.nowhere { model.release(place) } }

    // Nothing of it is kept or counted.
    package func prefetch(_ place: UserPlace) {}
    package func memoryBytes(of place: UserPlace) -> Int { 0 }
    package func encode(_ place: UserPlace, into bytes: inout OutputBuffer) {}
}
