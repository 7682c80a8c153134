/// Reads events from JSON lines, and transactions too where those are scored: one pass over the bytes, keeping the
/// fields in use.
package struct JSONEventDecoder {
    private let schema: EventSchema
    private let roles: EventRoles
    private var layouts = KnownLayouts<EventLayout>()
    private var keys = RememberedKeys<Member>()
    private var transactions: JSONTransactionDecoder?

    /// The users of a member of a line.
    private struct Member: RememberedTarget {
        /// One more than the number, 0 for none.
        private let columnCode: UInt32
        let transaction: TransactionMember
        private let nestedCode: UInt16

        init(column: Int?, transaction: TransactionMember, nested: Int? = nil) {
            columnCode = column.map { UInt32($0) + 1 } ?? 0
            nestedCode = nested.map { UInt16($0) + 1 } ?? 0
            self.transaction = transaction
        }

        @inline(__always)
        var column: Int? { columnCode > 0 ? Int(columnCode) - 1 : nil }
        /// The number of the column inside of it.
        @inline(__always)
        var nested: Int? { nestedCode > 0 ? Int(nestedCode) - 1 : nil }

        static let nothing = Member(column: nil, transaction: .nothing)
    }

    /// Columns whose names are paths, such as `data.created`: the outermost member, and the way from there.
    private var nested: [(name: [UInt8], path: [[UInt8]], column: Int)] = []

    /// `nestsColumns`: whether names with dots are also paths.
    init(_ schema: EventSchema, transactions: JSONTransactionDecoder? = nil, nestsColumns: Bool = false) {
        self.schema = schema
        for (number, column) in schema.columns.enumerated() where nestsColumns {
            let path = column.name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            guard path.count > 1 else { continue }
            nested.append((Array(path[0]), path.dropFirst().map(Array.init), number))
        }
        self.transactions = transactions
        let columns = Dictionary(
            uniqueKeysWithValues: schema.columns.enumerated().map { (Array($0.element.name.utf8), $0.offset) })
        roles = EventRoles(schema: schema, columns: columns, nested: Set(nested.map(\.name)))
    }

    /// Decodes the whole lines of the batch's text.
    mutating func decode(_ batch: EventBatch) {
        batch.width = schema.columns.count
        batch.schemaColumns = batch.width
        let base = UnsafePointer(batch.text.base)
        let end = base + (batch.text.cutLine ?? batch.text.count)
        var cursor = base + batch.text.byteOrderMarkCount
        let stops = batch.text.mark()
        var known = 0
        while cursor < end {
            if let next = takeKnown(base, at: cursor - base, stops, batch, schema) {
                cursor = base + next
                known += 1
            } else {
                note(known: known)
                known = 0
                cursor = parseLine(at: cursor, batch)
            }
            batch.endLine()
        }
        note(known: known)
        guard let cut = batch.text.cutLine else { return }
        batch.reject(
            ByteSlice(offset: UInt32(cut), count: UInt32(batch.text.count - 1 - cut)), .lineTooLong)
        batch.endLine()
    }

    /// Reads the line at `start` if its layout is known. Returns where the next one begins; nil for a line that has to
    /// be parsed.
    @inline(__always)
    private mutating func takeKnown(
        _ base: UnsafePointer<UInt8>, at start: Int, _ stops: UnsafePointer<UInt64>, _ batch: EventBatch,
        _ schema: EventSchema
    ) -> Int? {
        let first = batch.cells.count
        let next = layouts.read(base, at: start, stops) { layout, next in
            batch.cells.append(missing: batch.width)
            return layout.read(base, schema, into: batch.cells.base + first) ? next : nil
        }
        guard let next, transactions == nil || takeTransaction(base, at: start, stops, batch) else {
            batch.cells.removeLast(batch.cells.count - first)
            return nil
        }
        let line = LineBounds(start: base + start, newline: base + next - 1).slice(in: base)
        // What is no event is no transaction.
        if !batch.finishEvent(line, schema), transactions != nil { batch.transactions.transactions.removeLast() }
        return next
    }

    @inline(never)
    private mutating func takeTransaction(
        _ base: UnsafePointer<UInt8>, at start: Int, _ stops: UnsafePointer<UInt64>, _ batch: EventBatch
    ) -> Bool {
        transactions?.takeKnown(
            base, at: start, stops, index: batch.lineCount, into: &batch.transactions.transactions) != nil
    }

    private mutating func note(known lines: Int) {
        layouts.note(known: lines)
        transactions?.note(known: lines)
    }

    /// A line whose layout is not known. Those that follow are likely to have the same one.
    @inline(never)
    private mutating func parseLine(at start: UnsafePointer<UInt8>, _ batch: EventBatch) -> UnsafePointer<UInt8> {
        let (events, scored) = (batch.events.count, batch.transactions.transactions.count)
        let next = decodeLine(at: start, batch, schema, isScored: transactions != nil)
        if batch.events.count > events {
            layouts.learn(LayoutLearning.layout(ofLineAt: start, roles))
            if batch.transactions.transactions.count > scored { transactions?.learn(lineAt: start) }
        }
        return next
    }

    /// Returns the beginning of the next line.
    private mutating func decodeLine(
        at start: UnsafePointer<UInt8>, _ batch: EventBatch, _ schema: EventSchema, isScored: Bool
    ) -> UnsafePointer<UInt8> {
        var scanner = JSONScanner(at: start)
        scanner.skipSpace()
        if scanner.byte == UInt8(ascii: "\n"), scanner.cursor - start <= longestLine { return scanner.cursor + 1 }
        let base = UnsafePointer(batch.text.base)
        let first = batch.cells.count
        do throws(JSONFault) {
            guard scanner.byte == UInt8(ascii: "{") else {
                try scanner.skipValue(depth: 0)
                let line = try Self.finishLine(from: start, &scanner)
                let reason = line.encodingProblem() ?? .notAnObject
                let isFirst = batch.text.offset == 0 && batch.lineCount == 0 && reason == .notAnObject
                batch.reject(line.slice(in: base), reason, isFirst ? FormatGuess.message(ofFirst: line.bytes) : nil)
                return line.newline + 1
            }
            batch.cells.append(missing: batch.width)
            var transaction = TransactionBuilder()
            let misfit =
                isScored
                ? try decodeScored(&scanner, batch, schema, first, &transaction)
                : try decodeObject(&scanner, batch, schema, first)
            let line = try Self.finishLine(from: start, &scanner)
            let slice = line.slice(in: base)
            if let reason = line.encodingProblem(knownASCII: scanner.highBytes == 0) {
                batch.cells.removeLast(batch.width)
                batch.reject(slice, reason)
            } else if let misfit {
                batch.cells.removeLast(batch.width)
                let column = schema.columns[misfit]
                batch.reject(
                    slice, .invalidField, EventSchema.expectation(column.type), field: column.name,
                    value: RefusedValue.shown(ofMember: column.name, inLineAt: start))
            } else if batch.finishEvent(slice, schema), isScored,
                transactions?.finish(&transaction, &batch.text) ?? false
            {
                transaction.place(line: slice, index: UInt32(truncatingIfNeeded: batch.lineCount))
                batch.transactions.transactions.append(transaction.transaction)
            }
            return line.newline + 1
        } catch {
            // The transaction decoder may have found another fault, or the same one elsewhere.
            if isScored { return decodeAlone(at: start, batch, schema, first) }
            batch.cells.removeLast(batch.cells.count - first)
            let line = LineBounds(from: start, searchingFrom: start + error.offset)
            if let reason = line.encodingProblem() {
                batch.reject(line.slice(in: base), reason)
            } else if batch.text.offset == 0, batch.lineCount == 0,
                let guess = FormatGuess.message(ofFirst: line.bytes, position: error.offset)
            {
                batch.reject(line.slice(in: base), .malformedJSON, guess)
            } else {
                batch.reject(
                    line.slice(in: base), .malformedJSON, error.kind.message, position: UInt32(error.offset))
            }
            return line.newline + 1
        }
    }

    @inline(never)
    private mutating func decodeAlone(
        at start: UnsafePointer<UInt8>, _ batch: EventBatch, _ schema: EventSchema, _ first: Int
    ) -> UnsafePointer<UInt8> {
        batch.cells.removeLast(batch.cells.count - first)
        return decodeLine(at: start, batch, schema, isScored: false)
    }

    @inline(__always)
    private static func finishLine(
        from start: UnsafePointer<UInt8>, _ scanner: inout JSONScanner
    ) throws(JSONFault) -> LineBounds {
        scanner.skipSpace()
        guard scanner.byte == UInt8(ascii: "\n") else { throw scanner.fault(.trailingText) }
        return LineBounds(start: start, newline: scanner.cursor)
    }

    /// Returns the first column whose value did not fit.
    @inline(__always)
    private mutating func decodeObject(
        _ scanner: inout JSONScanner, _ batch: EventBatch, _ schema: EventSchema, _ first: Int
    ) throws(JSONFault) -> Int? {
        var misfit: Int?
        var index = 0
        while let member = try nextMember(index, &scanner, batch) {
            if let column = member.column {
                if let cell = try decodeValue(&scanner, batch, schema, schema.columns[column].type) {
                    batch.cells.base[first + column] = cell
                } else if misfit == nil {
                    misfit = column
                }
            } else {
                if let number = member.nested { try decodeNested(number, scanner, batch, schema, first) }
                try scanner.skipValue(depth: 1)
            }
            index += 1
        }
        return misfit
    }

    /// Reads the column inside of the value at the cursor. What does not fit is missing.
    @inline(never)
    private func decodeNested(
        _ number: Int, _ scanner: JSONScanner, _ batch: EventBatch, _ schema: EventSchema, _ first: Int
    ) throws(JSONFault) {
        var scanner = scanner
        let (_, path, column) = nested[number]
        if try find(path[...], &scanner),
            let cell = try decodeValue(&scanner, batch, schema, schema.columns[column].type)
        {
            batch.cells.base[first + column] = cell
        }
    }

    /// Leaves the cursor at the value that a path leads to.
    private func find(_ path: ArraySlice<[UInt8]>, _ scanner: inout JSONScanner) throws(JSONFault) -> Bool {
        guard let name = path.first else { return true }
        guard scanner.byte == UInt8(ascii: "{") else { return false }
        scanner.cursor += 1
        scanner.skipSpace()
        if scanner.take("}") { return false }
        repeat {
            let key = try scanner.key()
            if key.bytes.elementsEqual(name) { return try find(path.dropFirst(), &scanner) }
            try scanner.skipValue(depth: 2)
        } while try scanner.nextMember()
        return false
    }

    /// The same, reading the transaction too.
    private mutating func decodeScored(
        _ scanner: inout JSONScanner, _ batch: EventBatch, _ schema: EventSchema, _ first: Int,
        _ transaction: inout TransactionBuilder
    ) throws(JSONFault) -> Int? {
        var misfit: Int?
        var index = 0
        while let member = try nextMember(index, &scanner, batch) {
            index += 1
            guard let column = member.column else {
                try transactions?.decodeValue(of: member.transaction, &scanner, &batch.text, &transaction)
                continue
            }
            let type = schema.columns[column].type
            let cell =
                if member.transaction.isNothing {
                    try decodeValue(&scanner, batch, schema, type)
                } else {
                    try decodeBoth(&scanner, batch, schema, type, member.transaction, &transaction)
                }
            if let cell {
                batch.cells.base[first + column] = cell
            } else if misfit == nil {
                misfit = column
            }
        }
        return misfit
    }

    /// Leaves the cursor at the value of the next member, or after the object.
    @inline(__always)
    private mutating func nextMember(
        _ index: Int, _ scanner: inout JSONScanner, _ batch: EventBatch
    ) throws(JSONFault) -> Member? {
        if index == 0 {
            scanner.cursor += 1
            scanner.skipSpace()
            if scanner.take("}") { return nil }
        }
        let member: Member
        if let known = keys.match(index, at: scanner.cursor) {
            scanner.cursor += known.count
            member = known.target
        } else {
            if index > 0 {
                guard try scanner.nextMember() else { return nil }
            }
            member = try newKey(&scanner, batch, index: index)
        }
        scanner.skipSpace()
        return member
    }

    /// Reads a key that the previous line did not have here. The cursor is on its quote.
    @inline(never)
    private mutating func newKey(
        _ scanner: inout JSONScanner, _ batch: EventBatch, index: Int
    ) throws(JSONFault) -> Member {
        guard scanner.byte == UInt8(ascii: "\"") else { throw scanner.fault(.expectedKey) }
        let start = scanner.cursor
        let key = try scanner.string()
        let isAdjacent = scanner.byte == UInt8(ascii: ":")
        scanner.skipSpace()
        guard scanner.take(":") else { throw scanner.fault(.expectedColon) }
        var name = key.bytes
        if key.hasEscapes { name = batch.text.view.bytes(batch.text.unescape(key)) }
        let member = Member(
            column: roles.columns[Array(name)], transaction: transactions?.member(name) ?? .nothing,
            nested: nested.firstIndex { $0.name.elementsEqual(name) })
        // A match with a remembered key does not check its bytes again, so they must be valid. All but the first one
        // include the comma before them.
        let first = index > 0 ? start - 1 : start
        let isBehindComma = index == 0 || first.pointee == UInt8(ascii: ",")
        if isAdjacent, isBehindComma, !key.hasEscapes, key.bytes.allSatisfy({ $0 < 0x80 }) {
            keys.remember(index, at: first, count: scanner.cursor - first, target: member)
        }
        return member
    }

    /// Reads a value that both the event and the transaction use. Returns nil if the column's type does not accept it.
    @inline(__always)
    private mutating func decodeBoth(
        _ scanner: inout JSONScanner, _ batch: EventBatch, _ schema: EventSchema, _ type: FieldType,
        _ member: TransactionMember, _ transaction: inout TransactionBuilder
    ) throws(JSONFault) -> EventCell? {
        let base = UnsafePointer(batch.text.base)
        guard let field = member.field else {
            let start = scanner.cursor
            try transactions?.decodeValue(of: member, &scanner, &batch.text, &transaction)
            scanner.cursor = start
            return try decodeValue(&scanner, batch, schema, type)
        }
        switch scanner.byte {
        case UInt8(ascii: "\""):
            let token = try scanner.string()
            let slice =
                token.hasEscapes
                ? batch.text.unescape(token) : ByteSlice(token.start, count: token.count, in: base)
            transactions?.take(
                slice, of: field, needsEscaping: token.hasEscapes, batch.text.view, &transaction)
            return EventCell(slice, type: type, schema: schema, in: base)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let number = try scanner.number()
            transactions?.take(number, of: field, batch.text.view, &transaction)
            return EventCell(number, type: type, schema: schema, in: base)
        default:
            let start = scanner.cursor
            try transactions?.decodeValue(of: member, &scanner, &batch.text, &transaction)
            scanner.cursor = start
            return try decodeValue(&scanner, batch, schema, type)
        }
    }

    /// Returns nil for a value that the type does not accept.
    @inline(__always)
    private func decodeValue(
        _ scanner: inout JSONScanner, _ batch: EventBatch, _ schema: EventSchema, _ type: FieldType
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
            // A typed column has no null: the field counts as missing.
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
