import CBytes

/// Finds the layout of a line that was parsed: valid JSON, and a transaction.
struct LayoutLearning {
    private let fields: TransactionFields
    private let takesLabels: Bool
    private var scanner: JSONScanner
    /// Where the bytes begin that the next step has.
    private var begun: UnsafePointer<UInt8>
    private var layout = LineLayout()

    /// What the members of an object are to the transaction.
    private enum Place {
        case nothing, root, location
        case inside([[UInt8]: TransactionFields.Node])
    }

    /// What a value is to it.
    private enum Role {
        case nothing
        case field(Field)
        case inside([[UInt8]: TransactionFields.Node])
        /// Several things at once, or a label.
        case other
    }

    /// A line that has no layout, as when a field has two values.
    private struct Unlearnable: Error {}

    private init(at start: UnsafePointer<UInt8>, _ fields: TransactionFields, takesLabels: Bool) {
        (self.fields, self.takesLabels, begun) = (fields, takesLabels, start)
        scanner = JSONScanner(at: start)
    }

    static func layout(
        ofLineAt start: UnsafePointer<UInt8>, _ fields: TransactionFields, takesLabels: Bool
    ) -> LineLayout? {
        var learning = LayoutLearning(at: start, fields, takesLabels: takesLabels)
        do {
            try learning.learnLine()
            return learning.layout
        } catch {
            // It is parsed each time.
            return nil
        }
    }

    private mutating func learnLine() throws {
        scanner.skipSpace()
        try object(.root)
        scanner.skipSpace()
        scanner.cursor += 1
        try add(ASSAY_STEP_LINE)
        layout.finish()
    }

    private mutating func add(_ kind: Int, _ field: Field? = nil) throws {
        let bytes = UnsafeBufferPointer(start: begun, count: scanner.cursor - begun)
        guard layout.add(bytes, kind, field) else { throw Unlearnable() }
        begun = scanner.cursor
    }

    private mutating func note(_ field: Field?, _ kind: LineLayout.Kind) throws {
        guard let field else { return }
        let isTaken =
            switch kind {
            case .text, .number: field != .location && field != .metadata
            case .null: Self.nullable.contains(field)
            case .object: field == .location || field == .metadata
            }
        guard isTaken, layout.note(field, kind) else { throw Unlearnable() }
    }

    /// Fields that may be null.
    private static let nullable: [Field] = [.location, .accountID, .merchantID, .metadata]

    private mutating func object(_ place: Place) throws {
        scanner.cursor += 1
        scanner.skipSpace()
        if scanner.take("}") { return }
        repeat {
            let key = try scanner.key()
            if key.hasEscapes { throw Unlearnable() }
            try value(role(of: key.bytes, in: place))
        } while try scanner.nextMember()
    }

    private func role(of key: UnsafeBufferPointer<UInt8>, in place: Place) -> Role {
        switch place {
        case .nothing: return .nothing
        case .location: return fields.coordinate(key).map(Role.field) ?? .nothing
        case .inside(let members):
            guard let node = members[Array(key)] else { return .nothing }
            if let field = node.field { return node.members.isEmpty ? .field(field) : .other }
            return .inside(node.members)
        case .root:
            if takesLabels, key.elementsEqual(LabelDecoder.member) { return .other }
            let member = fields.member(key)
            if let field = member.field { return .field(field) }
            guard let number = member.branch else { return .nothing }
            let branch = fields.branch(number)
            return branch.field == nil ? .inside(branch.members) : .other
        }
    }

    private mutating func value(_ role: Role) throws {
        var field: Field?
        var place = Place.nothing
        switch role {
        case .nothing: break
        case .field(let found): field = found
        case .inside(let members): place = .inside(members)
        case .other: throw Unlearnable()
        }
        switch scanner.byte {
        case UInt8(ascii: "\""):
            scanner.cursor += 1
            try add(ASSAY_STEP_TEXT, field)
            try note(field, .text)
            scanner.cursor -= 1
            let token = try scanner.string()
            begun = token.start + token.count
        case UInt8(ascii: "{") where field == .metadata:
            try add(ASSAY_STEP_BEGIN, field)
            try note(field, .object)
            try object(.nothing)
            try add(ASSAY_STEP_END, field)
        case UInt8(ascii: "{"):
            if field == .location { place = .location }
            try note(field, .object)
            try object(place)
        case UInt8(ascii: "["): try array(field)
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            if field != nil, scanner.byte != UInt8(ascii: "n") { throw Unlearnable() }
            // Of a field it is a part of the layout.
            if field == nil { try add(ASSAY_STEP_WORD) }
            try note(field, .null)
            try scanner.skipValue(depth: 0)
            if field == nil { begun = scanner.cursor }
        default:
            try add(ASSAY_STEP_NUMBER, field)
            try note(field, .number)
            try scanner.skipValue(depth: 0)
            begun = scanner.cursor
        }
    }

    private mutating func array(_ field: Field?) throws {
        guard field == nil else { throw Unlearnable() }
        scanner.cursor += 1
        scanner.skipSpace()
        if scanner.take("]") { return }
        repeat {
            scanner.skipSpace()
            try value(.nothing)
            scanner.skipSpace()
        } while scanner.take(",")
        guard scanner.take("]") else { throw Unlearnable() }
    }
}
