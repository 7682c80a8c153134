/// A table of rows: the first column to the left, numbers to the right.
enum TextTable {
    static func show(_ rows: [[String]]) {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].unicodeScalars.count : 0 }.max() ?? 0
        }
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.unicodeScalars.count)
                line += (column == 0 ? "" : "  ") + (column == 0 ? cell + space : space + cell)
            }
            print(line)
        }
    }
}
