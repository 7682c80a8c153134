import AssayCore
import CivilTime
import StateStore

/// What a run is asked to do, before anything is looked at in the world.
package struct RunRequest {
    /// How people are told of it.
    package struct Words {
        /// What states are of.
        let keys: String
        /// What is done with an input.
        let done: String

        package static let scoring = Words(keys: "users", done: "scored")
        package static let pipeline = Words(keys: "keys", done: "read")
    }

    /// Where state is kept; nil to keep none.
    package var folder: String?
    package var inputs: [NamedInput]
    package var outputs: [NamedOutput]
    package var rejects: OutputTarget?
    package var expectation = InputExpectation.auto
    package var isFresh = false
    package var mayOverwrite = false
    /// In front of outputs whose names are not absolute.
    package var outputFolder = ""
    package var zone = TimeZoneRules.utc
    /// The configuration, or the pipeline, as checkpoints record it.
    package var configuration: String
    /// The file that says what is done, which no output may take.
    package var definitionPath: String?
    /// Becomes readable when a replayed pipe shall not be waited for any longer.
    package var interruption: Int32 = -1
    let function: (id: Int64, name: String)
    let words: Words
    /// Compares the configuration of the last checkpoint with the present one. Returns warnings.
    let compare: (_ recorded: String) throws(RunFailure) -> [String]
    /// Whether a checkpoint is of a stage that is at its end.
    let hasEnded: (StageRecord) -> Bool

    /// What is written goes nowhere: checkpoints alone are wanted.
    package mutating func discardOutputs() {
        outputs = outputs.map { output in
            NamedOutput(
                stream: output.stream,
                FileOutput(OutputTarget(path: "/dev/null"), form: output.form, name: output.name),
                columns: output.columns)
        }
    }

    /// Of scoring alone.
    package static func scoring(
        inputs: [NamedInput], outputs: [NamedOutput], _ configuration: Configuration, zone: TimeZoneRules
    ) -> RunRequest {
        RunRequest(
            inputs: inputs, outputs: outputs, zone: zone,
            configuration: ReferenceConfiguration.yaml(configuration, commented: false),
            function: (ScoringStage.functionNumber, ScoringStage.functionName), words: .scoring,
            compare: { recorded in ConfigurationChange.warnings(from: recorded, to: configuration) },
            hasEnded: { _ in true })
    }

    /// Of a pipeline.
    package static func pipeline(_ pipeline: Pipeline, inputs: [NamedInput]) -> RunRequest {
        let identity = pipeline.plan.identity
        return RunRequest(
            inputs: inputs, outputs: pipeline.sinks, zone: pipeline.plan.zone, configuration: identity,
            function: (StreamStage.functionNumber, StreamStage.functionName), words: .pipeline,
            compare: { recorded throws(RunFailure) in
                // Patterns may be other ones: what had begun of them ends, and that is reported.
                guard let difference = PipelineIdentity.difference(from: recorded, to: identity).other else {
                    return []
                }
                throw RunFailure(
                    .badData,
                    "the pipeline is not that of the last checkpoint, it differs in '\(difference)'; go on with the "
                        + "one before, name another folder with --state, or start over with --fresh")
            },
            hasEnded: StreamStage.hasEnded)
    }
}
