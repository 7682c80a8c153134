/// What learns from labels which transactions are fraud. There is one for all users. What it remembers of a single user
/// lies at a place that the user's state names, and goes with that state.
package protocol TransactionModel: AnyObject {
    /// Takes the labels of the present batch that stand before this line.
    func takeLabels(before line: UInt32)

    /// An accepted transaction has moved the clock to here: labels and entries become due.
    func advance(to clock: Int64)

    /// How likely it is that a transaction is fraud; nil until the model is ready. Nothing is learned yet.
    func assess(_ sample: ModelSample, _ state: borrowing UserState) -> Double?

    /// Learns what the transaction tells of its user and of all users, and remembers it for its label. `state`: after
    /// the checks have learned. Returns the place of what is remembered of the user.
    func learn(_ sample: ModelSample, _ state: borrowing UserState) -> UserPlace

    /// Why the last assessed transaction looks like fraud, as JSON; nil where that is not to be shown. Valid until the
    /// next one is assessed.
    var reasons: UnsafeBufferPointer<UInt8>? { get }

    /// What becomes of the probability.
    var role: ScoringSettings.Learning.Role { get }

    // MARK: What belongs to a user

    func prefetch(_ place: UserPlace)
    func release(_ place: UserPlace)
    func memoryBytes(of place: UserPlace) -> Int
    func encode(_ place: UserPlace, into bytes: inout OutputBuffer)

    /// Nil for what an earlier model remembered.
    func decode(_ content: [UInt8]) throws(StateDecodingError) -> UserPlace?
}

/// Where the model remembers a user. Only the model knows what that is.
package struct UserPlace: Equatable, Sendable {
    package let bits: UInt64

    package init(bits: UInt64) {
        self.bits = bits
    }
}

/// A transaction as the model sees it, beside the state of its user.
package struct ModelSample {
    package let transaction: Transaction
    package let text: BatchText
    package let idHash: UInt64
    /// With the default for one that has none.
    package let type: UnsafeBufferPointer<UInt8>
    package let hour: UInt8
    /// The velocity check's count in the longest window.
    package let count: UInt32
    /// What the five checks come to.
    package let checks: Double
}
