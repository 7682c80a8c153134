/// Short texts that repeat, as numbers. Only texts that some state uses stay: whoever keeps a symbol retains it, so
/// that a stream of ever new texts can't fill memory.
struct SymbolTable: ~Copyable {
    private struct Use: ~Copyable {
        var count: UInt32
        let hash: UInt64
    }

    private var table = KeyTable<Use>(shardBits: 0)

    /// The symbol of a text. The caller retains it before the next text is interned, or it may be given away.
    mutating func intern(_ text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        let hash = text.stableHash
        return UInt32(table.find(text, hash: hash) ?? table.insert(text, hash: hash, state: Use(count: 0, hash: hash)))
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
            table.remove(Int(symbol), hash: hash)
        }
    }

    func withText<Result>(_ symbol: UInt32, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        table.withKey(Int(symbol), body)
    }

    func text(_ symbol: UInt32) -> [UInt8] { withText(symbol) { Array($0) } }

    var count: Int { table.count }
}
