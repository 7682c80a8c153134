import CBytes

/// A set of texts for lookups by bytes.
final class TextSet: Sendable {
    /// The data for lookups, valid while the set lives.
    ///
    /// @unchecked Sendable: written once, before it is shared.
    struct View: @unchecked Sendable {
        fileprivate let bytes: UnsafeMutablePointer<UInt8>
        /// The offset of each text in `bytes`, and the end of the last one.
        fileprivate let starts: UnsafeMutablePointer<Int>
        /// The texts' numbers by hash, with free slots between them.
        fileprivate let table: UnsafeMutablePointer<Int32>
        fileprivate let mask: Int

        func contains(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
            var place = TextSet.hash(text) & mask
            while table[place] >= 0 {
                let number = Int(table[place])
                let other = UnsafeBufferPointer(
                    start: UnsafePointer(bytes + starts[number]), count: starts[number + 1] - starts[number])
                if other.isEqual(to: text) { return true }
                place = (place + 1) & mask
            }
            return false
        }
    }

    let view: View

    init(_ texts: [Text]) {
        var size = 4
        while size < texts.count * 2 { size *= 2 }
        let byteCount = texts.reduce(0) { $0 + $1.string.utf8.count }
        view = View(
            bytes: .allocate(capacity: max(1, byteCount)), starts: .allocate(capacity: texts.count + 1),
            table: .allocate(capacity: size), mask: size - 1)
        view.table.initialize(repeating: -1, count: size)
        view.starts[0] = 0
        var count = 0
        for text in texts {
            text.withBytes { text in
                guard !view.contains(text) else { return }
                var place = Self.hash(text) & view.mask
                while view.table[place] >= 0 { place = (place + 1) & view.mask }
                let start = view.starts[count]
                if let bytes = text.baseAddress { (view.bytes + start).update(from: bytes, count: text.count) }
                view.table[place] = Int32(count)
                count += 1
                view.starts[count] = start + text.count
            }
        }
    }

    deinit {
        view.bytes.deallocate()
        view.starts.deallocate()
        view.table.deallocate()
    }

    fileprivate static func hash(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        Int(truncatingIfNeeded: assay_hash(text.baseAddress, text.count) & 0x7FFF_FFFF)
    }
}
