import Arguments
import Assay
import AssayCore
import Glibc

/// `assay score`.
enum ScoreCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let inputPath = arguments.operands.first ?? "-"
        try RunOptions.checkTogether(arguments, input: inputPath, output: "assessments")
        // A reload that is requested while the rules are still being read waits for them.
        if arguments.text("config") != nil { StopSignals.hold(SIGHUP) }
        let configuration = try Configurations.load(arguments.text("config"))
        let scoring = try Scoring(arguments, configuration, inputPath: inputPath)
        var running = try Running(arguments, totalBytes: scoring.totalBytes)
        running.parts.keepsOpen = arguments.flag("keep-open")
        let present = PresentRun<ScoringStage>()
        var reload: (@Sendable () -> Void)?
        if let path = arguments.text("config") {
            let file = configuration.file
            reload = { [console = running.console] in
                Configurations.reload(path, instead: file, console, present.change)
            }
        }
        StopSignals.watch(stop: present.stop, checkpoint: present.requestCheckpoint, reload: reload)
        var request = running.completed(scoring.request, stateDefault: "Checkpoints")
        request.definitionPaths = arguments.text("config").map { [$0] + configuration.file.listFiles(of: $0) } ?? []
        let result = try running.carryOut(present, request) { _, former throws(Failure) in
            try scoring.stage(after: former?.configuration)
        }
        guard let result else { return }
        if result.failure?.kind == .closed { try scoring.saveDelivered(running.parts, request, result) }
        try running.end(result, isStopped: present.isStopped)
    }
}

/// The inputs, outputs and settings of scoring.
private struct Scoring {
    let configuration: Configurations.Loaded
    let inputs: [NamedInput]
    private let outputs: [NamedOutput]
    /// What each output gets.
    private let selections: [AssessmentOutput]
    /// The only input, if it is already open.
    private let descriptor: Int32?

    init(
        _ arguments: ParsedArguments, _ configuration: Configurations.Loaded, inputPath: String
    ) throws(Failure) {
        self.configuration = configuration
        let format = arguments.text("format").flatMap { InputFormat(rawValue: $0) } ?? .jsonl
        if configuration.file.inputs.isEmpty {
            let opened = try Files.openInput(inputPath)
            var input = FileInput(path: inputPath, format: format, descriptor: opened)
            input.isFollowed = arguments.flag("follow")
            input.dialect = RunOptions.dialect(arguments)
            (inputs, descriptor) = ([NamedInput(name: NamedInput.onlyName, input)], opened)
        } else {
            guard arguments.operands.isEmpty else {
                throw Failure(code: .usage, message: "the configuration names 'inputs', so INPUT can't be given too")
            }
            (inputs, descriptor) = (configuration.file.inputs, nil)
        }
        if !configuration.file.outputs.isEmpty, arguments.text("output") == nil,
            let option = ["min-level", "output-format"].first(where: { arguments.flag($0) })
        {
            throw Failure(
                code: .usage,
                message: "--\(option) is for -o; the 'outputs' of the configuration have their own 'where' and kinds")
        }
        var outputs: [(NamedOutput, AssessmentOutput)] = []
        do throws(ConfigurationError) {
            if configuration.file.outputs.isEmpty || arguments.text("output") != nil {
                outputs.append(try Self.output(arguments))
            }
            let compiler = AssessmentCompiler(path: arguments.text("config") ?? "")
            for entry in configuration.file.outputs { outputs.append(try compiler.compile(entry)) }
        } catch {
            throw Failure(error)
        }
        self.outputs = outputs.map(\.0)
        selections = outputs.map(\.1)
    }

    /// The output that the command line names.
    private static func output(
        _ arguments: ParsedArguments
    ) throws(ConfigurationError) -> (NamedOutput, AssessmentOutput) {
        let path = arguments.text("output")
        let target = OutputTarget(path: path.flatMap { $0 == "-" ? nil : $0 })
        let form: RowForm = arguments.text("output-format") == "csv" ? .csv(isSafe: false) : .json
        let definition = FileOutput(target, form: form, name: "assessments")
        let least = arguments.text("min-level").flatMap { RiskLevel(label: $0) } ?? .low
        guard form != .json || least > .low else {
            return (NamedOutput(stream: "assessments", definition, columns: nil), .lines)
        }
        return try AssessmentCompiler(path: "--min-level").compile(definition, from: least)
    }

    var totalBytes: UInt64? { descriptor.flatMap { FileInput.bytes(of: $0, format: inputs[0].definition.format) } }

    var request: RunRequest {
        RunRequest.scoring(
            inputs: inputs, outputs: outputs, rejects: configuration.file.rejects, configuration.file,
            zone: configuration.resolved.zone)
    }

    /// `configuration`: that of a reload, as checkpoints record it.
    func stage(after configuration: String?) throws(Failure) -> ScoringStage {
        do throws(ConfigurationError) {
            return stage(rules: try rules(after: configuration))
        } catch {
            throw Failure(error)
        }
    }

    private func rules(after text: String?) throws(ConfigurationError) -> RuleSet? {
        guard let text else { return configuration.resolved.rules }
        return try Configuration.recorded(text).resolve(path: "the reloaded configuration").rules
    }

    private func stage(rules: RuleSet?) -> ScoringStage {
        let resolved = configuration.resolved
        var stage = ScoringStage(
            settings: resolved.scoring, zone: resolved.zone, fields: resolved.fields,
            outputs: selections)
        stage.install(rules)
        return stage
    }

    /// The reader of the output went away. A file can be read again up to what was delivered, for a checkpoint there.
    /// Without one the next run resumes from the last checkpoint and delivers some lines twice.
    func saveDelivered(_ parts: RunParts, _ request: RunRequest, _ result: RunResult) throws(Failure) {
        let offset = result.deliveredOffset
        guard request.folder != nil, let descriptor, Files.size(descriptor) != nil, offset > 0 else { return }
        var (parts, request) = (parts, request)
        parts.inputEnd = offset
        parts.interruption = Interruption()
        parts.report = { _ in }
        let rules: RuleSet?
        do throws(ConfigurationError) {
            // A reload has its own checkpoint: everything after the last one was scored with the last rules.
            rules = try self.rules(after: result.configuration)
        } catch {
            // Its lists may have changed: then the next run resumes from the last checkpoint.
            return
        }
        if let text = result.configuration { request.configuration = text }
        request.interruption = parts.interruption.descriptor
        request.isFresh = false
        request.discardOutputs(unread: result.unread)
        do throws(RunFailure) {
            let preparation = try RunPreparation.make(request)
            guard !preparation.isFinished, preparation.resumesBefore(offset) else { return }
            _ = Run<ScoringStage>(parts).run(stage(rules: rules), preparation)
        } catch {
            throw Failure(error)
        }
    }
}
