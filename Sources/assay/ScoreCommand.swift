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
        let alerting = try Alerting(
            scoring.outputs.office, beside: scoring.outputs.all, path: arguments.text("config") ?? "", arguments)
        let listening = try Listening(arguments, for: configuration)
        var running = try Running(arguments, totalBytes: scoring.totalBytes, listening, alerting)
        running.parts.keepsOpen = arguments.flag("keep-open")
        let present = PresentRun<ScoringStage>()
        var reload: (@Sendable () -> Void)?
        if let path = arguments.text("config") {
            let file = configuration.file
            reload = { [console = running.console] in
                Configurations.reload(path, instead: file, console) { loaded in
                    present.change(RunChange(loaded.file, rules: loaded.resolved.rules))
                    listening?.show(loaded)
                }
            }
        }
        StopSignals.watch(stop: present.stop, checkpoint: present.requestCheckpoint, reload: reload)
        var request = running.completed(scoring.request, stateDefault: "Checkpoints")
        request.labels = scoring.labels
        request.definitionPaths = arguments.text("config").map { [$0] + configuration.file.listFiles(of: $0) } ?? []
        let result = try running.carryOut(present, request) { preparation, former throws(Failure) in
            try scoring.stage(after: former?.configuration ?? preparation.markedConfiguration)
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
    let outputs: ScoringOutputs
    /// Labels that come by their own time.
    let labels: LabelFile?
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
        outputs = try ScoringOutputs(arguments, configuration.file)
        labels = try Self.labels(arguments, configuration)
    }

    private static func labels(
        _ arguments: ParsedArguments, _ configuration: Configurations.Loaded
    ) throws(Failure) -> LabelFile? {
        guard let path = arguments.text("labels") else { return nil }
        guard configuration.resolved.scoring.learning.isEnabled else {
            throw Failure(
                code: .usage, message: "--labels are for learning; the configuration needs 'learning: {enabled: true}'")
        }
        let file = try Files.labels(path, zone: configuration.resolved.zone)
        if let line = file.firstWithoutTime {
            throw Failure(
                code: .badData, message: "\(path):\(line): the label has no timestamp, so it has no time to come")
        }
        return file
    }

    var totalBytes: UInt64? { descriptor.flatMap { FileInput.bytes(of: $0, format: inputs[0].definition.format) } }

    var request: RunRequest {
        RunRequest.scoring(
            inputs: inputs, outputs: outputs.all, rejects: configuration.file.rejects, configuration.file,
            zone: configuration.resolved.zone)
    }

    /// `configuration`: that of a reload or of a mark in the input, as checkpoints record it.
    func stage(after configuration: String?) throws(Failure) -> ScoringStage {
        do throws(ConfigurationError) {
            return stage(try plan(after: configuration))
        } catch {
            throw Failure(error)
        }
    }

    private func plan(after text: String?) throws(ConfigurationError) -> ScoringPlan {
        if let text { return try Configuration.recordedPlan(text) }
        return configuration.file.plan(configuration.resolved)
    }

    private func stage(_ plan: ScoringPlan) -> ScoringStage {
        var stage = ScoringStage(
            settings: plan.settings, zone: plan.zone, fields: plan.fields, outputs: outputs.selections,
            journal: .takingOver())
        stage.install(plan.rules)
        if let labels, plan.settings.learning.isEnabled { stage.deliver(labels.scheduled()) }
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
        let plan: ScoringPlan
        do throws(ConfigurationError) {
            // A reload has its own checkpoint: everything after the last one was scored with the last rules.
            plan = try self.plan(after: result.configuration)
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
            _ = Run<ScoringStage>(parts).run(stage(plan), preparation)
        } catch {
            throw Failure(error)
        }
    }
}
