/// Reads events from JSON lines: one pass over the bytes, keeping the fields that somebody asks for.
struct JSONEventDecoder {
    private let schema: EventSchema
    private let columns: [[UInt8]: Int]
    private var keys = RememberedKeys<Int>()

    init(_ schema: EventSchema) {
        self.schema = schema
        columns = Dictionary(
            uniqueKeysWithValues: schema.columns.enumerated().map { (Array($0.element.name.utf8), $0.offset) })
    }

    /// Takes the whole lines of the batch's text.
    mutating func decode(_ batch: EventBatch) {
        batch.width = schema.columns.count
        batch.schemaColumns = batch.width
        let base = UnsafePointer(batch.text.base)
        let end = base + (batch.text.cutLine ?? batch.text.count)
        var cursor = base + batch.text.byteOrderMarkCount
        while cursor < end {
            cursor = decodeLine(at: cursor, batch)
            batch.lineCount += 1
        }
        guard let cut = batch.text.cutLine else { return }
        batch.reject(
            ByteSlice(offset: UInt32(cut), count: UInt32(batch.text.count - 1 - cut)), .lineTooLong)
        batch.lineCount += 1
    }

    /// Returns the beginning of the next line.
    private mutating func decodeLine(at start: UnsafePointer<UInt8>, _ batch: EventBatch) -> UnsafePointer<UInt8> {
        var scanner = JSONScanner(at: start)
        scanner.skipSpace()
        if scanner.byte == UInt8(ascii: "\n"), scanner.cursor - start <= longestLine { return scanner.cursor + 1 }
        let base = UnsafePointer(batch.text.base)
        let first = batch.cells.count
        do throws(JSONFault) {
            guard scanner.byte == UInt8(ascii: "{") else {
                try scanner.skipValue(depth: 0)
                let line = try Self.finishLine(from: start, &scanner)
                batch.reject(line.slice(in: base), line.encodingProblem() ?? .notAnObject)
                return line.newline + 1
            }
            batch.cells.append(missing: batch.width)
            let misfit = try decodeObject(&scanner, batch, first)
            let line = try Self.finishLine(from: start, &scanner)
            let slice = line.slice(in: base)
            if let reason = line.encodingProblem(knownASCII: scanner.highBytes == 0) {
                batch.cells.removeLast(batch.width)
                batch.reject(slice, reason)
            } else if let misfit {
                batch.cells.removeLast(batch.width)
                let column = schema.columns[misfit]
                batch.reject(slice, .invalidField, EventSchema.expectation(column.type), field: column.name)
            } else {
                batch.finishEvent(slice, schema)
            }
            return line.newline + 1
        } catch {
            batch.cells.removeLast(batch.cells.count - first)
            let line = LineBounds(from: start, searchingFrom: start + error.offset)
            if let reason = line.encodingProblem() {
                batch.reject(line.slice(in: base), reason)
            } else {
                batch.reject(
                    line.slice(in: base), .malformedJSON, error.kind.message, position: UInt32(error.offset))
            }
            return line.newline + 1
        }
    }

    @inline(__always)
    private static func finishLine(
        from start: UnsafePointer<UInt8>, _ scanner: inout JSONScanner
    ) throws(JSONFault) -> LineBounds {
        scanner.skipSpace()
        guard scanner.byte == UInt8(ascii: "\n") else { throw scanner.fault(.trailingText) }
        return LineBounds(start: start, newline: scanner.cursor)
    }

    /// Answers the first column that a value did not fit.
    private mutating func decodeObject(
        _ scanner: inout JSONScanner, _ batch: EventBatch, _ first: Int
    ) throws(JSONFault) -> Int? {
        scanner.cursor += 1
        scanner.skipSpace()
        if scanner.take("}") { return nil }
        var misfit: Int?
        var index = 0
        while true {
            let column: Int?
            if let known = keys.match(index, at: scanner.cursor) {
                scanner.cursor += known.count
                column = known.field
            } else {
                if index > 0 {
                    guard try scanner.nextMember() else { return misfit }
                }
                column = try newKey(&scanner, batch, index: index)
            }
            scanner.skipSpace()
            if let column {
                if let cell = try decodeValue(&scanner, batch, schema.columns[column].type) {
                    batch.cells.base[first + column] = cell
                } else if misfit == nil {
                    misfit = column
                }
            } else {
                try scanner.skipValue(depth: 1)
            }
            index += 1
        }
    }

    /// A key that the previous line did not have at this place. The cursor stands on its quote.
    @inline(never)
    private mutating func newKey(
        _ scanner: inout JSONScanner, _ batch: EventBatch, index: Int
    ) throws(JSONFault) -> Int? {
        guard scanner.byte == UInt8(ascii: "\"") else { throw scanner.fault(.expectedKey) }
        let start = scanner.cursor
        let key = try scanner.string()
        let isAdjacent = scanner.byte == UInt8(ascii: ":")
        scanner.skipSpace()
        guard scanner.take(":") else { throw scanner.fault(.expectedColon) }
        var name = key.bytes
        if key.hasEscapes { name = batch.text.view.bytes(batch.text.unescape(key)) }
        let column = columns[Array(name)]
        // Whoever matches a remembered key does not look at its bytes again, so they must be above suspicion.
        // All but the first one go with the comma before them.
        let first = index > 0 ? start - 1 : start
        let isBehindComma = index == 0 || first.pointee == UInt8(ascii: ",")
        if isAdjacent, isBehindComma, !key.hasEscapes, key.bytes.allSatisfy({ $0 < 0x80 }) {
            keys.remember(index, at: first, count: scanner.cursor - first, field: column)
        }
        return column
    }

    /// Nil for a value that the type does not take.
    @inline(__always)
    private func decodeValue(
        _ scanner: inout JSONScanner, _ batch: EventBatch, _ type: FieldType
    ) throws(JSONFault) -> EventCell? {
        let base = UnsafePointer(batch.text.base)
        switch scanner.byte {
        case UInt8(ascii: "\""):
            let token = try scanner.string()
            let slice =
                token.hasEscapes
                ? batch.text.unescape(token) : ByteSlice(token.start, count: token.count, in: base)
            return EventCell(slice, type: type, schema: schema, in: base)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return EventCell(try scanner.number(), type: type, schema: schema, in: base)
        case UInt8(ascii: "t"):
            try scanner.literal("true")
            return type == .bool || type == .dyn ? EventCell(kind: .yes) : nil
        case UInt8(ascii: "f"):
            try scanner.literal("false")
            return type == .bool || type == .dyn ? EventCell(kind: .no) : nil
        case UInt8(ascii: "n"):
            try scanner.literal("null")
            // What has a type has no null; it is as if it were not there.
            return EventCell(kind: type == .dyn ? .null : .missing)
        default:
            let isObject = scanner.byte == UInt8(ascii: "{")
            let start = scanner.cursor
            try scanner.skipValue(depth: 1)
            let slice = ByteSlice(start, count: scanner.cursor - start, in: base)
            switch type {
            case .dyn: return .json(slice)
            case .map: return isObject ? .json(slice) : nil
            case .list: return isObject ? nil : .json(slice)
            default: return nil
            }
        }
    }
}
