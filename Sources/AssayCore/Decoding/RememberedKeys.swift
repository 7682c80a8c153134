import CBytes

/// What keys of lines are looked up for.
protocol RememberedTarget {
    /// Of keys that nobody asks for.
    static var nothing: Self { get }
}

/// The keys of the previous line in order: most lines have the same ones in the same places, and comparing two vectors
/// is cheaper than scanning and looking up a name.
struct RememberedKeys<Target: RememberedTarget> {
    private struct Key {
        var bytes = assay_masked_bytes()
        /// The bytes of the key with both quotes and the colon, and the comma before all but the first; zero when no
        /// key is remembered.
        var count = 0
        var target = Target.nothing
    }

    private static var longestKey: Int { 32 }
    static var capacity: Int { 32 }
    private var keys = [Key](repeating: Key(), count: capacity)

    /// What the remembered key names if it is here, otherwise nil. Reads `longestKey` bytes.
    @inline(__always)
    func match(_ index: Int, at cursor: UnsafePointer<UInt8>) -> (count: Int, target: Target)? {
        guard index < keys.count else { return nil }
        return keys.withUnsafeBufferPointer { keys in
            let key = keys.baseAddress! + index
            let isHere = withUnsafePointer(to: key.pointee.bytes) { assay_masked_match($0, cursor) }
            return isHere && key.pointee.count > 0 ? (key.pointee.count, key.pointee.target) : nil
        }
    }

    /// Remembers `count` bytes up to the colon.
    mutating func remember(_ index: Int, at start: UnsafePointer<UInt8>, count: Int, target: Target) {
        guard index < keys.count, count <= Self.longestKey else { return forget(index) }
        var key = Key(count: count, target: target)
        withUnsafeMutableBytes(of: &key.bytes.words) { words in
            words.copyMemory(from: UnsafeRawBufferPointer(start: start, count: count))
        }
        withUnsafeMutableBytes(of: &key.bytes.masks) { masks in
            for index in 0..<count { masks[index] = 0xFF }
        }
        keys[index] = key
    }

    /// The key here is not to be remembered.
    mutating func forget(_ index: Int) { if index < keys.count { keys[index].count = 0 } }
}

extension Field?: RememberedTarget {
    static var nothing: Field? { nil }
}
