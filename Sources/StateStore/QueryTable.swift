import AssayCore
/// A value of a row that a query sees or gives.
package enum QueryValue: Equatable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
}

/// A table that queries read, made of whatever its rows come from.
package struct QueryTable {
    package struct Column: Sendable {
        package let name: String
        package let meaning: String

        package init(_ name: String, _ meaning: String) {
            self.name = name
            self.meaning = meaning
        }
    }

    package let name: String
    package let columns: [Column]
    /// How many rows there are, about.
    package let estimatedRows: Int64
    /// The rows of one user, or of all. The first column is the user's id where rows can be had so.
    package let rows: (_ user: String?) throws(StoreError) -> QueryRows
    package let hasUsers: Bool

    package init(
        name: String, columns: [Column], estimatedRows: Int64, hasUsers: Bool = true,
        rows: @escaping (_ user: String?) throws(StoreError) -> QueryRows
    ) {
        self.name = name
        self.columns = columns
        self.estimatedRows = estimatedRows
        self.hasUsers = hasUsers
        self.rows = rows
    }
}

/// A walk over the rows of a table.
package struct QueryRows {
    /// To the next row, the first one to begin with; false behind the last.
    package let advance: () throws(StoreError) -> Bool
    /// A column of the present row.
    package let value: (Int) throws(StoreError) -> QueryValue

    package init(
        advance: @escaping () throws(StoreError) -> Bool, value: @escaping (Int) throws(StoreError) -> QueryValue
    ) {
        self.advance = advance
        self.value = value
    }
}
