/// Splits the records of CSV (RFC 4180).
enum CSVRecordReader {
    struct Cell {
        let bytes: UnsafeBufferPointer<UInt8>
        let slice: ByteSlice
        /// The separator or newline after the cell.
        let end: UnsafePointer<UInt8>
    }

    /// Why a record could not be read to its end.
    enum Fault: Error {
        /// The closing quote may still come.
        case incomplete
        /// With its offset in the text.
        case malformed(StaticString, at: Int)
    }

    struct Record {
        var cells: [Cell] = []
        var bounds: LineBounds
        var lineCount: UInt64 = 1
    }

    static func read(
        at start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, _ text: inout InputText,
        delimiter: UInt8 = UInt8(ascii: ",")
    ) throws(Fault) -> Record {
        var record = Record(bounds: LineBounds(start: start, newline: start))
        var cursor = start
        while true {
            let cell =
                cursor.pointee == UInt8(ascii: "\"")
                ? try readQuoted(at: cursor, end: end, &text, &record.lineCount, delimiter)
                : try readPlain(at: cursor, base: UnsafePointer(text.base), delimiter)
            record.cells.append(cell)
            if cell.end.pointee == UInt8(ascii: "\n") {
                record.bounds = LineBounds(start: start, newline: cell.end)
                return record
            }
            cursor = cell.end + 1
        }
    }

    private static func readPlain(
        at start: UnsafePointer<UInt8>, base: UnsafePointer<UInt8>, _ delimiter: UInt8
    ) throws(Fault) -> Cell {
        var end = start
        while end.pointee != delimiter, end.pointee != UInt8(ascii: "\n") {
            if end.pointee == UInt8(ascii: "\"") {
                throw .malformed("a quote inside a cell that has none", at: end - base)
            }
            end += 1
        }
        let hasReturn = end > start && end.pointee == UInt8(ascii: "\n") && end[-1] == UInt8(ascii: "\r")
        let count = end - start - (hasReturn ? 1 : 0)
        return Cell(
            bytes: UnsafeBufferPointer(start: start, count: count),
            slice: ByteSlice(offset: UInt32(start - base), count: UInt32(count)), end: end)
    }

    private static func readQuoted(
        at quote: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, _ text: inout InputText, _ lines: inout UInt64,
        _ delimiter: UInt8
    ) throws(Fault) -> Cell {
        let start = quote + 1
        var cursor = start
        var doubled = false
        var newlines: UInt64 = 0
        while cursor < end {
            if cursor.pointee == UInt8(ascii: "\"") {
                guard cursor[1] == UInt8(ascii: "\"") else { break }
                doubled = true
                cursor += 1
            } else if cursor.pointee == UInt8(ascii: "\n") {
                newlines += 1
            }
            cursor += 1
        }
        guard cursor < end else { throw .incomplete }
        lines += newlines
        var behind = cursor + 1
        if behind.pointee == UInt8(ascii: "\r"), behind[1] == UInt8(ascii: "\n") { behind += 1 }
        guard behind.pointee == delimiter || behind.pointee == UInt8(ascii: "\n") else {
            throw .malformed("text after a cell's closing quote", at: behind - UnsafePointer(text.base))
        }
        let raw = UnsafeBufferPointer(start: start, count: cursor - start)
        guard doubled else {
            let offset = UInt32(start - UnsafePointer(text.base))
            return Cell(bytes: raw, slice: ByteSlice(offset: offset, count: UInt32(raw.count)), end: behind)
        }
        let slice = text.appendUnescaped { room in
            var count = 0
            var index = 0
            while index < raw.count {
                room[count] = raw[index]
                count += 1
                index += raw[index] == UInt8(ascii: "\"") ? 2 : 1
            }
            return count
        }
        return Cell(bytes: text.view.bytes(slice), slice: slice, end: behind)
    }
}
