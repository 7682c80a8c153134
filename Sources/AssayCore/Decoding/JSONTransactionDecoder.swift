import CivilTime

/// Reads transactions from JSON lines in one pass over the bytes, guided by the known fields.
struct JSONTransactionDecoder {
    private let fields: TransactionFields
    private let zone: TimeZoneRules
    // With the fields alone, which costs least for each member; the branches that keys lead to are beside them.
    private var memberKeys = RememberedKeys<Field?>()
    private var coordinateKeys = RememberedKeys<Field?>()
    private var layouts = KnownLayouts<TransactionLayout>()
    /// By the place of the key, and of any key after them, one more than the number of the branch it leads to.
    private var branches = [UInt8](repeating: 0, count: RememberedKeys<Field?>.capacity + 1)
    private let takesLabels: Bool
    /// Where the label of the present line begins, if it has one.
    private var label: UnsafePointer<UInt8>?
    /// The present line was taken for a refund, with values that other lines may not have.
    private var isMended = false

    /// In place of the number of a branch: the member that a label is in.
    private static let labelBranch = UInt8.max

    init(fields: TransactionFields, zone: TimeZoneRules, takesLabels: Bool = false) {
        self.fields = fields
        self.zone = zone
        self.takesLabels = takesLabels
    }

    mutating func decode(_ text: inout InputText, into batch: inout DecodedBatch) {
        let base = UnsafePointer(text.base)
        let end = base + (text.cutLine ?? text.count)
        var cursor = base + text.byteOrderMarkCount
        let stops = text.mark()
        var known = 0
        while cursor < end {
            let index = batch.lineCount
            if let next = takeKnown(base, at: cursor - base, stops, index: index, into: &batch.transactions) {
                cursor = base + next
                known += 1
            } else {
                layouts.note(known: known)
                known = 0
                cursor = parseLine(at: cursor, &text, into: &batch)
            }
            batch.lineCount += 1
        }
        layouts.note(known: known)
        text.rejectCutLine(into: &batch)
    }

    /// Reads the line at `start` if its layout is known. Returns where the next one begins; nil for a line that has to
    /// be parsed.
    @inline(__always)
    mutating func takeKnown(
        _ base: UnsafePointer<UInt8>, at start: Int, _ stops: UnsafePointer<UInt64>, index: UInt64,
        into transactions: inout [Transaction]
    ) -> Int? {
        layouts.read(base, at: start, stops) { layout, next in
            layout.append(base, from: start, to: next, zone, index: index, to: &transactions) ? next : nil
        }
    }

    /// A line that was parsed is a transaction, and those that follow are likely to have its layout.
    mutating func learn(lineAt start: UnsafePointer<UInt8>) {
        if isMended { return }
        let roles = TransactionRoles(fields: fields, takesLabels: takesLabels)
        layouts.learn(LayoutLearning.layout(ofLineAt: start, roles))
    }

    /// So many lines had layouts that were known.
    mutating func note(known lines: Int) { layouts.note(known: lines) }

