import AssayCore

/// An output of a file, and whose rows it takes.
package struct OutputEntry: Sendable {
    var stream: SourceText
    var definition: any OutputDefinition
    var position: TextPosition
    /// Which rows it takes, and which of their columns. Streams have their own.
    var condition: SourceText?
    var columns: [NamedExpression]?
}

extension OutputEntry {
    /// The same as an output for rejected lines.
    func rejects(path: String) throws(ConfigurationError) -> NamedOutput {
        func fault(_ message: String) -> ConfigurationError {
            ConfigurationError(path: path, position: position, message: message)
        }
        guard condition == nil, columns == nil else {
            throw fault("'rejects' goes out whole: it has no 'where' and no 'columns'")
        }
        switch definition.form {
        case .json, .record(key: nil): break
        case .record: throw fault("what is rejected keeps its own key; leave out 'key'")
        case .tagged, .csv, .values: throw fault("'rejects' goes into a file of JSON lines or a topic")
        }
        return NamedOutput(stream: stream.text, definition, columns: nil)
    }
}

/// Reads where streams or assessments go.
struct OutputReading {
    let path: String
    let kinds: [any OutputKind]
    /// Whether outputs may select rows and columns.
    var selects = false
    var shared = SharedSettings()

    /// By stream, one output or a list of them.
    func outputs(
        _ node: YAMLNode, _ members: YAMLMembers
    ) throws(ConfigurationError) -> [OutputEntry] {
        var outputs: [OutputEntry] = []
        for (stream, position, value) in try members.entries(node, "outputs") {
            let name = SourceText(text: stream, position: position, textPosition: position)
            if case .list(let elements) = value.content {
                for element in elements { outputs.append(try output(element, of: name)) }
            } else {
                outputs.append(try output(value, of: name))
            }
        }
        return outputs
    }

    private func output(
        _ node: YAMLNode, of stream: SourceText
    ) throws(ConfigurationError) -> OutputEntry {
        let name = "an output of '\(stream.text)'"
        let (rest, condition, columns) = try selection(lifted(shared.complete(node)), name)
        for kind in kinds {
            guard let definition = try kind.read(rest, name, path: path) else { continue }
            return OutputEntry(
                stream: stream, definition: definition, position: node.position, condition: condition,
                columns: columns)
        }
        let forms = kinds.map(\.form)
        throw ConfigurationError(
            path: path, position: node.position,
            message: "an output is \(forms.dropLast().joined(separator: ", ")) or \(forms.last ?? "nothing")")
    }

    /// The output with `where` and `columns` beside its settings, where they are among them.
    private func lifted(_ node: YAMLNode) -> YAMLNode {
        guard selects, case .map(var outer) = node.content,
            let place = outer.firstIndex(where: { member in kinds.contains { $0.key == member.key } }),
            case .map(var own) = outer[place].value.content
        else { return node }
        for name in ["where", "columns"] {
            guard let inner = own.firstIndex(where: { $0.key == name }) else { continue }
            outer.append(own.remove(at: inner))
        }
        outer[place].value = YAMLNode(content: .map(own), position: outer[place].value.position)
        return YAMLNode(content: .map(outer), position: node.position)
    }

    /// Takes the members that are common to all kinds out of an output's map.
    private func selection(
        _ node: YAMLNode, _ name: String
    ) throws(ConfigurationError) -> (rest: YAMLNode, condition: SourceText?, columns: [NamedExpression]?) {
        guard selects, case .map(let all) = node.content else { return (node, nil, nil) }
        var members = try YAMLMembers(node, name, path: path)
        var condition: SourceText?
        if let node = members.take("where") { condition = try members.text(node, "where") }
        var columns: [NamedExpression]?
        if let node = members.take("columns") {
            columns = []
            for (column, position, value) in try members.entries(node, "columns") {
                guard PipelineName.isName(column) else {
                    throw members.fault("a column's name has only letters, digits and _, unlike '\(column)'", position)
                }
                columns?.append(
                    NamedExpression(name: column, position: position, expression: try members.text(value, column)))
            }
        }
        let rest = all.filter { $0.key != "where" && $0.key != "columns" }
        return (YAMLNode(content: .map(rest), position: node.position), condition, columns)
    }
}
