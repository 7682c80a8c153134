/// Texts from outside, as people may safely see them.
package enum SafeText {
    /// Nothing in it moves the cursor, changes the direction or hides.
    package static func shown(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            let isHidden =
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
                default: false
                }
            if isHidden || scalar == "\\" {
                result += scalar == "\\" ? "\\\\" : "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// How a text for people stands out on a terminal.
package struct TextStyle: Sendable {
    package let usesColour: Bool

    package init(usesColour: Bool) {
        self.usesColour = usesColour
    }

    package func dim(_ text: String) -> String { styled(text, 2) }
    package func bold(_ text: String) -> String { styled(text, 1) }
    package func alarming(_ text: String) -> String { styled(text, 31) }

    private func styled(_ text: String, _ code: Int) -> String {
        usesColour ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
