import Assay

/// The kinds of inputs and outputs that files can name: the only place where a connector is registered.
enum Connectors {
    static let all = ConnectorKinds(
        sources: [FileSourceKind()],
        outputs: [
            StandardOutputKind(), FileOutputKind.jsonLines, FileOutputKind.csv, PartOutputKind(), TableOutputKind(),
        ],
        standardOutput: StandardOutputKind.definition)
}
