import CBytes

/// A page of entries of keyed state, as stored.
package struct StatePage: Sendable {
    package let id: Int64
    package let function: Int64
    package let entryCount: Int64
    package let entries: [UInt8]

    package init(id: Int64, function: Int64, entryCount: Int64, entries: [UInt8]) {
        self.id = id
        self.function = function
        self.entryCount = entryCount
        self.entries = entries
    }

    package var checksum: UInt64 {
        entries.withUnsafeBytes { Self.checksum(id: id, function: function, entryCount: entryCount, $0) }
    }

    /// Chained, which saves copying the bytes after the numbers.
    package static func checksum(
        id: Int64, function: Int64, entryCount: Int64, _ entries: UnsafeRawBufferPointer
    ) -> UInt64 {
        let words = (
            UInt64(bitPattern: id).littleEndian, UInt64(bitPattern: function).littleEndian,
            UInt64(bitPattern: entryCount).littleEndian,
            assay_hash(entries.baseAddress, entries.count).littleEndian
        )
        return withUnsafeBytes(of: words) { assay_hash($0.baseAddress, $0.count) }
    }

    /// How many bytes of entries fit into one page of the database.
    package static let capacity = 32_400
}

/// One key's entry in a page, valid while the page's bytes are.
package struct StateEntry {
    /// The page of the key's previous entry, 0 when there was none.
    package let previousPage: Int64
    package let key: UnsafeRawBufferPointer
    package let value: UnsafeRawBufferPointer
}

/// Reads the entries of a page one after another, and never leaves its bytes whatever they are.
package struct StateEntryReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    package init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Returns nil after the last entry and where the bytes are not an entry; `isAtEnd` says which.
    package mutating func next() -> StateEntry? {
        guard let previous = number(), let key = field(), let value = field() else { return nil }
        return StateEntry(previousPage: Int64(bitPattern: previous), key: key, value: value)
    }

    package var isAtEnd: Bool { offset == bytes.count }

    /// Where the next entry begins.
    package var position: Int { offset }

    private mutating func field() -> UnsafeRawBufferPointer? {
        guard let count = number(), count <= UInt64(bytes.count - offset) else { return nil }
        defer { offset += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(count)])
    }

    private mutating func number() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard offset < bytes.count else { return nil }
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}

/// Collects entries into pages.
package struct StatePageBuilder {
    private var entries: [UInt8] = []
    private var entryCount: Int64 = 0

    package init() {
        entries.reserveCapacity(StatePage.capacity)
    }

    package var isEmpty: Bool { entryCount == 0 }
    package var byteCount: Int { entries.count }

    /// Whether an entry of about this size would make the page too large.
    package func isFull(for byteCount: Int) -> Bool {
        !isEmpty && entries.count + byteCount > StatePage.capacity
    }

    package func withEntries<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        entries.withUnsafeBytes(body)
    }

    package mutating func append(
        previousPage: Int64, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
    ) {
        append(number: UInt64(bitPattern: previousPage))
        append(number: UInt64(key.count))
        entries.append(contentsOf: key.bindMemory(to: UInt8.self))
        append(number: UInt64(value.count))
        entries.append(contentsOf: value.bindMemory(to: UInt8.self))
        entryCount += 1
    }

    private mutating func append(number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            entries.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        entries.append(UInt8(rest))
    }

    /// The finished page; the builder is empty again.
    package mutating func finish(id: Int64, function: Int64) -> StatePage {
        let page = StatePage(id: id, function: function, entryCount: entryCount, entries: entries)
        entries.removeAll(keepingCapacity: true)
        entryCount = 0
        return page
    }
}
