import CBytes

/// The names of fields in the input: ours, or those that the configuration maps to ours.
package struct FieldNames: Equatable, Sendable {
    /// The input's names and our fields, as configured.
    package let mapped: [String: String]
    private let columns: [[UInt8]: Field]
    /// The coordinates in `location`: those that were not mapped to other names.
    let locationMembers: FieldSet

    /// The names without any mapping.
    package static let standard = FieldNames(mapping: [:])!

    /// Nil when a name is mapped to something that is not one of our fields.
    package init?(mapping: [String: String]) {
        var columns: [[UInt8]: Field] = [:]
        for field in Field.allCases where !mapping.values.contains("\(field.name)") {
            columns[Array("\(field.name)".utf8)] = field
        }
        for (theirs, ours) in mapping {
            guard let field = Field.allCases.first(where: { "\($0.name)" == ours }) else { return nil }
            columns[Array(theirs.utf8)] = field
        }
        self.columns = columns
        locationMembers = FieldSet([.latitude, .longitude].filter { !mapping.values.contains("\($0.name)") })
        mapped = mapping
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

    /// The field of a member of the outermost JSON object. `location.latitude` is a name like any other there, unless
    /// it was mapped.
    func member(_ name: UnsafeBufferPointer<UInt8>) -> Field? {
        let field = columns[Array(name)]
        guard field == .latitude || field == .longitude else { return field }
        return mapped[String(decoding: name, as: UTF8.self)] == nil ? nil : field
    }

    /// The field of a member of `location`, unless the coordinates were mapped to other names.
    func coordinate(_ name: UnsafeBufferPointer<UInt8>) -> Field? {
        let full = Array("\(Field.location.name).".utf8) + name
        return Field.allCases.first { locationMembers.contains($0) && "\($0.name)".utf8.elementsEqual(full) }
    }
}

/// The keys of the previous line in order: most lines have the same ones in the same places, and comparing two vectors
/// is cheaper than scanning and looking up a name.
struct RememberedKeys<Target> {
    private struct Key {
        var bytes = assay_masked_bytes()
        /// The bytes of the key with both quotes and the colon, and the comma before all but the first; zero when no
        /// key is remembered.
        var count = 0
        var field: Target?
    }

    private static var longestKey: Int { 32 }
    private var keys = [Key](repeating: Key(), count: 32)

    /// The field of the remembered key if it is here, otherwise nil. Reads `longestKey` bytes.
    @inline(__always)
    func match(_ index: Int, at cursor: UnsafePointer<UInt8>) -> (count: Int, field: Target?)? {
        guard index < keys.count else { return nil }
        return keys.withUnsafeBufferPointer { keys in
            let key = keys.baseAddress! + index
            let isHere = withUnsafePointer(to: key.pointee.bytes) { assay_masked_match($0, cursor) }
            return isHere && key.pointee.count > 0 ? (key.pointee.count, key.pointee.field) : nil
        }
    }

    /// Remembers `count` bytes up to the colon.
    mutating func remember(_ index: Int, at start: UnsafePointer<UInt8>, count: Int, field: Target?) {
        guard index < keys.count, count <= Self.longestKey else { return }
        var key = Key(count: count, field: field)
        withUnsafeMutableBytes(of: &key.bytes.words) { words in
            words.copyMemory(from: UnsafeRawBufferPointer(start: start, count: count))
        }
        withUnsafeMutableBytes(of: &key.bytes.masks) { masks in
            for index in 0..<count { masks[index] = 0xFF }
        }
        keys[index] = key
    }
}
