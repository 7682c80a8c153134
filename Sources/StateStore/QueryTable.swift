import AssayCore
/// A value of a row in or out of a query.
package enum QueryValue: Equatable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
}

/// A table for queries, whose rows come from anywhere.
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
    /// The approximate number of rows.
    package let estimatedRows: Int64
    /// The rows of one user, or of all. If rows can be selected by user, the first column is the user's id.
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

/// A cursor over the rows of a table.
package struct QueryRows {
    /// Moves to the next row, at first to the first one; returns false after the last.
    package let advance: () throws(StoreError) -> Bool
    /// A column of the current row.
    package let value: (Int) throws(StoreError) -> QueryValue

    package init(
        advance: @escaping () throws(StoreError) -> Bool, value: @escaping (Int) throws(StoreError) -> QueryValue
    ) {
        self.advance = advance
        self.value = value
    }
}
