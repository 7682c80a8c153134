/// Writes rejected lines as lines of JSON, or as the records that they were.
package struct RejectEncoder {
    private static let longestFrame = 128 + 3 * OutputBuffer.longestNumber

    private let showsPlace: Bool

    /// `showsPlace`: line and offset mean something to who reads them.
    package init(showsPlace: Bool = true) {
        self.showsPlace = showsPlace
    }

    /// `source` is its name if there are several.
    package func encode(
        _ reject: Reject, text: borrowing InputText, of source: String?, as form: RowForm = .json,
        into buffer: inout OutputBuffer
    ) {
        if case .record = form {
            encodeRecord(reject, text: text, of: source, into: &buffer)
        } else if let origin = text.origin {
            origin.withRecord(ofLine: Int(reject.lineIndex)) { record in
                encodeLine(reject, text: text, of: source, quoting: record.value, into: &buffer)
            }
        } else {
            encodeLine(reject, text: text, of: source, quoting: text.view.bytes(reject.line), into: &buffer)
        }
    }

    private func encodeLine(
        _ reject: Reject, text: borrowing InputText, of source: String?, quoting line: UnsafeBufferPointer<UInt8>,
        into buffer: inout OutputBuffer
    ) {
        let quoted = Self.quotation(of: line)
        let sentence = reject.sentence
        let names = (source?.utf8.count ?? 0) + (text.origin?.topic.utf8.count ?? 0)
        // An invalid byte becomes three, an escaped one six.
        buffer.reserve(
            Self.longestFrame + OutputBuffer.longestEscaped(quoted.count + names + sentence.utf8.count))
        buffer.write("{")
        if let source {
            buffer.write("\"source\":\"")
            buffer.write(escaping: source)
            buffer.write("\",")
        }
        if let origin = text.origin {
            buffer.write("\"topic\":\"")
            buffer.write(escaping: origin.topic)
            buffer.write("\",\"partition\":")
            buffer.write(integer: UInt64(origin.partition))
            buffer.write(",\"offset\":")
            buffer.write(integer: UInt64(origin.offset(ofLine: Int(reject.lineIndex))))
            buffer.write(",")
        } else if showsPlace {
            buffer.write("\"line\":")
            buffer.write(integer: text.firstLine + UInt64(reject.lineIndex))
            buffer.write(",\"offset\":")
            buffer.write(integer: text.offset + UInt64(reject.line.offset))
            buffer.write(",")
        }
        buffer.write("\"reason\":\"")
        buffer.write(reject.reason.code)
        buffer.write("\",\"message\":\"")
        buffer.write(escaping: sentence)
        buffer.write("\",\"input\":\"")
        Self.writeRepaired(quoted, into: &buffer)
        buffer.write("\"}\n")
    }

    /// What was rejected as it came, with the reason in headers.
    private func encodeRecord(
        _ reject: Reject, text: borrowing InputText, of source: String?, into buffer: inout OutputBuffer
    ) {
        guard let origin = text.origin else {
            let place = RecordCoding.begin(key: nil, origin: nil, line: nil, into: &buffer)
            let start = buffer.count
            appendReason(reject, to: &buffer)
            RecordCoding.append(
                header: "assay-source",
                text: "\(source.map { "\($0)/" } ?? "")\(text.firstLine + UInt64(reject.lineIndex))", to: &buffer)
            RecordCoding.endHeaders(from: start, of: place, in: &buffer)
            return append(text.view.bytes(reject.line), of: place, to: &buffer)
        }
        origin.withRecord(ofLine: Int(reject.lineIndex)) { record in
            let place = RecordCoding.begin(
                key: record.key, origin: origin, line: Int(reject.lineIndex), into: &buffer)
            let start = buffer.count
            for header in record.headers { RecordCoding.append(header: header.name, header.value, to: &buffer) }
            appendReason(reject, to: &buffer)
            RecordCoding.endHeaders(from: start, of: place, in: &buffer)
            append(record.value, of: place, to: &buffer)
        }
    }

    private func appendReason(_ reject: Reject, to buffer: inout OutputBuffer) {
        RecordCoding.append(header: "assay-reason", text: "\(reject.reason.code)", to: &buffer)
        RecordCoding.append(header: "assay-message", text: reject.sentence, to: &buffer)
    }

    private func append(_ value: UnsafeBufferPointer<UInt8>, of place: Int, to buffer: inout OutputBuffer) {
        let start = buffer.count
        buffer.reserve(value.count)
        buffer.write(value)
        RecordCoding.end(from: start, of: place, isLine: false, in: &buffer)
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
