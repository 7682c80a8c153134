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

/// Reads where streams or assessments go.
struct OutputReading {
    let path: String
    let kinds: [any OutputKind]
    /// Whether outputs may select rows and columns.
    var selects = false
    /// By the key of a kind, the settings that its outputs share.
    var shared: [String: YAMLNode] = [:]

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
        let (rest, condition, columns) = try selection(completed(node), name)
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

    /// The output with what its kind shares, where it lacks that; `where` and `columns` are moved out of its settings.
    private func completed(_ node: YAMLNode) -> YAMLNode {
        guard case .map(let all) = node.content,
            let place = all.firstIndex(where: { member in kinds.contains { $0.key == member.key } }),
            case .map(var own) = all[place].value.content
        else { return node }
        if case .map(let common)? = shared[all[place].key]?.content {
            own += common.filter { member in !own.contains { $0.key == member.key } }
        }
        var outer = all
        for name in ["where", "columns"] where selects {
            guard let inner = own.firstIndex(where: { $0.key == name }) else { continue }
            outer.append(own.remove(at: inner))
        }
        outer[place].value = YAMLNode(content: .map(own), position: all[place].value.position)
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
