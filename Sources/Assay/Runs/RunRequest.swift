import AssayCore
import CivilTime
import StateStore

/// What a run is asked to do, before any file is looked at.
package struct RunRequest {
    /// Words for messages about the run.
    package struct Words {
        /// What has states.
        let keys: String
        /// What happens to an input.
        let done: String

        package static let scoring = Words(keys: "users", done: "scored")
        package static let pipeline = Words(keys: "keys", done: "read")
    }

    /// The folder of the state; nil to keep none.
    package var folder: String?
    package var inputs: [NamedInput]
    package var outputs: [NamedOutput]
    /// Where rejected lines go; reported one by one without any.
    package var rejects: [NamedOutput] = []
    /// What is written down of the input; only with checkpoints.
    package var ledger: (any LedgerDefinition)?
    package var expectation = InputExpectation.auto
    /// Whether it goes on where an input has lost what the checkpoint names.
    package var acceptsGap = false
    /// Whether endless inputs end where they end now.
    package var stopsAtEnd = false
    package var isFresh = false
    package var mayOverwrite = false
    /// A file of labels that come by their own time.
    package var labels: LabelFile?
    /// Prepended to output names that are not absolute.
    package var outputFolder = ""
    package var zone = TimeZoneRules.utc
    /// The configuration or pipeline, as checkpoints record it.
    package var configuration: String
    /// The file that defines the run, which no output may be.
    package var definitionPaths: [String] = []
    /// Becomes readable when waiting for a replayed pipe has to end.
    package var interruption: Int32 = -1
    /// The functions that keep state; the first one says whose it is.
    let functions: [(id: Int64, name: String)]
    let words: Words
    /// Compares the configuration of the last checkpoint with the current one. Returns warnings.
    let compare: (_ recorded: String) throws(RunFailure) -> [String]
    /// Whether a checkpoint is of a stage that has ended.
    let hasEnded: (StageRecord) -> Bool

    /// The names of its outputs, and of those for rejected lines.
    var sinkNames: [String] { (outputs + rejects).map(\.name) }

    /// Refuses outputs that are claimed twice, or are an input too.
    package func checkClaims() throws(RunFailure) {
        var claims = RunClaims(self)
        try claims.check(self)
    }

    /// Adds the file of the command line.
    package mutating func reject(into target: OutputTarget) {
        rejects.append(
            NamedOutput(
                stream: NamedOutput.rejects,
                FileOutput(target, form: .json, name: NamedOutput.rejects), columns: nil))
    }

    /// Discards what is written: only checkpoints are wanted. Sinks that count their rows have them already, and stay,
    /// so that the checkpoint knows their counts. `unread`: what the readers of pipes had not taken, by
    /// output.
    package mutating func discardOutputs(unread: [String: [UInt8]]) {
        outputs = outputs.map { output in
            if output.form == .values { return output }
            return NamedOutput(
                stream: output.stream,
                FileOutput(
                    OutputTarget(path: "/dev/null"), form: output.form, name: output.name,
                    unread: unread[output.name] ?? []),
                columns: output.columns)
        }
    }

    /// A request for scoring alone.
    package static func scoring(
        inputs: [NamedInput], outputs: [NamedOutput], rejects: [NamedOutput] = [], _ configuration: Configuration,
        zone: TimeZoneRules
    ) -> RunRequest {
        RunRequest(
            inputs: inputs, outputs: outputs, rejects: rejects, zone: zone,
            configuration: ReferenceConfiguration.yaml(configuration, commented: false),
            // A mark in a journal may turn learning on at any time.
            functions: [
                (ScoringStage.functionNumber, ScoringStage.functionName),
                (ScoringStage.learningFunctionNumber, ScoringStage.learningFunctionName),
            ],
            words: .scoring,
            compare: { recorded in ConfigurationChange.warnings(from: recorded, to: configuration) },
            hasEnded: { _ in true })
    }

    /// A request for a pipeline.
    package static func pipeline(_ pipeline: Pipeline, inputs: [NamedInput]) -> RunRequest {
        let identity = pipeline.plan.identity
        return RunRequest(
            inputs: inputs, outputs: pipeline.sinks, rejects: pipeline.rejects, zone: pipeline.plan.zone,
            configuration: identity,
            functions: [(StreamStage.functionNumber, StreamStage.functionName)], words: .pipeline,
            compare: { recorded throws(RunFailure) in
                // Patterns may differ: their open sequences end, and that is reported.
                guard let difference = PipelineIdentity.difference(from: recorded, to: identity).other else {
                    return []
                }
                throw RunFailure(
                    .badData,
                    "the pipeline is not that of the last checkpoint, it differs in '\(difference)'; use the previous "
                        + "one, name another folder with --state, or start over with --fresh")
            },
            hasEnded: StreamStage.hasEnded)
    }
}
