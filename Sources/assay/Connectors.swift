import Assay

#if PostgreSQL
    import PostgreSQL
#endif

/// The kinds of inputs and outputs that files can name: the only place where a connector is registered.
enum Connectors {
    static let all = ConnectorKinds(
        sources: [FileSourceKind()], outputs: outputs, standardOutput: StandardOutputKind.definition)

    private static var outputs: [any OutputKind] {
        var kinds: [any OutputKind] = [
            StandardOutputKind(), FileOutputKind.jsonLines, FileOutputKind.csv, PartOutputKind(), TableOutputKind(),
        ]
        #if PostgreSQL
            kinds.append(PostgresOutputKind())
        #endif
        return kinds
    }
}
