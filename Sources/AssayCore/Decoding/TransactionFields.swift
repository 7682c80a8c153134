/// What the amounts of refunds are, where they are negative.
package enum AmountSign: String, CaseIterable, Sendable {
    case reject
    case absolute
    /// The absolute amount, of a transaction of the type `refund`.
    case refund

    static let refundType = "refund"
}

/// Where a transaction's fields are in a line: under our names, or those that the configuration maps to ours.
package struct TransactionFields: Equatable, Sendable {
    /// The input's names and our fields, as configured.
    package let mapped: [String: String]
    package let amountSign: AmountSign
    private let columns: [[UInt8]: Field]
    /// Fields inside of objects, by the outermost member. `data.object.id` names a member of that name, or the member
    /// `id` of `object` in `data`.
    private let branches: [Branch]
    private let branchNumbers: [[UInt8]: Int]
    /// The coordinates in `location`: those that were not mapped to other names.
    let locationMembers: FieldSet

    /// A member of the outermost object that fields are inside of.
    struct Branch: Equatable, Sendable {
        /// That of the whole member.
        let field: Field?
        let members: [[UInt8]: Node]
    }

    /// A member inside of another.
    struct Node: Equatable, Sendable {
        var field: Field?
        var members: [[UInt8]: Node] = [:]

        fileprivate mutating func add(_ path: ArraySlice<[UInt8]>, _ field: Field) {
            guard let first = path.first else {
                self.field = field
                return
            }
            members[first, default: Node()].add(path.dropFirst(), field)
        }
    }

    /// The names without any mapping.
    package static let standard = TransactionFields(mapping: [:])!

    /// Nil when a name is mapped to something that is not one of our fields.
    package init?(mapping: [String: String], amountSign: AmountSign = .reject) {
        var columns: [[UInt8]: Field] = [:]
        for field in Field.allCases where !mapping.values.contains("\(field.name)") {
            columns[Array("\(field.name)".utf8)] = field
        }
        var root = Node()
        for (theirs, ours) in mapping {
            guard let field = Field.allCases.first(where: { "\($0.name)" == ours }) else { return nil }
            columns[Array(theirs.utf8)] = field
            let path = theirs.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map(Array.init)
            if path.count > 1 { root.add(path[...], field) }
        }
        self.columns = columns
        locationMembers = FieldSet([.latitude, .longitude].filter { !mapping.values.contains("\($0.name)") })
        mapped = mapping
        self.amountSign = amountSign
        var branches: [Branch] = []
        var numbers: [[UInt8]: Int] = [:]
        for (name, node) in root.members {
            numbers[name] = branches.count
            branches.append(Branch(field: Self.member(name, columns, mapping), members: node.members))
        }
        (self.branches, branchNumbers) = (branches, numbers)
    }

    /// The valid targets of a mapping.
    package static var targets: [String] { Field.allCases.map { "\($0.name)" } }

    /// The field of a CSV column.
    func column(_ name: [UInt8]) -> Field? { columns[name] }

    /// The field of a column whose name differs in case, blanks, hyphens and underscores alone.
    func column(relaxed name: String) -> Field? {
        let wanted = CSVHeaderFault.relaxed(name)
        let found = columns.filter { CSVHeaderFault.relaxed(String(decoding: $0.key, as: UTF8.self)) == wanted }
        return found.count == 1 ? found.first?.value : nil
    }

    /// What a member of the outermost JSON object has.
    func member(_ name: UnsafeBufferPointer<UInt8>) -> TransactionMember {
        let name = Array(name)
        if let branch = branchNumbers[name] { return TransactionMember(branch: branch) }
        return TransactionMember(field: Self.member(name, columns, mapped))
    }

    /// `location.latitude` is a name like any other in the outermost object, unless it was mapped.
    private static func member(_ name: [UInt8], _ columns: [[UInt8]: Field], _ mapped: [String: String]) -> Field? {
        let field = columns[name]
        guard field == .latitude || field == .longitude else { return field }
        return mapped[String(decoding: name, as: UTF8.self)] == nil ? nil : field
    }

    func branch(_ number: Int) -> Branch { branches[number] }

    /// The field of a member of `location`, unless the coordinates were mapped to other names.
    func coordinate(_ name: UnsafeBufferPointer<UInt8>) -> Field? {
        let full = Array("\(Field.location.name).".utf8) + name
        return Field.allCases.first { locationMembers.contains($0) && "\($0.name)".utf8.elementsEqual(full) }
    }
}

/// What a member of a line's outermost object has for the transaction: a field, fields inside of it, or nothing. One
/// byte, because each member of each line is looked up.
struct TransactionMember: RememberedTarget {
    /// 0 for nothing, then the fields, then the branches.
    private let code: UInt8

    private static let firstBranch: UInt8 = 128

    static let nothing = TransactionMember(field: nil)

    @inline(__always)
    init(field: Field?) {
        code = field.map { $0.rawValue + 1 } ?? 0
    }

    /// There are no more branches than fields.
    init(branch: Int) {
        code = Self.firstBranch + UInt8(branch)
    }

    @inline(__always)
    var field: Field? { Field(rawValue: code &- 1) }

    /// The branch that fields are on, which may be a field as a whole too.
    @inline(__always)
    var branch: Int? { code >= Self.firstBranch ? Int(code - Self.firstBranch) : nil }

    @inline(__always)
    var isNothing: Bool { code == 0 }
}
