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

/// A value that an expression of some program makes.
package struct ExpressionPart: Sendable {
    package let name: String
    package let type: CEL.`Type`
    let root: Int
    /// Where it is nothing but a field of the input: the field's number.
    let field: Int?

    package init(name: String, type: CEL.`Type`, root: Int, field: Int?) {
        self.name = name
        self.type = type
        self.root = root
        self.field = field
    }
}
