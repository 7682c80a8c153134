import CBytes

/// What the members of a line are to whoever reads it.
protocol LayoutRoles {
    associatedtype Layout: LineLayout
    /// What the members of an object are.
    associatedtype Place

    /// The outermost object, and one that nothing is wanted of.
    var root: Place { get }
    var nothing: Place { get }

    func role(of key: UnsafeBufferPointer<UInt8>, in place: Place) -> LayoutRole<Layout.Field, Place>

    /// What the members of a field's object are; nil where the whole object is its value.
    func place(inside field: Layout.Field) -> Place?
}

/// What a value is.
enum LayoutRole<Field, Place> {
    case nothing
    case field(Field)
    case inside(Place)
    /// What is not read by layouts.
    case other
}

/// Finds the layout of a line that was parsed: valid JSON, and what its reader wants.
struct LayoutLearning<Roles: LayoutRoles> {
    private let roles: Roles
    private var scanner: JSONScanner
    /// Where the bytes begin that the next step has.
    private var begun: UnsafePointer<UInt8>
    private var layout = Roles.Layout()

    private typealias Field = Roles.Layout.Field

    /// A line that has no layout, as when a field has two values.
    private struct Unlearnable: Error {}

    private init(at start: UnsafePointer<UInt8>, _ roles: Roles) {
        (self.roles, begun) = (roles, start)
        scanner = JSONScanner(at: start)
    }

    static func layout(ofLineAt start: UnsafePointer<UInt8>, _ roles: Roles) -> Roles.Layout? {
        var learning = LayoutLearning(at: start, roles)
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
        try object(roles.root)
        scanner.skipSpace()
        scanner.cursor += 1
        try add(ASSAY_STEP_LINE)
        layout.finish()
    }

    private mutating func add(_ kind: Int, _ target: Int? = nil) throws {
        let bytes = UnsafeBufferPointer(start: begun, count: scanner.cursor - begun)
        guard layout.shape.add(bytes, kind, target) else { throw Unlearnable() }
        begun = scanner.cursor
    }

    private mutating func target(of field: Field?, _ kind: LineShape.Kind) throws -> Int? {
        guard let field else { return nil }
        guard let target = layout.target(of: field, kind) else { throw Unlearnable() }
        return target
    }

    private mutating func object(_ place: Roles.Place) throws {
        scanner.cursor += 1
        scanner.skipSpace()
        if scanner.take("}") { return }
        repeat {
            let key = try scanner.key()
            if key.hasEscapes { throw Unlearnable() }
            try value(roles.role(of: key.bytes, in: place))
        } while try scanner.nextMember()
    }

    private mutating func value(_ role: LayoutRole<Field, Roles.Place>) throws {
        var field: Field?
        var place = roles.nothing
        switch role {
        case .nothing: break
        case .field(let found): field = found
        case .inside(let inside): place = inside
        case .other: throw Unlearnable()
        }
        switch scanner.byte {
        case UInt8(ascii: "\""):
            scanner.cursor += 1
            try add(ASSAY_STEP_TEXT, try target(of: field, .text))
            scanner.cursor -= 1
            let token = try scanner.string()
            begun = token.start + token.count
        case UInt8(ascii: "{"):
            guard let field else { return try object(place) }
            let target = try target(of: field, .object)
            if let place = roles.place(inside: field) { return try object(place) }
            try add(ASSAY_STEP_BEGIN, target)
            try object(roles.nothing)
            try add(ASSAY_STEP_END, target)
        case UInt8(ascii: "["):
            guard let field else { return try array() }
            let target = try target(of: field, .list)
            try add(ASSAY_STEP_BEGIN, target)
            try array()
            try add(ASSAY_STEP_END, target)
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            let target = try target(of: field, scanner.byte == UInt8(ascii: "n") ? .null : .bool)
            let isFixed = field != nil && Roles.Layout.fixesWords
            if !isFixed { try add(ASSAY_STEP_WORD, target) }
            try scanner.skipValue(depth: 0)
            if !isFixed { begun = scanner.cursor }
        default:
            try add(ASSAY_STEP_NUMBER, try target(of: field, .number))
            try scanner.skipValue(depth: 0)
            begun = scanner.cursor
        }
    }

    private mutating func array() throws {
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

/// What the members of a line are to a transaction.
struct TransactionRoles: LayoutRoles {
    typealias Layout = TransactionLayout

    let fields: TransactionFields
    let takesLabels: Bool

    enum Place {
        case nothing, root, location
        case inside([[UInt8]: TransactionFields.Node])
    }

    var root: Place { .root }
    var nothing: Place { .nothing }

    func place(inside field: Field) -> Place? { field == .location ? .location : nil }

    func role(of key: UnsafeBufferPointer<UInt8>, in place: Place) -> LayoutRole<Field, Place> {
        switch place {
        case .nothing: return .nothing
        case .location: return fields.coordinate(key).map(LayoutRole.field) ?? .nothing
        case .inside(let members):
            guard let node = members[Array(key)] else { return .nothing }
            if let field = node.field { return node.members.isEmpty ? .field(field) : .other }
            return .inside(.inside(node.members))
        case .root:
            if takesLabels, key.elementsEqual(LabelDecoder.member) { return .other }
            let member = fields.member(key)
            if let field = member.field { return .field(field) }
            guard let number = member.branch else { return .nothing }
            let branch = fields.branch(number)
            return branch.field == nil ? .inside(.inside(branch.members)) : .other
        }
    }
}
