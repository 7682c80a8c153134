/// A rule's reason: text with the values of expressions.
struct ReasonTemplate: Sendable {
    enum Piece: Sendable {
        case text([UInt8])
        /// An expression's number in the program.
        case expression(Int)
    }

    var pieces: [Piece] = []

    /// Longer reasons are cut.
    static let longestBytes = 4096
}
