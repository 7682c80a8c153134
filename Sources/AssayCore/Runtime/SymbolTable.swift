/// Short repeated texts as numbers. Only texts that some state uses stay: every user of a symbol retains it, so that a
/// stream of ever new texts can't fill memory.
package struct SymbolTable: ~Copyable {
    struct Use: ~Copyable {
        var count: UInt32
        let hash: UInt64
    }

    /// A recently used short text: most streams have a handful of them.
    private struct Recent {
        var words: StoredKey.Words = (0, ~0)
        var symbol: UInt32 = 0
    }

    private var table = KeyTable<Use>(shardBits: 0)
    private var recent = [Recent](repeating: Recent(), count: recentCount)

    package init() {}

    private static let recentCount = 64

    /// Returns the symbol of a text. Retain it before interning the next text, or it may be reused.
    @inline(__always)
    mutating func intern(_ text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        guard text.count <= StoredKey.inlineCapacity else { return find(text) }
        let words = StoredKey.words(text)
        let place = Self.place(words)
        if recent[place].words == words { return recent[place].symbol }
        let symbol = find(text)
        recent[place] = Recent(words: words, symbol: symbol)
        return symbol
    }

    @inline(never)
    private mutating func find(_ text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let hash = text.stableHash
        return UInt32(table.find(text, hash: hash) ?? table.insert(text, hash: hash, state: Use(count: 0, hash: hash)))
    }

    @inline(__always)
    private static func place(_ words: StoredKey.Words) -> Int {
        let mixed = (words.low ^ words.high) &* 0x9E37_79B9_7F4A_7C15
        return Int(mixed >> 58)
    }

    mutating func intern(_ text: String) -> UInt32 {
        var text = text
        return text.withUTF8 { intern($0) }
    }

    mutating func retain(_ symbol: UInt32) {
        table[Int(symbol)].count += 1
    }

    mutating func release(_ symbol: UInt32) {
        table[Int(symbol)].count -= 1
        if table[Int(symbol)].count == 0 {
            let hash = table[Int(symbol)].hash
            for place in recent.indices where recent[place].symbol == symbol { recent[place] = Recent() }
            table.remove(Int(symbol), hash: hash)
        }
    }

    /// Forgets a symbol that nobody has retained since it was interned.
    mutating func dropUnused(_ symbol: UInt32) {
        guard table[Int(symbol)].count == 0 else { return }
        retain(symbol)
        release(symbol)
    }

    func withText<Result>(_ symbol: UInt32, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        table.withKey(Int(symbol), body)
    }

    package func text(_ symbol: UInt32) -> [UInt8] { withText(symbol) { Array($0) } }

    var count: Int { table.count }
}
