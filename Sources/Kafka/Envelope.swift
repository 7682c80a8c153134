import AssayCore
import CEL
import CivilTime

/// Adds what a record came with to its JSON, as a last member `kafka` that expressions read.
struct Envelope: ~Copyable {
    private var member = OutputBuffer(capacity: 1 << 10)
    private let values = ValueEncoder(.utc)

    /// `start`: where the record's text begins, which is the last one. What is no object stays as it is, and so does
    /// one whose envelope is longer than `bound`.
    mutating func put(
        around message: borrowing Message, _ partition: Int32, at start: Int, in text: inout InputText,
        atMost bound: Int
    ) {
        guard let brace = text.closingBrace(from: start) else { return }
        member.removeAll()
        write(message, partition, isFirst: text.isEmptyObject(from: start, upTo: brace))
        guard member.count <= bound else { return }
        text.insert(member.bytes.bindMemory(to: UInt8.self), at: brace)
    }

    private mutating func write(_ message: borrowing Message, _ partition: Int32, isFirst: Bool) {
        let key = message.key.map { String(decoding: $0, as: UTF8.self) }
        var headers: [(name: String, text: String?)] = []
        for (name, value) in message.headers {
            headers.removeAll { $0.name == name }
            headers.append((name, value.map { String(decoding: $0, as: UTF8.self) }))
        }
        append(isFirst ? "\"kafka\":{\"key\":" : ",\"kafka\":{\"key\":")
        append(quoting: key)
        append(",\"headers\":{")
        for (index, header) in headers.enumerated() {
            if index > 0 { append(",") }
            append(quoting: header.name)
            append(":")
            append(quoting: header.text)
        }
        append("},\"timestamp\":")
        if let time = message.timestamp { append("\(Double(time) / 1000)") } else { append("null") }
        append(",\"partition\":\(partition),\"offset\":\(message.offset)}")
    }

    private mutating func append(_ text: String) {
        member.reserve(text.utf8.count)
        member.write(text.utf8)
    }

    private mutating func append(quoting text: String?) {
        if let text { values.write(text: text, into: &member) } else { append("null") }
    }
}
