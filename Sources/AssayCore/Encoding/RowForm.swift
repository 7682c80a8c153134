/// The form of rows on the way to a sink.
package enum RowForm: Equatable, Sendable {
    /// One JSON object per line.
    case json
    /// The same with the stream's name in front.
    case tagged
    /// `isSafe`: texts that a spreadsheet would take for formulas begin with an apostrophe.
    case csv(isSafe: Bool)
    /// The values of the columns, encoded one after another.
    case values
    /// The same line of JSON, with a key: that of a column, or else what the rows are about.
    case record(key: String?)

    /// Whether rows of several streams may go to one place.
    package var isShared: Bool {
        switch self {
        case .tagged, .record: true
        case .json, .csv, .values: false
        }
    }

    package var isCSV: Bool { if case .csv = self { true } else { false } }
}
