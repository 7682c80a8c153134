import AssayCore

/// A pipeline file, ready to run: what its streams do, and where its rows come from and go.
package struct Pipeline: Sendable {
    package let plan: StreamPlan
    /// By number.
    package let sinks: [NamedOutput]
    /// Where rejected lines go.
    package let rejects: [NamedOutput]
    /// Who is told of what: their alerts on streams are among the sinks.
    package let alerts: AlertOffice
    /// The streams as the file has them, by name.
    let definitions: [String: PipelineDefinition.Stream]
    /// Where events come from, unless the command line names an input.
    package let inputs: [NamedInput]

    init(
        plan: StreamPlan, sinks: [NamedOutput], rejects: [NamedOutput] = [], alerts: AlertOffice, inputs: [NamedInput],
        definitions: [PipelineDefinition.Stream] = []
    ) {
        self.plan = plan
        self.definitions = Dictionary(uniqueKeysWithValues: definitions.map { ($0.name, $0) })
        self.sinks = sinks
        self.rejects = rejects
        self.alerts = alerts
        self.inputs = inputs
    }

    private static let largestFile = 1 << 20

    /// Reads and compiles a pipeline file. Starts nothing.
    package static func load(_ path: String, _ kinds: ConnectorKinds) throws(ConfigurationError) -> Pipeline {
        try StreamCompiler.compile(try PipelineReading.read(try bytes(path), path: path, kinds))
    }

    /// Reads the file of a running pipeline again: only its patterns may differ.
    package func reloaded(_ path: String, _ kinds: ConnectorKinds) throws(ConfigurationError) -> Pipeline {
        let next = try StreamCompiler.compile(
            try PipelineReading.read(try Self.bytes(path), path: path, kinds), after: plan)
        let difference = PipelineIdentity.difference(from: plan.identity, to: next.plan.identity)
        if let other = difference.other {
            throw ConfigurationError(
                path: path, position: nil,
                message: "a reload takes patterns alone, and this file differs in '\(other)'; start again for that")
        }
        guard next.alerts.settings.identity == alerts.settings.identity else {
            throw ConfigurationError(
                path: path, position: nil,
                message: "a reload takes patterns alone, and this file differs in 'alerts'; start again for that")
        }
        return next
    }

    /// The streams whose patterns differ.
    package func patternsChanged(to next: Pipeline) -> [String] {
        PipelineIdentity.difference(from: plan.identity, to: next.plan.identity).patterns
    }

    private static func bytes(_ path: String) throws(ConfigurationError) -> [UInt8] {
        do throws(FileError) {
            return try readFile(path, atMost: largestFile)
        } catch {
            throw ConfigurationError(path: path, position: nil, message: error.description)
        }
    }

    /// Whether a file is a pipeline and not a configuration. A file that can't be read is neither.
    package static func isPipeline(_ path: String) -> Bool {
        do throws(ConfigurationError) {
            guard let root = try YAMLReader.read(try bytes(path), path: path) else { return false }
            return PipelineReading.isPipeline(root)
        } catch {
            return false
        }
    }

    /// The format of its input.
    package var inputFormat: InputFormat { plan.format }

    /// Each stream with its columns, for people.
    package var outlines: [(name: String, columns: String)] {
        plan.streams.filter { !$0.name.hasPrefix(StreamCompiler.alertPrefix) }.map { stream in
            let columns = stream.columns.map { $0.map { "\($0.name): \($0.type.name)" }.joined(separator: ", ") }
            let whole = if case .score = stream.operation { "assessments" } else { "whole events" }
            return (stream.name, columns ?? whole)
        }
    }
}
