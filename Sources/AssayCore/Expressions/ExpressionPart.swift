import CEL

/// A column of a stream.
package struct StreamColumn: Sendable {
    package let name: String
    package let type: CEL.`Type`

    package init(name: String, type: CEL.`Type`) {
        self.name = name
        self.type = type
    }
}

/// A value of some program's expression.
package struct ExpressionPart: Sendable {
    package let name: String
    package let type: CEL.`Type`
    let root: Int
    /// The field's number, if it is just a field of the input.
    let field: Int?

    package init(name: String, type: CEL.`Type`, root: Int, field: Int?) {
        self.name = name
        self.type = type
        self.root = root
        self.field = field
    }
}
