import CEL

/// The header of a CSV file, for readers of whole rows.
package final class CSVColumns: Sendable {
    /// In order.
    let names: [String]
    let delimiter: UInt8
    private let hasDecimalComma: Bool

    init(names: [String], delimiter: UInt8, hasDecimalComma: Bool) {
        self.names = names
        self.delimiter = delimiter
        self.hasDecimalComma = hasDecimalComma
    }

    /// A cell is a number where JSON would have one, otherwise a text.
    fileprivate func value(_ cell: [UInt8]) -> Value {
        let text = String(decoding: cell, as: UTF8.self)
        let comma = UInt8(ascii: ",")
        let digits = hasDecimalComma ? cell.map { $0 == comma ? UInt8(ascii: ".") : $0 } : cell
        // A scanner reads beyond the end.
        let padded = digits + [UInt8](repeating: 0, count: InputText.padding)
        let number = padded.withUnsafeBufferPointer {
            ScannedNumber(whole: UnsafeBufferPointer(rebasing: $0[..<digits.count]))
                .map { $0.integer.map { Value.int($0) } ?? .double($0.value) }
        }
        return number ?? .string(text)
    }
}

/// One record of a CSV file as a map, read only when it is asked for: empty cells are missing members.
struct CSVRow {
    private let columns: CSVColumns
    private let bytes: UnsafeBufferPointer<UInt8>

    /// `bytes`: a record that was read before.
    init(_ columns: CSVColumns, _ bytes: UnsafeBufferPointer<UInt8>) {
        self.columns = columns
        self.bytes = bytes
    }

    func find(_ name: String) -> Value? {
        guard let wanted = columns.names.firstIndex(where: { $0.utf8.elementsEqual(name.utf8) }) else { return nil }
        var found: Value?
        forEachCell { index, cell in
            if index == wanted { found = columns.value(cell()) }
            return index < wanted
        }
        return found
    }

    /// The bytes of a cell; nil for one that is empty, and where there is no such column.
    func text(_ name: String) -> [UInt8]? {
        guard let wanted = columns.names.firstIndex(where: { $0.utf8.elementsEqual(name.utf8) }) else { return nil }
        var found: [UInt8]?
        forEachCell { index, cell in
            if index == wanted { found = cell() }
            return index < wanted
        }
        return found
    }

    /// The members whose names begin so, without that.
    func members(under prefix: String = "") -> [(String, Value)] {
        var members: [(String, Value)] = []
        forEachCell { index, cell in
            let name = columns.names[index]
            if name.hasPrefix(prefix), !name.isEmpty {
                members.append((String(name.dropFirst(prefix.count)), columns.value(cell())))
            }
            return true
        }
        return members
    }

    /// Visits the cells that are not empty, until `body` returns false.
    private func forEachCell(_ body: (Int, () -> [UInt8]) -> Bool) {
        let quote = UInt8(ascii: "\"")
        var position = bytes.startIndex
        for index in columns.names.indices where position <= bytes.endIndex {
            let isQuoted = position < bytes.endIndex && bytes[position] == quote
            let start = isQuoted ? position + 1 : position
            var end = start
            if isQuoted {
                while end < bytes.endIndex {
                    if bytes[end] == quote {
                        guard end + 1 < bytes.endIndex, bytes[end + 1] == quote else { break }
                        end += 1
                    }
                    end += 1
                }
            } else {
                while end < bytes.endIndex, bytes[end] != columns.delimiter { end += 1 }
            }
            let cell = bytes[start..<end]
            if !cell.isEmpty, !body(index, { isQuoted ? Self.unquoted(cell) : Array(cell) }) { return }
            position = (isQuoted ? end + 1 : end) + 1
        }
    }

    private static func unquoted(_ cell: Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8] {
        var unquoted: [UInt8] = []
        var position = cell.startIndex
        while position < cell.endIndex {
            unquoted.append(cell[position])
            position += cell[position] == UInt8(ascii: "\"") ? 2 : 1
        }
        return unquoted
    }
}
