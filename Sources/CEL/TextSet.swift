import CBytes

/// Texts in which one is found by its bytes, wherever they lie.
struct TextSet: Sendable {
    private var bytes: [UInt8] = []
    /// Where each text begins in `bytes`, and where the last one ends.
    private var starts: [Int] = [0]
    /// The texts' numbers by hash, with free places between them.
    private var table: [Int32]
    private let mask: Int

    init(_ texts: [Text]) {
        var size = 4
        while size < texts.count * 2 { size *= 2 }
        table = Array(repeating: -1, count: size)
        mask = size - 1
        for text in texts {
            text.withBytes { text in
                guard !contains(text) else { return }
                var place = Self.hash(text) & mask
                while table[place] >= 0 { place = (place + 1) & mask }
                table[place] = Int32(starts.count - 1)
                bytes += text
                starts.append(bytes.count)
            }
        }
    }

    func contains(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var place = Self.hash(text) & mask
        while table[place] >= 0 {
            let number = Int(table[place])
            let isSame = bytes.withUnsafeBufferPointer {
                UnsafeBufferPointer(rebasing: $0[starts[number]..<starts[number + 1]]).isEqual(to: text)
            }
            if isSame { return true }
            place = (place + 1) & mask
        }
        return false
    }

    private static func hash(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        Int(truncatingIfNeeded: assay_hash(text.baseAddress, text.count) & 0x7FFF_FFFF)
    }
}
