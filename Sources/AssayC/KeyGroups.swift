/// The groups that Flink puts keys into that are strings of Java, so that a line goes where Flink has its user's state.
enum KeyGroups {
    static func group(of key: UnsafeBufferPointer<UInt8>, among count: Int) -> Int {
        Int(scattered(hash(key)) % UInt32(count))
    }

    /// Java's hash code of a string: over its units of UTF-16.
    private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var hash: UInt32 = 0
        for byte in key {
            guard byte < 0x80 else {
                return String(decoding: key, as: UTF8.self).utf16.reduce(0) { $0 &* 31 &+ UInt32($1) }
            }
            hash = hash &* 31 &+ UInt32(byte)
        }
        return hash
    }

    /// Murmur 3 of one word of 32 bits, never negative as a signed number.
    private static func scattered(_ word: UInt32) -> UInt32 {
        var code = rotated(word &* 0xcc9e_2d51, by: 15) &* 0x1b87_3593
        code = rotated(code, by: 13) &* 5 &+ 0xe654_6b64
        code ^= UInt32(MemoryLayout<UInt32>.size)
        code = (code ^ code >> 16) &* 0x85eb_ca6b
        code = (code ^ code >> 13) &* 0xc2b2_ae35
        code ^= code >> 16
        let signed = Int32(bitPattern: code)
        return signed == .min ? 0 : signed.magnitude
    }

    private static func rotated(_ word: UInt32, by bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }
}
