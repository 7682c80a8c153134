import AssayCore

/// Standard output as an output: each line names its stream.
package struct StandardOutputKind: OutputKind {
    package init() {}

    package static let definition = FileOutput(OutputTarget(path: nil), form: .tagged)

    package var form: String { "stdout" }

    package func read(
        _ node: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> (any OutputDefinition)? {
        guard case .scalar("stdout", _) = node.content else { return nil }
        return Self.definition
    }
}
