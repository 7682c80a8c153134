/// While pages are loaded from the newest to the oldest: which entries still to come are old ones of keys that are
/// away or forgotten. Each entry names the page of the one before it, so the page and the hash tell.
struct SupersededEntries {
    private var hashes: [Int64: [UInt64]] = [:]

    var isEmpty: Bool { hashes.isEmpty }

    mutating func insert(_ hash: UInt64, in page: Int64, from firstPage: Int64) {
        if page >= firstPage { hashes[page, default: []].append(hash) }
    }

    /// Whether an entry of the page with this hash is an old one. That two keys of one page share all 64 bits
    /// would be needed to mistake one for the other.
    func contains(_ hash: UInt64, in page: Int64) -> Bool {
        hashes[page]?.contains(hash) ?? false
    }

    mutating func forget(_ page: Int64) {
        hashes[page] = nil
    }
}
