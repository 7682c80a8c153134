/// Rows as records for a keyed log, one after another in a buffer on their way from the formatter to a sink.
///
/// Each is four lengths of four bytes, then key, source, headers and value.
package enum RecordCoding {
    /// The length of what is not there.
    fileprivate static let none = UInt32.max
    fileprivate static let frameBytes = 16

    /// Begins a record; its value follows, and `end` completes it. Returns the place of the record.
    static func begin(
        key: UnsafeBufferPointer<UInt8>?, origin: (any RecordOrigin)?, line: Int?, into buffer: inout OutputBuffer
    ) -> Int {
        let place = buffer.count
        buffer.reserve(frameBytes + (key?.count ?? 0))
        buffer.write(word: key.map { UInt32($0.count) } ?? none)
        for _ in 0..<3 { buffer.write(word: 0) }
        if let key { buffer.write(key) }
        let start = buffer.count
        if let origin, let line { append(placeOf: line, in: origin, to: &buffer) }
        buffer.replace(word: UInt32(buffer.count - start), at: place + 4)
        return place
    }

    /// Headers come before the value.
    static func append(header name: String, _ value: UnsafeBufferPointer<UInt8>?, to buffer: inout OutputBuffer) {
        let name = Array(name.utf8)
        buffer.reserve(8 + name.count + (value?.count ?? 0))
        buffer.write(word: UInt32(name.count))
        buffer.write(word: value.map { UInt32($0.count) } ?? none)
        name.withUnsafeBufferPointer { buffer.write($0) }
        if let value { buffer.write(value) }
    }

    static func append(header name: String, text: String, to buffer: inout OutputBuffer) {
        var text = text
        text.withUTF8 { append(header: name, $0, to: &buffer) }
    }

    /// Everything since `start` is headers.
    static func endHeaders(from start: Int, of place: Int, in buffer: inout OutputBuffer) {
        buffer.replace(word: UInt32(buffer.count - start), at: place + 8)
    }

    /// Everything since `start` is the value, less the newline of a line.
    static func end(from start: Int, of place: Int, isLine: Bool, in buffer: inout OutputBuffer) {
        if isLine { buffer.removeLast() }
        buffer.replace(word: UInt32(buffer.count - start), at: place + 12)
    }

    private static func append(placeOf line: Int, in origin: any RecordOrigin, to buffer: inout OutputBuffer) {
        let topic = origin.topic
        buffer.reserve(topic.utf8.count + 2 + 2 * OutputBuffer.longestNumber)
        buffer.write(topic.utf8)
        buffer.write(UInt8(ascii: "/"))
        buffer.write(integer: UInt64(origin.partition))
        buffer.write(UInt8(ascii: "/"))
        buffer.write(integer: UInt64(origin.offset(ofLine: line)))
    }
}

extension OutputBuffer {
    fileprivate mutating func write(word: UInt32) {
        withUnsafeBytes(of: word.littleEndian) { write($0.bindMemory(to: UInt8.self)) }
    }

    fileprivate mutating func replace(word: UInt32, at place: Int) {
        for byte in 0..<4 { replace(at: place + byte, by: UInt8(truncatingIfNeeded: word >> UInt32(8 * byte))) }
    }
}

/// A record of a buffer. Its bytes are those of the buffer.
package struct EncodedRecord {
    package let key: UnsafeRawBufferPointer?
    /// Where the row comes from, if it comes from one record.
    package let source: UnsafeRawBufferPointer
    package let value: UnsafeRawBufferPointer
    fileprivate let headers: UnsafeRawBufferPointer

    /// Visits its own headers in their order.
    package func forEachHeader(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) -> Void) {
        var rest = RecordReader(headers)
        while !rest.isAtEnd {
            let (name, value) = (rest.word(), rest.word())
            body(rest.bytes(name), value == RecordCoding.none ? nil : rest.bytes(value))
        }
    }

    package var hasHeaders: Bool { !headers.isEmpty }
}

/// Reads the records of a buffer, which are in our own format.
package struct RecordReader {
    private let all: UnsafeRawBufferPointer
    private var place = 0

    package init(_ bytes: UnsafeRawBufferPointer) {
        all = bytes
    }

    fileprivate var isAtEnd: Bool { place == all.count }

    fileprivate mutating func word() -> UInt32 {
        defer { place += 4 }
        return UInt32(littleEndian: all.loadUnaligned(fromByteOffset: place, as: UInt32.self))
    }

    fileprivate mutating func bytes(_ count: UInt32) -> UnsafeRawBufferPointer {
        defer { place += Int(count) }
        return UnsafeRawBufferPointer(rebasing: all[place..<place + Int(count)])
    }

    package mutating func next() -> EncodedRecord? {
        guard !isAtEnd else { return nil }
        let (key, source, headers, value) = (word(), word(), word(), word())
        let keyBytes = key == RecordCoding.none ? nil : bytes(key)
        let sourceBytes = bytes(source)
        let headerBytes = bytes(headers)
        return EncodedRecord(key: keyBytes, source: sourceBytes, value: bytes(value), headers: headerBytes)
    }
}
