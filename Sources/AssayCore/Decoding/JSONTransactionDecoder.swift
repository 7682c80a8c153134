import CivilTime

/// Reads transactions from JSON lines in one pass over the bytes, guided by the known fields.
struct JSONTransactionDecoder {
    private let fields: FieldNames
    private let zone: TimeZoneRules
    private var memberKeys = RememberedKeys<Field>()
    private var coordinateKeys = RememberedKeys<Field>()

    init(fields: FieldNames, zone: TimeZoneRules) {
        self.fields = fields
        self.zone = zone
    }

    mutating func decode(_ text: inout InputText, into batch: inout DecodedBatch) {
        let base = UnsafePointer(text.base)
        let end = base + (text.cutLine ?? text.count)
        var cursor = base + text.byteOrderMarkCount
        while cursor < end {
            cursor = decodeLine(at: cursor, &text, into: &batch)
            batch.lineCount += 1
        }
        text.rejectCutLine(into: &batch)
    }

    /// Returns the beginning of the next line.
    private mutating func decodeLine(
        at start: UnsafePointer<UInt8>, _ text: inout InputText, into batch: inout DecodedBatch
    ) -> UnsafePointer<UInt8> {
        var scanner = JSONScanner(at: start)
        scanner.skipSpace()
        if scanner.byte == UInt8(ascii: "\n"), scanner.cursor - start <= longestLine { return scanner.cursor + 1 }
        let lineIndex = UInt32(truncatingIfNeeded: batch.lineCount)
        let base = UnsafePointer(text.base)
        do throws(JSONFault) {
            guard scanner.byte == UInt8(ascii: "{") else {
                try scanner.skipValue(depth: 0)
                let line = try Self.finishLine(from: start, &scanner)
                let reason = line.encodingProblem() ?? .notAnObject
                batch.rejects.append(
                    Reject(line: line.slice(in: base), lineIndex: lineIndex, reason: reason, message: reason.message))
                return line.newline + 1
            }
            var builder = TransactionBuilder()
            try decodeObject(&scanner, &text, &builder)
            let line = try Self.finishLine(from: start, &scanner)
            let slice = line.slice(in: base)
            if let reason = line.encodingProblem(knownASCII: scanner.highBytes == 0) {
                batch.rejects.append(
                    Reject(line: slice, lineIndex: lineIndex, reason: reason, message: reason.message))
            } else if let (reason, field) = builder.finish() {
                batch.rejects.append(
                    Reject(
                        line: slice, lineIndex: lineIndex, reason: reason,
                        message: reason == .missingField ? reason.message : field.expectation, field: field))
            } else {
                builder.place(line: slice, index: lineIndex)
                batch.transactions.append(builder.transaction)
            }
            return line.newline + 1
        } catch {
            let line = LineBounds(from: start, searchingFrom: start + error.offset)
            let reason = line.encodingProblem() ?? .malformedJSON
            let isMalformed = reason == .malformedJSON
            batch.rejects.append(
                Reject(
                    line: line.slice(in: base), lineIndex: lineIndex, reason: reason,
                    message: isMalformed ? error.kind.message : reason.message,
                    position: isMalformed ? UInt32(error.offset) : nil))
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

    @inline(__always)
    private mutating func decodeObject(
        _ scanner: inout JSONScanner, _ text: inout InputText, _ builder: inout TransactionBuilder
    ) throws(JSONFault) {
        scanner.cursor += 1
        scanner.skipSpace()
        if scanner.take("}") { return }
        var index = 0
        while true {
            let field: Field?
            if let known = memberKeys.match(index, at: scanner.cursor) {
                scanner.cursor += known.count
                field = known.field
            } else {
                if index > 0 {
                    guard try scanner.nextMember() else { return }
                }
                field = try newKey(&scanner, &text, index: index, isCoordinate: false)
            }
            scanner.skipSpace()
            if let field {
                try decodeValue(of: field, &scanner, &text, &builder)
            } else {
                try scanner.skipValue(depth: 1)
            }
            index += 1
        }
    }

    /// Reads a key that the previous line did not have here. The cursor is on its quote.
    @inline(never)
    private mutating func newKey(
        _ scanner: inout JSONScanner, _ text: inout InputText, index: Int, isCoordinate: Bool
    ) throws(JSONFault) -> Field? {
        guard scanner.byte == UInt8(ascii: "\"") else { throw scanner.fault(.expectedKey) }
        let start = scanner.cursor
        let key = try scanner.string()
        let isAdjacent = scanner.byte == UInt8(ascii: ":")
        scanner.skipSpace()
        guard scanner.take(":") else { throw scanner.fault(.expectedColon) }
        var name = key.bytes
        if key.hasEscapes { name = text.view.bytes(text.unescape(key)) }
        let field = isCoordinate ? fields.coordinate(name) : fields.member(name)
        // A match with a remembered key does not check its bytes again, so they must be valid. All but the first one
        // include the comma before them.
        let first = index > 0 ? start - 1 : start
        let isBehindComma = index == 0 || first.pointee == UInt8(ascii: ",")
        if isAdjacent, isBehindComma, !key.hasEscapes, key.bytes.allSatisfy({ $0 < 0x80 }) {
            let count = scanner.cursor - first
            if isCoordinate {
                coordinateKeys.remember(index, at: first, count: count, field: field)
            } else {
                memberKeys.remember(index, at: first, count: count, field: field)
            }
        }
        return field
    }

    /// The field of a member of the outermost object.
    func field(_ name: UnsafeBufferPointer<UInt8>) -> Field? { fields.member(name) }

    /// Reads the value at the cursor, and leaves the cursor after it.
    @inline(__always)
    mutating func decodeValue(
        of field: Field, _ scanner: inout JSONScanner, _ text: inout InputText, _ builder: inout TransactionBuilder
    ) throws(JSONFault) {
        switch scanner.byte {
        case UInt8(ascii: "\""):
            let token = try scanner.string()
            guard !token.hasEscapes else { return decodeEscaped(token, of: field, &text, &builder) }
            let slice = ByteSlice(token.start, count: token.count, in: UnsafePointer(text.base))
            switch field {
            case .id: builder.setID(slice, needsEscaping: false)
            case .userID: builder.setUserID(slice, bytes: token.bytes, needsEscaping: false)
            case .type: builder.setType(slice)
            case .currency: builder.setCurrency(token.bytes)
            case .accountID: builder.setAccountID(slice)
            case .merchantID: builder.setMerchantID(slice)
            default: builder.set(field, text: slice, bytes: token.bytes, needsEscaping: false, zone: zone)
            }
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let start = scanner.cursor
            let number = try scanner.number()
            switch field {
            case .amount: builder.setAmount(number.value)
            case .time: builder.setTime(EventTime(number))
            case .latitude: builder.setLatitude(number.value)
            case .longitude: builder.setLongitude(number.value)
            default:
                guard number.isInteger else { return builder.refuse(field) }
                let slice = ByteSlice(start, count: number.end - start, in: UnsafePointer(text.base))
                builder.set(field, text: slice, bytes: text.view.bytes(slice), needsEscaping: false, zone: zone)
            }
        case UInt8(ascii: "{") where field == .location:
            try decodeLocation(&scanner, &text, &builder)
        case UInt8(ascii: "{") where field == .metadata:
            let start = scanner.cursor
            try scanner.skipObject(depth: 2)
            builder.setMetadata(
                ByteSlice(start, count: scanner.cursor - start, in: UnsafePointer(text.base)))
        case UInt8(ascii: "n"):
            try scanner.literal("null")
            if field == .location { builder.forget(fields.locationMembers) }
            builder.setNull(field)
        default:
            try scanner.skipValue(depth: 1)
            builder.refuse(field)
        }
    }

    private func decodeEscaped(
        _ token: JSONScanner.StringToken, of field: Field, _ text: inout InputText, _ builder: inout TransactionBuilder
    ) {
        let slice = text.unescape(token)
        builder.set(field, text: slice, bytes: text.view.bytes(slice), needsEscaping: true, zone: zone)
    }

    // MARK: Values that were scanned elsewhere

    func take(
        _ slice: ByteSlice, of field: Field, needsEscaping: Bool, _ text: BatchText,
        _ builder: inout TransactionBuilder
    ) {
        builder.set(field, text: slice, bytes: text.bytes(slice), needsEscaping: needsEscaping, zone: zone)
    }

    func take(_ number: ScannedNumber, of field: Field, _ text: BatchText, _ builder: inout TransactionBuilder) {
        switch field {
        case .amount, .time, .latitude, .longitude: builder.set(field, number: number)
        default:
            guard number.isInteger else { return builder.refuse(field) }
            let slice = ByteSlice(number.start, count: number.end - number.start, in: text.base)
            take(slice, of: field, needsEscaping: false, text, &builder)
        }
    }

    // MARK: Locations

    @inline(__always)
    private mutating func decodeLocation(
        _ scanner: inout JSONScanner, _ text: inout InputText, _ builder: inout TransactionBuilder
    ) throws(JSONFault) {
        // A later `location` replaces an earlier one completely.
        builder.forget(fields.locationMembers)
        builder.accept(.location)
        scanner.cursor += 1
        scanner.skipSpace()
        if scanner.take("}") { return }
        var index = 0
        while true {
            let field: Field?
            if let known = coordinateKeys.match(index, at: scanner.cursor) {
                scanner.cursor += known.count
                field = known.field
            } else {
                if index > 0 {
                    guard try scanner.nextMember() else { return }
                }
                field = try newKey(&scanner, &text, index: index, isCoordinate: true)
            }
            scanner.skipSpace()
            if let field {
                if ScannedNumber.canBegin(with: scanner.byte) {
                    let number = try scanner.number()
                    if field == .latitude {
                        builder.setLatitude(number.value)
                    } else {
                        builder.setLongitude(number.value)
                    }
                } else {
                    try decodeUnusualCoordinate(field, &scanner, &text, &builder)
                }
            } else {
                try scanner.skipValue(depth: 2)
            }
            index += 1
        }
    }

    private func decodeUnusualCoordinate(
        _ field: Field, _ scanner: inout JSONScanner, _ text: inout InputText, _ builder: inout TransactionBuilder
    ) throws(JSONFault) {
        guard scanner.byte == UInt8(ascii: "\"") else {
            try scanner.skipValue(depth: 2)
            return builder.refuse(field)
        }
        let token = try scanner.string()
        let bytes = token.hasEscapes ? text.view.bytes(text.unescape(token)) : token.bytes
        builder.set(field, text: ByteSlice(), bytes: bytes, needsEscaping: false, zone: zone)
    }
}
