/// A place in a definition, both counted from 1.
package struct TextPosition: Equatable, Sendable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// A text of a definition, with where it stands.
package struct SourceText: Sendable {
    package let text: String
    /// Of the value.
    package let position: TextPosition
    /// Of the text itself, where it stands in the file as it is.
    package let textPosition: TextPosition?

    package init(text: String, position: TextPosition, textPosition: TextPosition?) {
        self.text = text
        self.position = position
        self.textPosition = textPosition
    }
}

/// A column with the expression that makes it.
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

/// A configuration that says something we can't take.
package struct ConfigurationError: Error, Equatable {
    package let path: String
    package let position: TextPosition?
    package let message: String
    /// The lines that are meant, with a caret, where a column alone says too little.
    package var excerpt: String?

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
    /// On one line.
    package var flat: String { split(whereSeparator: \.isNewline).joined(separator: " ") }
}
