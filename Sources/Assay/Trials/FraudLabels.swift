import AssayCore

/// The labels of fraudulent transactions, as `assay generate --labels` or people write them.
package enum FraudLabels {
    private static let largestFile = 1 << 30
    /// Labels of transactions that were not fraud.
    private static let harmless: Set<String> = ["0", "false", "no", "legitimate", "legit", "normal", "genuine"]

    /// A line is an id, or an id, a comma and a label; a first line `transaction_id…` is a header. Semicolons and tabs
    /// serve as commas where the first line has one and no comma.
    package static func read(_ path: String) throws(FileError) -> Set<[UInt8]> {
        let bytes = try readFile(path, atMost: largestFile)
        var frauds: Set<[UInt8]> = []
        let first = bytes.prefix { $0 != UInt8(ascii: "\n") }
        let delimiter = first.withUnsafeBufferPointer { CSVDialect().delimiter(of: $0) }
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            let fields = line.split(separator: delimiter, maxSplits: 2).map(unquoted)
            guard let id = fields.first, !id.isEmpty else { continue }
            if index == 0, id == Array("transaction_id".utf8) { continue }
            if fields.count > 1, harmless.contains(String(decoding: fields[1], as: UTF8.self).lowercased()) { continue }
            frauds.insert(id)
        }
        return frauds
    }

    private static func unquoted(_ field: ArraySlice<UInt8>) -> [UInt8] {
        var field = field
        while let last = field.last, last == 0x0D || last == 0x20 { field.removeLast() }
        while field.first == 0x20 { field.removeFirst() }
        if field.count >= 2, field.first == UInt8(ascii: "\""), field.last == UInt8(ascii: "\"") {
            field = field.dropFirst().dropLast()
        }
        return Array(field)
    }
}
