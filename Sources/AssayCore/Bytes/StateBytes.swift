/// Why stored bytes are not a valid state.
package struct StateDecodingError: Error, Equatable {
    package enum Problem: Equatable, Sendable {
        case truncated
        case trailingBytes
        case unknownVersion(UInt8)
        case outOfBounds
        /// Of a key that has a state already.
        case repeatedKey
    }
    package let problem: Problem

    package init(_ problem: Problem) {
        self.problem = problem
    }
}

/// The parts of a state one after another, with the same bytes on every machine.
extension OutputBuffer {
    @inline(__always)
    package mutating func append(byte: UInt8) {
        reserve(1)
        write(byte)
    }

    /// Seven bits per byte, the lowest first.
    @inline(__always)
    package mutating func append(varint value: UInt64) {
        reserve(10)
        var rest = value
        while rest >= 0x80 {
            write(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        write(UInt8(rest))
    }

    @inline(__always)
    package mutating func append(fixed value: UInt64) {
        reserve(8)
        withUnsafeBytes(of: value.littleEndian) { write($0.bindMemory(to: UInt8.self)) }
    }

    @inline(__always)
    package mutating func append(double value: Double) { append(fixed: value.bitPattern) }

    /// Appends the bytes after their length.
    package mutating func append(content: [UInt8]) {
        append(varint: UInt64(content.count))
        reserve(content.count)
        content.withUnsafeBufferPointer { write($0) }
    }

    /// Appends the text after its length, which is at most 255.
    @inline(__always)
    package mutating func append(text: UnsafeBufferPointer<UInt8>) {
        precondition(text.count <= UInt8.max)
        reserve(1 + text.count)
        write(UInt8(text.count))
        write(text)
    }
}

/// Reads what was appended this way, and never leaves the bytes whatever they are.
package struct StateByteReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    package init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    package mutating func byte() throws(StateDecodingError) -> UInt8 {
        guard offset < bytes.count else { throw StateDecodingError(.truncated) }
        offset += 1
        return bytes[offset - 1]
    }

    package mutating func byte(atMost bound: Int) throws(StateDecodingError) -> Int {
        let value = Int(try byte())
        guard value <= bound else { throw StateDecodingError(.outOfBounds) }
        return value
    }

    package mutating func varint() throws(StateDecodingError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte = try byte()
            guard shift < 63 || byte <= 1 else { throw StateDecodingError(.outOfBounds) }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw StateDecodingError(.outOfBounds)
    }

    package mutating func fixed() throws(StateDecodingError) -> UInt64 {
        guard offset + 8 <= bytes.count else { throw StateDecodingError(.truncated) }
        defer { offset += 8 }
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    package mutating func double() throws(StateDecodingError) -> Double {
        Double(bitPattern: try fixed())
    }

    package mutating func time() throws(StateDecodingError) -> EventTime {
        guard let milliseconds = Int64(exactly: try varint()), let time = EventTime(checkedMilliseconds: milliseconds)
        else { throw StateDecodingError(.outOfBounds) }
        return time
    }

    package var remaining: Int { bytes.count - offset }

    package mutating func bytes(_ count: Int) throws(StateDecodingError) -> UnsafeBufferPointer<UInt8> {
        guard count >= 0, count <= remaining else { throw StateDecodingError(.truncated) }
        defer { offset += count }
        return UnsafeBufferPointer(rebasing: bytes.bindMemory(to: UInt8.self)[offset..<offset + count])
    }

    package mutating func text(atMost bound: Int) throws(StateDecodingError) -> UnsafeBufferPointer<UInt8> {
        let count = try byte(atMost: bound)
        guard offset + count <= bytes.count else { throw StateDecodingError(.truncated) }
        defer { offset += count }
        return UnsafeBufferPointer(rebasing: bytes.bindMemory(to: UInt8.self)[offset..<offset + count])
    }

    package func finish() throws(StateDecodingError) {
        if offset != bytes.count { throw StateDecodingError(.trailingBytes) }
    }
}