    /// A line whose layout is not known.
    @inline(never)
    private mutating func parseLine(
        at start: UnsafePointer<UInt8>, _ text: inout InputText, into batch: inout DecodedBatch
    ) -> UnsafePointer<UInt8> {
        let count = batch.transactions.count
        isMended = false
        let next = decodeLine(at: start, &text, into: &batch)
        if batch.transactions.count > count { learn(lineAt: start) }
        return next
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
                Self.reject(line, text, nil, into: &batch)
                return line.newline + 1
            }
            var builder = TransactionBuilder()
            label = nil
            try decodeObject(&scanner, &text, &builder)
            let line = try Self.finishLine(from: start, &scanner)
            let slice = line.slice(in: base)
            if let reason = line.encodingProblem(knownASCII: scanner.highBytes == 0) {
                batch.rejects.append(
                    Reject(line: slice, lineIndex: lineIndex, reason: reason, message: reason.message))
            } else if let label {
                LabelDecoder.decode(at: label, line: slice, lineIndex, &self, &text, into: &batch)
            } else if let problem = builder.finish(), !mend(&builder, problem, line, &text, &batch) {
                // It was rejected.
            } else {
                builder.place(line: slice, index: lineIndex)
                batch.transactions.append(builder.transaction)
            }
            return line.newline + 1
        } catch {
            let line = LineBounds(from: start, searchingFrom: start + error.offset)
            Self.reject(line, text, error, into: &batch)
            return line.newline + 1
        }
    }

    /// Takes a refund for what it is, or rejects the line. Returns whether there is a transaction now.
    @inline(never)
    private mutating func mend(
        _ builder: inout TransactionBuilder, _ problem: (reason: RejectReason, field: Field), _ line: LineBounds,
        _ text: inout InputText, _ batch: inout DecodedBatch
    ) -> Bool {
        isMended = true
        guard let problem = builder.takeRefund(fields.amountSign, problem, &text) else { return true }
        var reject = Reject(
            line: line.slice(in: UnsafePointer(text.base)), lineIndex: UInt32(truncatingIfNeeded: batch.lineCount),
            reason: problem.reason, message: builder.message(of: problem), field: problem.field)
        if problem.reason == .invalidField { reject.value = RefusedValue(fields, line.start).shown(problem.field) }
        batch.rejects.append(reject)
        return false
    }

    /// Rejects a line that is no object, or no JSON.
    @inline(never)
    private static func reject(
        _ line: LineBounds, _ text: borrowing InputText, _ fault: JSONFault?, into batch: inout DecodedBatch
    ) {
        let reason = line.encodingProblem() ?? (fault == nil ? .notAnObject : .malformedJSON)
        var reject = Reject(
            line: line.slice(in: UnsafePointer(text.base)), lineIndex: UInt32(truncatingIfNeeded: batch.lineCount),
            reason: reason, message: reason.message)
        if reason == .notAnObject || reason == .malformedJSON {
            if text.offset == 0, batch.lineCount == 0,
                let guess = FormatGuess.message(ofFirst: line.bytes, position: fault?.offset)
            {
                reject.message = guess
            } else if let fault {
                reject.message = fault.kind.message
                reject.position = UInt32(fault.offset)
            }
        }
        batch.rejects.append(reject)
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
                field = known.target
            } else {
                if index > 0 {
                    guard try scanner.nextMember() else { return }
                }
                field = try newMember(&scanner, &text, index: index)
            }
            scanner.skipSpace()
            if let field {
                try decodeValue(of: field, &scanner, &text, &builder)
            } else {
                try skip(index, &scanner, &text, &builder)
            }
            index += 1
        }
    }

    /// Reads a key that the previous line did not have here. The cursor is on its quote.
    @inline(never)
    private mutating func newMember(
        _ scanner: inout JSONScanner, _ text: inout InputText, index: Int
    ) throws(JSONFault) -> Field? {
        let key = try Self.newKey(&scanner, &text)
        let isLabel = takesLabels && key.name.elementsEqual(LabelDecoder.member)
        let member = isLabel ? TransactionMember.nothing : fields.member(key.name)
        if let first = key.remembered(index: index) {
            memberKeys.remember(index, at: first, count: scanner.cursor - first, target: member.field)
        } else {
            // What was remembered here leads to another branch.
            memberKeys.forget(index)
        }
        let branch = member.branch.map { UInt8($0) + 1 } ?? 0
        branches[min(index, branches.count - 1)] = isLabel ? Self.labelBranch : branch
        return member.field
    }

    /// The same in `location`.
    @inline(never)
    private mutating func newCoordinate(
        _ scanner: inout JSONScanner, _ text: inout InputText, index: Int
    ) throws(JSONFault) -> Field? {
        let key = try Self.newKey(&scanner, &text)
        let field = fields.coordinate(key.name)
        if let first = key.remembered(index: index) {
            coordinateKeys.remember(index, at: first, count: scanner.cursor - first, target: field)
        }
        return field
    }

    /// A key with the colon after it.
    private struct NewKey {
        let start: UnsafePointer<UInt8>
        let name: UnsafeBufferPointer<UInt8>
        /// Whether the colon follows at once, and all bytes are valid as they are.
        let isPlain: Bool

        /// Where a key begins that may be remembered. A match with a remembered key does not check its bytes again, so
        /// they must be valid. All but the first one include the comma before them.
        func remembered(index: Int) -> UnsafePointer<UInt8>? {
            let first = index > 0 ? start - 1 : start
            return isPlain && (index == 0 || first.pointee == UInt8(ascii: ",")) ? first : nil
        }
    }

    private static func newKey(_ scanner: inout JSONScanner, _ text: inout InputText) throws(JSONFault) -> NewKey {
        guard scanner.byte == UInt8(ascii: "\"") else { throw scanner.fault(.expectedKey) }
        let start = scanner.cursor
        let key = try scanner.string()
        let isAdjacent = scanner.byte == UInt8(ascii: ":")
        scanner.skipSpace()
        guard scanner.take(":") else { throw scanner.fault(.expectedColon) }
        let name = key.hasEscapes ? text.view.bytes(text.unescape(key)) : key.bytes
        return NewKey(
            start: start, name: name,
            isPlain: isAdjacent && !key.hasEscapes && key.bytes.allSatisfy { $0 < 0x80 })
    }

    /// What a member of the outermost object has.
    func member(_ name: UnsafeBufferPointer<UInt8>) -> TransactionMember { fields.member(name) }

    /// Reads the value at the cursor for the transaction, and leaves the cursor after it.
    @inline(__always)
    mutating func decodeValue(
        of member: TransactionMember, _ scanner: inout JSONScanner, _ text: inout InputText,
        _ builder: inout TransactionBuilder
    ) throws(JSONFault) {
        if let field = member.field {
            try decodeValue(of: field, &scanner, &text, &builder)
        } else if let branch = member.branch {
            try decodeBranch(fields.branch(branch), &scanner, &text, &builder)
        } else {
            try scanner.skipValue(depth: 1)
        }
    }

    // MARK: Fields inside of other members

    /// Passes over the value of a member that is no field, or reads the fields inside of it.
    @inline(never)
    private mutating func skip(
        _ index: Int, _ scanner: inout JSONScanner, _ text: inout InputText, _ builder: inout TransactionBuilder
    ) throws(JSONFault) {
        let branch = branches[min(index, branches.count - 1)]
        guard branch > 0 else { return try scanner.skipValue(depth: 1) }
        if branch == Self.labelBranch { return try decodeLabelMember(&scanner, &text, &builder) }
        try decodeBranch(fields.branch(Int(branch) - 1), &scanner, &text, &builder)
    }

    /// An object is a label; anything else is what the member always was.
    @inline(never)
    private mutating func decodeLabelMember(
        _ scanner: inout JSONScanner, _ text: inout InputText, _ builder: inout TransactionBuilder
    ) throws(JSONFault) {
        let start = scanner.cursor
        label = scanner.byte == UInt8(ascii: "{") ? start : nil
        guard label == nil else { return try scanner.skipValue(depth: 1) }
        let member = LabelDecoder.member.withUnsafeBufferPointer { fields.member($0) }
        try decodeValue(of: member, &scanner, &text, &builder)
    }

    @inline(never)
    private mutating func decodeBranch(
        _ branch: TransactionFields.Branch, _ scanner: inout JSONScanner, _ text: inout InputText,
        _ builder: inout TransactionBuilder
    ) throws(JSONFault) {
        if let field = branch.field {
            let start = scanner.cursor
            try decodeNested(field, &scanner, &text, &builder)
            scanner.cursor = start
        }
        try decodeMembers(branch.members, &scanner, &text, &builder, depth: 1)
    }

    /// What is no object has none of the members.
    private mutating func decodeMembers(
        _ members: [[UInt8]: TransactionFields.Node], _ scanner: inout JSONScanner, _ text: inout InputText,
        _ builder: inout TransactionBuilder, depth: Int
    ) throws(JSONFault) {
        guard scanner.byte == UInt8(ascii: "{") else { return try scanner.skipValue(depth: depth) }
        scanner.cursor += 1
        scanner.skipSpace()
        if scanner.take("}") { return }
        repeat {
            let key = try Self.newKey(&scanner, &text)
            scanner.skipSpace()
            // The whole value first: what is nested too deeply is refused wherever it is.
            let start = scanner.cursor
            try scanner.skipValue(depth: depth + 1)
            guard let node = members[Array(key.name)] else { continue }
            let end = scanner.cursor
            if let field = node.field {
                scanner.cursor = start
                try decodeNested(field, &scanner, &text, &builder)
            }
            if !node.members.isEmpty {
                scanner.cursor = start
                try decodeMembers(node.members, &scanner, &text, &builder, depth: depth + 1)
            }
            scanner.cursor = end
        } while try scanner.nextMember()
    }

    /// The same as for a field of the outermost object, once for all that are rare.
    @inline(never)
    private mutating func decodeNested(
        _ field: Field, _ scanner: inout JSONScanner, _ text: inout InputText, _ builder: inout TransactionBuilder
    ) throws(JSONFault) {
        try decodeValue(of: field, &scanner, &text, &builder)
    }

    // MARK: Values of fields

    /// Reads the value at the cursor, and leaves the cursor after it.
    @inline(__always)
    private mutating func decodeValue(
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
            let number = try scanner.number()
            switch field {
            case .amount: builder.setAmount(number.value)
            case .time: builder.setTime(EventTime(number))
            case .latitude: builder.setLatitude(number.value)
            case .longitude: builder.setLongitude(number.value)
            default: builder.set(field, scanned: number, text.view, zone: zone)
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

    /// Whether a transaction is complete and valid.
    @inline(__always)
    mutating func finish(_ builder: inout TransactionBuilder, _ text: inout InputText) -> Bool {
        isMended = false
        guard let problem = builder.finish() else { return true }
        isMended = true
        return builder.takeRefund(fields.amountSign, problem, &text) == nil
    }

    func take(
        _ slice: ByteSlice, of field: Field, needsEscaping: Bool, _ text: BatchText,
        _ builder: inout TransactionBuilder
    ) {
        builder.set(field, text: slice, bytes: text.bytes(slice), needsEscaping: needsEscaping, zone: zone)
    }

    func take(_ number: ScannedNumber, of field: Field, _ text: BatchText, _ builder: inout TransactionBuilder) {
        builder.set(field, scanned: number, text, zone: zone)
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
                field = known.target
            } else {
                if index > 0 {
                    guard try scanner.nextMember() else { return }
                }
                field = try newCoordinate(&scanner, &text, index: index)
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
