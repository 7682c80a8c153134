import AssayCore
import CEL
import CivilTime

/// Values as COPY takes them: cells with tabs between them, lines with a newline at the end.
struct RowText {
    /// What a column of a table gets.
    enum Kind {
        case plain
        /// Seconds since 1970, as a time.
        case seconds
        case json
    }

    private let values: ValueEncoder
    private let utc = ValueEncoder(.utc)
    private(set) var bytes: [UInt8] = []
    private(set) var rows = 0
    /// Zero characters, which PostgreSQL does not take, so far.
    private(set) var replaced: UInt64 = 0
    /// Where each row begins.
    private(set) var starts: [Int] = []

    init(_ values: ValueEncoder) {
        self.values = values
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        rows = 0
    }

    /// The rows with their numbers in front.
    var numbered: [UInt8] {
        var numbered: [UInt8] = []
        numbered.reserveCapacity(bytes.count + 8 * rows)
        for (number, start) in starts.enumerated() {
            numbered += Array("\(number)\t".utf8)
            numbered += bytes[start..<(number + 1 < starts.count ? starts[number + 1] : bytes.count)]
        }
        return numbered
    }

    mutating func beginRow() {
        starts.append(bytes.count)
        rows += 1
    }

    mutating func endRow() { bytes.append(UInt8(ascii: "\n")) }

    mutating func append(_ value: Value, as kind: Kind, isFirst: Bool) {
        if !isFirst { bytes.append(UInt8(ascii: "\t")) }
        switch (value, kind) {
        case (.null, _): bytes += Array("\\N".utf8)
        case (.bool(let bool), .plain): bytes.append(UInt8(ascii: bool ? "t" : "f"))
        case (.double(let seconds), .seconds):
            let time = Timestamp(milliseconds: Int64((seconds * 1000).rounded()))
            bytes += time.map { Array(utc.text(.timestamp($0)).utf8) } ?? Array("\\N".utf8)
        case (.bytes(let content), .plain):
            bytes += Array("\\\\x".utf8)
            for byte in content {
                let digits = Array(String(byte, radix: 16).utf8)
                bytes += digits.count == 1 ? [UInt8(ascii: "0")] + digits : digits
            }
        case (.string(let text), .json): escape(text.string, isJSON: true)
        case (.string(let text), _): escape(text.string)
        case (_, .json): escape(json(value))
        default: escape(values.text(value))
        }
    }

    private func json(_ value: Value) -> String {
        if case .double(let double) = value, !double.isFinite { return "null" }
        return values.text(value)
    }

    /// What COPY would take for something else is escaped; a zero becomes the character for what cannot be shown.
    private mutating func escape(_ text: String, isJSON: Bool = false) {
        if isJSON {
            var line = OutputBuffer(capacity: 64)
            values.write(text: text, into: &line)
            return escapeBytes(line.bytes.bindMemory(to: UInt8.self))
        }
        var text = text
        text.withUTF8 { escapeBytes($0) }
    }

    private mutating func escapeBytes(_ text: UnsafeBufferPointer<UInt8>) {
        var index = 0
        while index < text.count {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "\\"):
                // JSON's own escape of a zero is refused by jsonb.
                if Self.isZero(text, at: index) {
                    replaced += 1
                    bytes += Array("\\\\ufffd".utf8)
                    index += 6
                    continue
                }
                bytes += [byte, byte]
                // What it escapes is no escape itself.
                if index + 1 < text.count, text[index + 1] == byte {
                    bytes += [byte, byte]
                    index += 1
                }
            case UInt8(ascii: "\t"): bytes += Array("\\t".utf8)
            case UInt8(ascii: "\n"): bytes += Array("\\n".utf8)
            case UInt8(ascii: "\r"): bytes += Array("\\r".utf8)
            case 0:
                replaced += 1
                bytes += Array("\u{FFFD}".utf8)
            default: bytes.append(byte)
            }
            index += 1
        }
    }

    private static let zero = Array("\\u0000".utf8)

    private static func isZero(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
        index + zero.count <= text.count && zero.indices.allSatisfy { text[index + $0] == zero[$0] }
    }
}
