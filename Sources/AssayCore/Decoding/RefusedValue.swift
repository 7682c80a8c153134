/// Finds what a line of JSON has for a field that was refused. The line was decoded before.
struct RefusedValue {
    private let fields: TransactionFields
    private let start: UnsafePointer<UInt8>

    init(_ fields: TransactionFields, _ start: UnsafePointer<UInt8>) {
        (self.fields, self.start) = (fields, start)
    }

    /// What the outermost object of a line has under a name.
    static func shown(ofMember name: String, inLineAt start: UnsafePointer<UInt8>) -> String? {
        // The names are ours then: any field stands for the one that is looked for.
        RefusedValue(TransactionFields(mapping: [name: "\(Field.id.name)"]) ?? .standard, start).shown(.id)
    }

    /// As it is quoted; nil where that is not one value.
    func shown(_ field: Field) -> String? {
        var scanner = JSONScanner(at: start)
        var found: UnsafeBufferPointer<UInt8>?
        do throws(JSONFault) {
            scanner.skipSpace()
            try findValue(
                &scanner, depth: 0,
                { name in
                    let member = fields.member(name)
                    if let branch = member.branch.map({ fields.branch($0) }) {
                        return TransactionFields.Node(field: branch.field, members: branch.members)
                    }
                    var node = TransactionFields.Node(field: member.field)
                    if member.field == .location { node.members = coordinates }
                    return node
                }, { if $0 == field { found = $1 } })
        } catch {
            preconditionFailure("a decoded line is JSON: \(error.kind.message)")
        }
        return found.map { Reject.shown($0) }
    }

    private var coordinates: [[UInt8]: TransactionFields.Node] {
        [
            Array("latitude".utf8): TransactionFields.Node(field: .latitude),
            Array("longitude".utf8): TransactionFields.Node(field: .longitude),
        ].filter { fields.locationMembers.contains($0.value.field!) }
    }

    private func findValue(
        _ scanner: inout JSONScanner, depth: Int, _ node: (UnsafeBufferPointer<UInt8>) -> TransactionFields.Node?,
        _ visit: (Field, UnsafeBufferPointer<UInt8>) -> Void
    ) throws(JSONFault) {
        guard scanner.byte == UInt8(ascii: "{") else { return try scanner.skipValue(depth: depth) }
        scanner.cursor += 1
        scanner.skipSpace()
        if scanner.take("}") { return }
        repeat {
            let key = try scanner.string()
            let name = key.hasEscapes ? Array(JSON.text(of: key).utf8) : Array(key.bytes)
            scanner.skipSpace()
            guard scanner.take(":") else { throw scanner.fault(.expectedColon) }
            scanner.skipSpace()
            let found = name.withUnsafeBufferPointer { node($0) }
            let start = scanner.cursor
            if let members = found?.members, !members.isEmpty {
                try findValue(&scanner, depth: depth + 1, { members[Array($0)] }, visit)
                scanner.cursor = start
            }
            try scanner.skipValue(depth: depth + 1)
            guard let field = found?.field else { continue }
            let isText = start.pointee == UInt8(ascii: "\"")
            let bytes = UnsafeBufferPointer(start: start, count: scanner.cursor - start)
            visit(field, isText ? UnsafeBufferPointer(rebasing: bytes.dropFirst().dropLast()) : bytes)
        } while try scanner.nextMember()
    }
}
