/// Why an expression has no value.
package struct EvaluationError: Error, Sendable {
    package enum Cause: String, CaseIterable, Sendable {
        case noSuchOverload = "no_such_overload"
        case noSuchKey = "no_such_key"
        case noSuchIndex = "no_such_index"
        case unknownName = "unknown_name"
        case unknownFunction = "unknown_function"
        case divisionByZero = "division_by_zero"
        case overflow
        case range
        case badConversion = "bad_conversion"
        case duplicateKey = "duplicate_key"
        case badKey = "bad_key"
        case badPattern = "bad_pattern"
        case badZone = "bad_zone"
        case tooCostly = "too_costly"
        case host
    }

    package let cause: Cause
    let detail: String
    /// The offset in the expression, in bytes.
    package internal(set) var offset = 0

    package init(_ cause: Cause, _ detail: String = "") {
        self.cause = cause
        self.detail = detail
    }

    /// A message for people.
    package var message: String {
        switch cause {
        case .noSuchOverload: detail.isEmpty ? "no such overload" : "no such overload: \(detail)"
        case .noSuchKey: "no such key: \(detail)"
        case .noSuchIndex: "no such index: \(detail)"
        case .unknownName: "undeclared reference to '\(detail)'"
        case .unknownFunction: "undeclared reference to function '\(detail)'"
        case .divisionByZero: "\(detail) by zero"
        case .overflow: "\(detail) overflow"
        case .range: "range error: \(detail)"
        case .badConversion: "cannot convert: \(detail)"
        case .duplicateKey: "the map repeats the key \(detail)"
        case .badKey: "a value of type \(detail) cannot be a key"
        case .badPattern: "bad pattern: \(detail)"
        case .badZone: "unknown time zone '\(detail)'"
        case .tooCostly: "too costly: \(detail)"
        case .host: detail
        }
    }

    /// Adds the position in the expression's text.
    package func located(in text: String) -> SourceError {
        SourceError(message, at: offset, in: Array(text.utf8))
    }
}

/// An invalid expression, with the position of the fault.
package struct SourceError: Error, Equatable, Sendable {
    package let message: String
    /// In bytes from the beginning of the text.
    package let offset: Int
    /// Both counted from 1, the column in code points.
    package let line: Int
    package let column: Int
    /// The line's text and, below it, a caret under the column.
    package let excerpt: String

    package init(_ message: String, at offset: Int, in text: String) {
        self.init(message, at: offset, in: Array(text.utf8))
    }

    init(_ message: String, at offset: Int, in source: [UInt8]) {
        let offset = min(max(offset, 0), source.count)
        let newline = UInt8(ascii: "\n")
        let start = source[..<offset].lastIndex(of: newline).map { $0 + 1 } ?? 0
        let end = source[offset...].firstIndex(of: newline) ?? source.count
        let before = String(decoding: source[start..<offset], as: UTF8.self).unicodeScalars
        self.message = message
        self.offset = offset
        line = source[..<offset].count { $0 == newline } + 1
        column = before.count + 1
        // Tabs stay, so that the caret is in the right column; characters that a terminal would act on do not.
        let shown = Self.printable(String(decoding: source[start..<end], as: UTF8.self))
        let indent = String(String.UnicodeScalarView(before.map { $0 == "\t" ? "\t" : " " }))
        excerpt = "\(shown)\n\(indent)^"
    }

    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
                    let isDirection =
                        (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
                    return isControl && scalar != "\t" || isDirection ? "\u{FFFD}" : scalar
                }))
    }

    /// `line:column: message`, then the excerpt.
    package var report: String { "\(line):\(column): \(message)\n\(excerpt)" }
}
