import AssayCore

/// Allows expressions inside `{…}` and `[…]` as they are.
///
/// There YAML ends a text without quotes at the first comma or bracket, even inside `map(v, v.price)` and `login[0]`.
/// Such characters are replaced by other single bytes, so that every position is unchanged, and put back in the texts
/// that the parser returns. This happens where expressions may be in flow style: in the sections of streams, patterns,
/// derived fields, rules and outputs. Everything else is plain YAML.
struct FlowScalars {
    private(set) var bytes: [UInt8]
    /// By the line and column at which a text begins, both from 0: the original byte of each substitute.
    private(set) var replaced: [Place: [UInt8: UInt8]] = [:]

    struct Place: Hashable {
        let line: Int
        let column: Int
    }

    private var cursor = 0
    private var line = 0
    private var lineStart = 0
    /// Whether the current section has expressions.
    private var hasExpressions = false
    /// The last computed column of this line, and its index.
    private var known = (index: 0, column: 0)

    private static let sections = ["streams", "patterns", "derive", "rules", "outputs"].map { Array($0.utf8) }

    init(_ source: [UInt8]) {
        bytes = source
        while cursor < bytes.count { skipBlockLine() }
    }

    /// The text as it is in the file.
    func restored(_ text: [UInt8], at place: Place) -> [UInt8] {
        guard let replaced = replaced[place] else { return text }
        return text.map { replaced[$0] ?? $0 }
    }

    // MARK: Lines outside of brackets

    private mutating func skipBlockLine() {
        let indent = skipSpaces()
        if indent == 0 { findSection() }
        // What comes after `- `, `? ` and `key: ` is a value, and so is the line's first word.
        var isValueStart = true
        while let byte = peek, byte != UInt8(ascii: "\n") {
            switch byte {
            case UInt8(ascii: "{") where isValueStart, UInt8(ascii: "[") where isValueStart:
                guard skipFlow() else { return skipRest() }
                isValueStart = false
            case UInt8(ascii: "\"") where isValueStart, UInt8(ascii: "'") where isValueStart:
                guard skipQuoted(byte) else { return skipRest() }
                isValueStart = false
            case UInt8(ascii: "|") where isValueStart, UInt8(ascii: ">") where isValueStart:
                return skipBlockText(deeperThan: indent)
            case UInt8(ascii: "#") where cursor == lineStart || isSpace(before: cursor):
                skipToLineEnd()
            case UInt8(ascii: "-") where isValueStart && isSpace(behind: cursor): advance()
            case UInt8(ascii: ":") where isSpace(behind: cursor):
                advance()
                isValueStart = true
            case UInt8(ascii: " "): advance()
            default:
                advance()
                isValueStart = false
            }
        }
        if peek != nil { newLine() }
    }

    /// A word at the very beginning of a line begins a section.
    private mutating func findSection() {
        guard let first = peek, Self.isWord(first) else { return }
        let word = bytes[cursor...].prefix(while: Self.isWord)
        hasExpressions = Self.sections.contains { $0[...] == word }
    }

    /// Skips a text of several lines, all indented deeper than the key.
    private mutating func skipBlockText(deeperThan indent: Int) {
        skipToLineEnd()
        while peek != nil {
            newLine()
            let start = cursor
            let depth = skipSpaces()
            guard let byte = peek else { return }
            if byte != UInt8(ascii: "\n"), depth <= indent {
                cursor = start
                return
            }
            skipToLineEnd()
        }
    }

    // MARK: Inside brackets

