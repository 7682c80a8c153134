import CEL

/// A text with expressions in it: `text %{expression} text`.
package enum TextTemplate {
    package enum Part: Equatable {
        case text(String)
        /// `offset`: in bytes from the beginning of the template.
        case expression(String, offset: Int)
    }

    /// Splits a template; `%%{` stands for `%{`.
    package static func parts(_ template: String) throws(SourceError) -> [Part] {
        var parts: [Part] = []
        var text = ""
        var rest = Substring(template)
        while let percent = rest.firstIndex(of: "%") {
            text += rest[..<percent]
            rest = rest[percent...]
            if rest.hasPrefix("%%{") {
                text += "%{"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("%{") {
                let offset = template.utf8.count - rest.utf8.count
                guard let end = closing(rest.dropFirst(2)) else {
                    throw SourceError("the closing '}' of '%{' is missing", at: offset, in: template)
                }
                if !text.isEmpty { parts.append(.text(text)) }
                text = ""
                let start = rest.index(rest.startIndex, offsetBy: 2)
                parts.append(.expression(String(rest[start..<end]), offset: offset + 2))
                rest = rest[rest.index(after: end)...]
            } else {
                text += "%"
                rest = rest.dropFirst()
            }
        }
        text += rest
        if !text.isEmpty || parts.isEmpty { parts.append(.text(text)) }
        return parts
    }

    /// The brace that ends an expression: braces of maps inside it are balanced, those in its texts do not count.
    private static func closing(_ text: Substring) -> Substring.Index? {
        var depth = 0
        var quote: Character?
        var isEscaped = false
        for index in text.indices {
            let character = text[index]
            if let open = quote {
                if isEscaped {
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == open {
                    quote = nil
                }
                continue
            }
            switch character {
            case "'", "\"": quote = character
            case "{": depth += 1
            case "}":
                if depth == 0 { return index }
                depth -= 1
            default: break
            }
        }
        return nil
    }
}
