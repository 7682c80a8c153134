import AssayCore

/// Reads where events or transactions come from: several inputs by name.
struct InputReading {
    let path: String
    let kinds: [any SourceKind]
    /// The format of inputs that don't name one.
    let format: InputFormat
    let shared: SharedSettings

    /// As many threads read them.
    private static let mostInputs = 64

    func inputs(
        _ node: YAMLNode, _ members: YAMLMembers
    ) throws(ConfigurationError) -> [NamedInput] {
        var inputs: [NamedInput] = []
        for (name, position, value) in try members.entries(node, "inputs") {
            guard PipelineName.isName(name) else {
                throw members.fault("an input's name has only letters, digits and _, unlike '\(name)'", position)
            }
            inputs.append(NamedInput(name: name, try input(value, name)))
        }
        guard (1...Self.mostInputs).contains(inputs.count) else {
            throw members.fault("'inputs' has 1 to \(Self.mostInputs)", node.position)
        }
        return inputs
    }

    private func input(_ node: YAMLNode, _ name: String) throws(ConfigurationError) -> any SourceDefinition {
        var members = try YAMLMembers(shared.complete(node), "input '\(name)'", path: path)
        for kind in kinds {
            guard let definition = try kind.read(&members, format: format) else { continue }
            try members.finish()
            return definition
        }
        try members.finish()
        throw members.fault("an input is \(kinds.map(\.form).joined(separator: " or "))", node.position)
    }
}
