/// A position in a definition, line and column from 1.
package struct TextPosition: Equatable, Sendable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// A text of a definition with its position.
package struct SourceText: Sendable {
    package let text: String
    /// The position of the value.
    package let position: TextPosition
    /// The position of the text itself, if the file has it unchanged.
    package let textPosition: TextPosition?

    package init(text: String, position: TextPosition, textPosition: TextPosition?) {
        self.text = text
        self.position = position
        self.textPosition = textPosition
    }
}

/// A column with its expression.
package struct NamedExpression: Sendable {
    package let name: String
    package let position: TextPosition
    package let expression: SourceText

    package init(name: String, position: TextPosition, expression: SourceText) {
        self.name = name
        self.position = position
        self.expression = expression
    }
}

/// A fault of a configuration.
package struct ConfigurationError: Error, Equatable {
    package let path: String
    package let position: TextPosition?
    package let message: String
    /// The lines in question with a caret, where a column alone is not enough.
    package var excerpt: String?
    /// Further mistakes of the file, in its order.
    package internal(set) var others: [ConfigurationError] = []

    package init(path: String, position: TextPosition?, message: String, excerpt: String? = nil) {
        self.path = path
        self.position = position
        self.message = message
        self.excerpt = excerpt
    }

    /// `file:line:column: message`.
    package var description: String {
        guard let position else { return "\(path): \(message)" }
        return "\(path):\(position.line):\(position.column): \(message)"
    }
}

extension String {
    /// The text on one line.
    package var flat: String { split(whereSeparator: \.isNewline).joined(separator: " ") }
}
