/// Which names in the input stand for which field: ours, or those that the configuration maps to ours.
package struct FieldNames: Equatable, Sendable {
    /// Their names and our fields, as configured.
    package let mapped: [String: String]
    private let columns: [[UInt8]: Field]
    /// The coordinates that `location` holds: those that were not mapped to names of their own.
    let locationMembers: [Field]

    /// The names without any mapping.
    package static let standard = FieldNames(mapping: [:])!

    /// Nil when a name is mapped to something that is none of our fields.
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
        locationMembers = [.latitude, .longitude].filter { !mapping.values.contains("\($0.name)") }
        mapped = mapping
    }

    /// The names that a mapping may map to.
    package static var targets: [String] { Field.allCases.map { "\($0.name)" } }

    /// The field of a CSV column.
    func column(_ name: [UInt8]) -> Field? { columns[name] }

    /// The field of a member of the outermost JSON object. There `location.latitude` is a name like any other,
    /// unless it was mapped.
    func member(_ name: UnsafeBufferPointer<UInt8>) -> Field? {
        let field = columns[Array(name)]
        guard field == .latitude || field == .longitude else { return field }
        return mapped[String(decoding: name, as: UTF8.self)] == nil ? nil : field
    }

    /// The field of a member of `location`, unless the coordinates were mapped to other names.
    func coordinate(_ name: UnsafeBufferPointer<UInt8>) -> Field? {
        let full = Array("\(Field.location.name).".utf8) + name
        return locationMembers.first { "\($0.name)".utf8.elementsEqual(full) }
    }
}

/// The keys of the previous line in their order: most lines have the same ones in the same places, and comparing three
/// words is cheaper than scanning and looking up a name.
struct RememberedKeys {
    private struct Key {
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        var masks: (UInt64, UInt64, UInt64) = (0, 0, 0)
        /// Bytes of the key with both quotes and the colon; zero when nothing is remembered.
        var count = 0
        var field: Field?
    }

    private static let longestKey = 24
    private var keys = [Key](repeating: Key(), count: 32)

    /// The bytes of the remembered key when it stands here, else nil. Reads `longestKey` bytes.
    @inline(__always)
    func match(_ index: Int, at cursor: UnsafePointer<UInt8>) -> (count: Int, field: Field?)? {
        guard index < keys.count else { return nil }
        return keys.withUnsafeBufferPointer { keys in
            let key = keys[index]
            let bytes = UnsafeRawPointer(cursor)
            let first = (bytes.loadUnaligned(as: UInt64.self) & key.masks.0) ^ key.words.0
            let second = (bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self) & key.masks.1) ^ key.words.1
            let third = (bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self) & key.masks.2) ^ key.words.2
            return first | second | third == 0 && key.count > 0 ? (key.count, key.field) : nil
        }
    }

    /// `count` bytes from the opening quote to the colon.
    mutating func remember(_ index: Int, at start: UnsafePointer<UInt8>, count: Int, field: Field?) {
        guard index < keys.count, count <= Self.longestKey else { return }
        let bytes = UnsafeRawPointer(start)
        func mask(_ word: Int) -> UInt64 {
            let used = min(max(count - word * 8, 0), 8)
            return used == 8 ? ~0 : (1 << UInt64(used * 8)) &- 1
        }
        let masks = (mask(0), mask(1), mask(2))
        let words = (
            bytes.loadUnaligned(as: UInt64.self) & masks.0,
            bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self) & masks.1,
            bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self) & masks.2
        )
        keys[index] = Key(words: words, masks: masks, count: count, field: field)
    }
}
