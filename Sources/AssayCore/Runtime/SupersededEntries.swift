/// While pages are loaded from the newest to the oldest: which entries still to come are old ones of keys that are away
/// or dropped. Each entry names the page of the one before it, so the page and the hash identify it.
struct SupersededEntries {
    private var hashes: [Int64: [UInt64]] = [:]

    var isEmpty: Bool { hashes.isEmpty }

    mutating func insert(_ hash: UInt64, in page: Int64, from firstPage: Int64) {
        if page >= firstPage { hashes[page, default: []].append(hash) }
    }

    /// Whether an entry of the page with this hash is an old one. A mistake would take two keys of one page with the
    /// same 64 bits.
    func contains(_ hash: UInt64, in page: Int64) -> Bool {
        hashes[page]?.contains(hash) ?? false
    }

    mutating func forget(_ page: Int64) {
        hashes[page] = nil
    }
}
