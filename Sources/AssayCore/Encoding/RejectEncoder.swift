/// Writes rejected lines as JSON lines.
package struct RejectEncoder {
    private static let longestFrame = 512 + 3 * OutputBuffer.longestNumber

    package init() {}

    /// `source` is its name if there are several.
    package func encode(
        _ reject: Reject, text: borrowing InputText, of source: String?, into buffer: inout OutputBuffer
    ) {
        let quoted = Self.quotation(of: text.view.bytes(reject.line))
        // An invalid byte becomes three, an escaped one six.
        buffer.reserve(Self.longestFrame + OutputBuffer.longestEscaped(quoted.count))
        buffer.write("{")
        if let source {
            buffer.reserve(Self.longestFrame + OutputBuffer.longestEscaped(quoted.count + source.utf8.count))
            buffer.write("\"source\":\"")
            buffer.write(escaping: source)
            buffer.write("\",")
        }
        buffer.write("\"line\":")
        buffer.write(integer: text.firstLine + UInt64(reject.lineIndex))
        buffer.write(",\"offset\":")
        buffer.write(integer: text.offset + UInt64(reject.line.offset))
        buffer.write(",\"reason\":\"")
        buffer.write(reject.reason.code)
        buffer.write("\",\"message\":\"")
        if let field = reject.field {
            buffer.write(field.name)
            buffer.write(UInt8(ascii: " "))
        } else if let name = reject.fieldName {
            buffer.reserve(Self.longestFrame + OutputBuffer.longestEscaped(quoted.count + name.utf8.count))
            buffer.write(escaping: name)
            buffer.write(UInt8(ascii: " "))
        }
        buffer.write(reject.message)
        if let value = reject.value {
            buffer.reserve(Self.longestFrame + OutputBuffer.longestEscaped(quoted.count + value.utf8.count))
            buffer.write(", not '")
            buffer.write(escaping: value)
            buffer.write("'")
        }
        if let position = reject.position {
            buffer.write(" at byte ")
            buffer.write(integer: UInt64(position) + 1)
            buffer.write(" of the line")
        }
        buffer.write("\",\"input\":\"")
        Self.writeRepaired(quoted, into: &buffer)
        buffer.write("\"}\n")
    }

    /// The part of the line that a reject quotes, cut at the end of a character.
    private static func quotation(of line: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        guard line.count > Reject.quotedBytes else { return line }
        var end = Reject.quotedBytes
        // A character has at most three bytes after its first; longer ones are invalid anyway.
        while end > Reject.quotedBytes - 3, line[end] & 0xC0 == 0x80 { end -= 1 }
        return UnsafeBufferPointer(rebasing: line[..<(line[end] & 0xC0 == 0x80 ? Reject.quotedBytes : end)])
    }

    private static func writeRepaired(_ bytes: UnsafeBufferPointer<UInt8>, into buffer: inout OutputBuffer) {
        var index = 0
        while index < bytes.count {
            if let length = bytes.wellFormedCharacter(at: index) {
                buffer.write(escaping: UnsafeBufferPointer(rebasing: bytes[index..<index + length]))
                index += length
            } else {
                buffer.write("\u{FFFD}")
                index += 1
            }
        }
    }
}
