extension UnsafeBufferPointer<UInt8> {
    /// RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
    var isValidUTF8: Bool { validUTF8Prefix == count }

    /// How many bytes from the start are whole, valid characters.
    var validUTF8Prefix: Int {
        var index = 0
        while index < count {
            if index + 8 <= count, isASCII(eightBytesAt: index) {
                index += 8
                continue
            }
            guard let length = wellFormedCharacter(at: index) else { return index }
            index += length
        }
        return count
    }

    private func isASCII(eightBytesAt index: Int) -> Bool {
        let word = UnsafeRawPointer(baseAddress!).loadUnaligned(fromByteOffset: index, as: UInt64.self)
        return word & 0x8080_8080_8080_8080 == 0
    }

    /// The length of the character that begins here, nil when it is invalid.
    func wellFormedCharacter(at index: Int) -> Int? {
        let first = self[index]
        let (length, second): (Int, ClosedRange<UInt8>)
        switch first {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return nil
        }
        guard index + length <= count, second.contains(self[index + 1]) else { return nil }
        for offset in 2..<Swift.max(2, length) where self[index + offset] & 0xC0 != 0x80 { return nil }
        return length
    }
}
