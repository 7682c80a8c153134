import CEL

/// Compiles the expressions of a pipeline file, and gives faults their position in the file.
package struct PipelineExpressions {
    package let path: String
    package let fields: FieldCollector

    package init(path: String, fields: FieldCollector) {
        self.path = path
        self.fields = fields
    }

    /// `owner`: what the expression belongs to, for people.
    package func fault(_ error: SourceError, in text: SourceText, _ owner: String) -> ConfigurationError {
        guard let start = text.textPosition, error.line == 1 else {
            return ConfigurationError(
                path: path, position: text.position,
                message: "\(owner), at \(error.line):\(error.column) of the expression: \(error.message)",
                excerpt: error.excerpt)
        }
        return ConfigurationError(
            path: path, position: TextPosition(line: start.line, column: start.column + error.column - 1),
            message: "\(owner): \(error.message)", excerpt: error.excerpt)
    }

    /// A fault at a name inside an expression.
    package func fault(_ message: String, at name: String, in text: SourceText) -> ConfigurationError {
        let bytes = Array(text.text.utf8)
        let wanted = Array(name.utf8)
        let offset = bytes.indices.first { bytes[$0...].starts(with: wanted) } ?? 0
        return fault(SourceError(message, at: offset, in: text.text), in: text, "'\(name)'")
    }

    package func add(
        _ text: SourceText, to compiler: inout Compiler, _ names: StreamEnvironment, _ owner: String,
        expecting type: CEL.`Type`? = nil
    ) throws(ConfigurationError) -> Compiler.Outline {
        do throws(SourceError) {
            let outline = try compiler.add(text.text, expecting: type)
            if let doubt = outline.doubts.first { throw doubt }
            fields.note(text, reads: outline.reads, known: names.known)
            return outline
        } catch {
            throw fault(error, in: text, owner)
        }
    }

    package func checkKey(_ part: ExpressionPart, _ key: NamedExpression, _ owner: String) throws(ConfigurationError) {
        switch part.type {
        case .list, .map, .type, .null:
            throw ConfigurationError(
                path: path, position: key.expression.position,
                message: "\(owner): a \(part.type.name) cannot be a key")
        default: return
        }
    }

    /// `isEvents`: the rows are events of the input, whose fields can be read without an expression.
    package func part(
        _ column: NamedExpression, _ compiler: inout Compiler, _ names: StreamEnvironment, _ owner: String,
        isEvents: Bool
    ) throws(ConfigurationError) -> ExpressionPart {
        let root = compiler.rootCount
        let outline = try add(column.expression, to: &compiler, names, "\(owner), '\(column.name)'")
        let isField = isEvents && outline.reads == [column.expression.text]
        return ExpressionPart(
            name: column.name, type: outline.type, root: root,
            field: isField ? fields.columns.firstIndex { $0.name == column.expression.text } : nil)
    }
}
