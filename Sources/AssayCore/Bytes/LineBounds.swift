import CBytes

/// The limit for one line, without its end.
package let longestLine = 1 << 20

/// The line that begins at a cursor and the newline that ends it.
struct LineBounds {
    let start: UnsafePointer<UInt8>
    let newline: UnsafePointer<UInt8>

    init(from start: UnsafePointer<UInt8>, searchingFrom cursor: UnsafePointer<UInt8>) {
        self.start = start
        newline = assay_next_newline(cursor)
    }

    init(start: UnsafePointer<UInt8>, newline: UnsafePointer<UInt8>) {
        self.start = start
        self.newline = newline
    }

    /// Without the newline and a carriage return before it.
    @inline(__always)
    var bytes: UnsafeBufferPointer<UInt8> {
        let end = newline > start && newline[-1] == UInt8(ascii: "\r") ? newline - 1 : newline
        return UnsafeBufferPointer(start: start, count: end - start)
    }

    @inline(__always)
    func slice(in base: UnsafePointer<UInt8>) -> ByteSlice {
        ByteSlice(start, count: bytes.count, in: base)
    }

    /// What is wrong with the line as bytes, before its content is read.
    @inline(__always)
    func encodingProblem(knownASCII: Bool = false) -> RejectReason? {
        let bytes = bytes
        if bytes.count > longestLine { return .lineTooLong }
        return knownASCII || bytes.isValidUTF8 ? nil : .invalidUTF8
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Where a line after the first begins with these bytes.
    func startOfLine(beginningWith start: [UInt8]) -> Int? {
        guard let base = baseAddress else { return nil }
        let wanted = [UInt8(ascii: "\n")] + start
        return wanted.withUnsafeBytes { wanted in
            memmem(base, count, wanted.baseAddress, wanted.count).map {
                UnsafeRawPointer($0) - UnsafeRawPointer(base) + 1
            }
        }
    }
}
