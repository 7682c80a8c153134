/// Reads the object that makes a line of JSON a label.
enum LabelDecoder {
    /// Of the line's outermost object.
    static let member = Array("label".utf8)

    /// The members, in the order of their checks.
    private enum Member: Int, CaseIterable {
        case id, isFraud, time

        var name: StaticString {
            switch self {
            case .id: Field.id.name
            case .isFraud: "fraud"
            case .time: Field.time.name
            }
        }

        var expectation: StaticString {
            switch self {
            case .id: Field.id.expectation
            case .isFraud: "must be true or false"
            case .time: Field.time.expectation
            }
        }
    }

    /// What a label has for a member.
    private struct Found {
        let isValid: Bool
        let bytes: UnsafeBufferPointer<UInt8>

        /// As it is quoted.
        var shown: String {
            let isText = bytes.first == UInt8(ascii: "\"")
            return Reject.shown(isText ? UnsafeBufferPointer(rebasing: bytes.dropFirst().dropLast()) : bytes)
        }
    }

    /// Adds the label, or a reject. The line was decoded before, so the object is valid.
    static func decode(
        at start: UnsafePointer<UInt8>, line: ByteSlice, _ lineIndex: UInt32, _ decoder: inout JSONTransactionDecoder,
        _ text: inout InputText, into batch: inout DecodedBatch
    ) {
        var label = Label(idHash: 0, isFraud: false)
        (label.line, label.lineIndex) = (line, lineIndex)
        var found: (Found?, Found?, Found?) = (nil, nil, nil)
        do throws(JSONFault) {
            try read(at: start, &decoder, &text, &label, &found)
        } catch {
            preconditionFailure("a decoded line is JSON: \(error.kind.message)")
        }
        let problem =
            Self.problem(.id, found.0) ?? Self.problem(.isFraud, found.1) ?? found.2.flatMap { Self.problem(.time, $0) }
        if var problem {
            (problem.line, problem.lineIndex) = (line, lineIndex)
            batch.rejects.append(problem)
        } else {
            batch.labels.append(label)
        }
    }

    private static func problem(_ member: Member, _ found: Found?) -> Reject? {
        if found?.isValid == true { return nil }
        var reject = Reject(
            lineIndex: 0, reason: found == nil ? .missingField : .invalidField,
            message: found == nil ? RejectReason.missingField.message : member.expectation)
        reject.fieldName = "label.\(member.name)"
        reject.value = found?.shown
        return reject
    }

    private static func read(
        at start: UnsafePointer<UInt8>, _ decoder: inout JSONTransactionDecoder, _ text: inout InputText,
        _ label: inout Label, _ found: inout (Found?, Found?, Found?)
    ) throws(JSONFault) {
        var scanner = JSONScanner(at: start)
        scanner.cursor += 1
        scanner.skipSpace()
        if scanner.take("}") { return }
        repeat {
            let key = try scanner.key()
            let value = scanner.cursor
            guard let member = member(key) else {
                try scanner.skipValue(depth: 2)
                continue
            }
            let isValid = try read(member, &scanner, &decoder, &text, &label)
            let part = Found(
                isValid: isValid, bytes: UnsafeBufferPointer(start: value, count: scanner.cursor - value))
            switch member {
            case .id: found.0 = part
            case .isFraud: found.1 = part
            case .time: found.2 = part
            }
        } while try scanner.nextMember()
    }

    private static func member(_ key: JSONScanner.StringToken) -> Member? {
        if key.hasEscapes {
            let name = JSON.text(of: key)
            return Member.allCases.first { "\($0.name)" == name }
        }
        return Member.allCases.first {
            key.bytes.elementsEqual(UnsafeBufferPointer(start: $0.name.utf8Start, count: $0.name.utf8CodeUnitCount))
        }
    }

    /// Reads a value, and returns whether it is one that the member may have.
    private static func read(
        _ member: Member, _ scanner: inout JSONScanner, _ decoder: inout JSONTransactionDecoder,
        _ text: inout InputText, _ label: inout Label
    ) throws(JSONFault) -> Bool {
        if member == .isFraud {
            let first = scanner.byte
            try scanner.skipValue(depth: 2)
            label.isFraud = first == UInt8(ascii: "t")
            return first == UInt8(ascii: "t") || first == UInt8(ascii: "f")
        }
        let field: Field = member == .id ? .id : .time
        var builder = TransactionBuilder()
        try decoder.decodeValue(of: TransactionMember(field: field), &scanner, &text, &builder)
        guard builder.isValid(field) else { return false }
        if member == .id {
            label.id = builder.transaction.id
            label.idHash = text.view.bytes(label.id).stableHash
        } else {
            label.time = builder.transaction.time
        }
        return true
    }
}
