import Assay

#if Kafka
    import Kafka
#endif
#if Notifiers
    import Notifiers
#endif
#if PostgreSQL
    import PostgreSQL
#endif

/// The kinds of inputs and outputs that files can name: the only place where a connector is registered.
enum Connectors {
    static let all = ConnectorKinds(
        sources: sources, outputs: outputs, channels: channels, standardOutput: StandardOutputKind.definition)

    private static var sources: [any SourceKind] {
        var kinds: [any SourceKind] = [FileSourceKind()]
        #if Kafka
            kinds.append(KafkaSourceKind())
        #endif
        return kinds
    }

    private static var channels: [any ChannelKind] {
        var kinds: [any ChannelKind] = [LineChannelKind.file, LineChannelKind.standardOutput]
        #if Notifiers
            kinds += [SlackKind(), PagerDutyKind(), MailKind(), WebhookKind(), AlertmanagerKind()] as [any ChannelKind]
        #endif
        return kinds
    }

    private static var outputs: [any OutputKind] {
        var kinds: [any OutputKind] = [
            StandardOutputKind(), FileOutputKind.jsonLines, FileOutputKind.csv, PartOutputKind(), TableOutputKind(),
        ]
        #if Kafka
            kinds.append(KafkaOutputKind())
        #endif
        #if PostgreSQL
            kinds.append(PostgresOutputKind())
        #endif
        return kinds
    }
}