    /// Returns false when no bracket closes it; the parser then reports that.
    private mutating func skipFlow() -> Bool {
        var depth = 0
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                advance()
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                advance()
                if depth == 0 { return true }
            case UInt8(ascii: "\n"): newLine()
            case UInt8(ascii: "#") where isSpace(before: cursor): skipToLineEnd()
            case UInt8(ascii: "\""), UInt8(ascii: "'"): guard skipQuoted(byte) else { return false }
            case UInt8(ascii: " "), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "\r"), UInt8(ascii: "\t"):
                advance()
            default: takeText()
            }
        }
        return false
    }

    /// Takes a text without quotes, up to its end outside of its own brackets and quotes.
    private mutating func takeText() {
        let start = cursor
        var inner: [Int] = []
        var nesting: [UInt8] = []
        var end = start
        scan: while end < bytes.count {
            let byte = bytes[end]
            switch byte {
            case UInt8(ascii: "\n"): break scan
            case UInt8(ascii: "\"") where opensText(at: end, from: start),
                UInt8(ascii: "'") where opensText(at: end, from: start):
                guard let close = quoteEnd(from: end) else { break }
                inner += (end...close).filter { Self.isSpecial(bytes[$0]) }
                end = close
            case UInt8(ascii: "(") where end > start && Self.isWord(bytes[end - 1]):
                nesting.append(UInt8(ascii: ")"))
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                nesting.append(byte == UInt8(ascii: "[") ? UInt8(ascii: "]") : UInt8(ascii: "}"))
                inner.append(end)
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard nesting.last == byte else { break scan }
                nesting.removeLast()
                inner.append(end)
            case UInt8(ascii: ")"): if nesting.last == byte { nesting.removeLast() }
            case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "#"):
                if !nesting.isEmpty {
                    inner.append(end)
                } else if byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":") && isSpace(behind: end)
                    || byte == UInt8(ascii: "#") && isSpace(before: end)
                {
                    break scan
                }
            default: break
            }
            end += 1
        }
        cursor = end
        if hasExpressions, nesting.isEmpty, !inner.isEmpty {
            replace(inner, of: start..<end, at: Place(line: line, column: column(of: start)))
        } else if !hasExpressions || !nesting.isEmpty {
            // As in YAML: it ends at the first of them.
            cursor = inner.first ?? end
            skipPlain()
        }
    }

    /// Skips to the end of a text in YAML.
    private mutating func skipPlain() {
        while let byte = peek, byte != UInt8(ascii: "\n") {
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") { return }
            if byte == UInt8(ascii: ":"), isSpace(behind: cursor) { return }
            if byte == UInt8(ascii: "#"), isSpace(before: cursor) { return }
            advance()
        }
    }

    /// After a letter or a digit a quote is a foot or an apostrophe.
    private func opensText(at index: Int, from start: Int) -> Bool { index > start && !Self.isWord(bytes[index - 1]) }

    private mutating func replace(_ places: [Int], of range: Range<Int>, at place: Place) {
        let used = Set(bytes[range])
        var free = Self.substitutes.filter { !used.contains($0) }
        var substitutes: [UInt8: UInt8] = [:]
        for index in places where substitutes[bytes[index]] == nil {
            guard let next = free.popLast() else { return }
            substitutes[bytes[index]] = next
        }
        for index in places { bytes[index] = substitutes[bytes[index]] ?? bytes[index] }
        replaced[place] = Dictionary(uniqueKeysWithValues: substitutes.map { ($0.value, $0.key) })
    }

    /// Bytes without a meaning in YAML inside a text.
    private static let substitutes = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ~^;$".utf8)

    private static func isSpecial(_ byte: UInt8) -> Bool { ",:#[]{}".utf8.contains(byte) }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    // MARK: Steps

    private var peek: UInt8? { cursor < bytes.count ? bytes[cursor] : nil }

    private mutating func advance() { cursor += 1 }

    private mutating func newLine() {
        cursor += 1
        line += 1
        lineStart = cursor
        known = (cursor, 0)
    }

    private mutating func skipSpaces() -> Int {
        let start = cursor
        while peek == UInt8(ascii: " ") { cursor += 1 }
        return cursor - start
    }

    private mutating func skipToLineEnd() { while let byte = peek, byte != UInt8(ascii: "\n") { cursor += 1 } }

    private mutating func skipRest() { cursor = bytes.count }

    /// Returns false when it does not end.
    private mutating func skipQuoted(_ quote: UInt8) -> Bool {
        advance()
        while let byte = peek {
            if byte == UInt8(ascii: "\n") {
                newLine()
                continue
            }
            advance()
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                if peek == UInt8(ascii: "\n") { newLine() } else { advance() }
            } else if byte == quote {
                return true
            }
        }
        return false
    }

    /// The end of a text in an expression, on one line.
    private func quoteEnd(from start: Int) -> Int? {
        var index = start + 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\n") {
            if bytes[index] == UInt8(ascii: "\\") {
                index += 1
            } else if bytes[index] == bytes[start] {
                return index
            }
            index += 1
        }
        return nil
    }

    private func isSpace(behind index: Int) -> Bool {
        guard index + 1 < bytes.count else { return true }
        return [UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t")].contains(
            bytes[index + 1])
    }

    private func isSpace(before index: Int) -> Bool {
        index > 0 && [UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t")].contains(bytes[index - 1])
    }

    /// In characters, like the parser.
    private mutating func column(of index: Int) -> Int {
        let column = known.column + bytes[known.index..<index].count { $0 & 0xC0 != 0x80 }
        known = (index, column)
        return column
    }
}
