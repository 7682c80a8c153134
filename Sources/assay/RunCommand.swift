import Arguments
import Assay
import Glibc
import Synchronization

/// `assay run`.
enum RunCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        guard let path = arguments.operands.first else { preconditionFailure("the pipeline is a required operand") }
        // A reload that is asked for while the file is still being read waits for it.
        if !arguments.flag("explain") { StopSignals.hold(SIGHUP) }
        let plan = try Pipelines.load(path)
        if arguments.flag("explain") { return try explain(plan, arguments) }
        try checkTogether(arguments)
        let inputPath = arguments.operands.dropFirst().first ?? "-"
        var parts = PipelineRun.Parts(plan)
        parts.waitsForGrowth = arguments.flag("follow")
        parts.keepsOpen = arguments.flag("keep-open")
        parts.input = try Files.openInput(inputPath)
        parts.checkpointIntervalSeconds = Double(arguments.integer("checkpoint-interval") ?? 10_000) / 1000
        parts.checkpointEvery = arguments.integer("checkpoint-every").map { UInt64($0) }
        parts.snapshots = RunOptions.snapshots(arguments)
        let console = RunOptions.console(arguments, input: parts.input)
        parts.report = { console.report($0) }
        let run = PipelineRun(parts)
        StopSignals.watch(
            parts.interruption, checkpoint: run.requestCheckpoint, reload: Pipelines.reload(path, plan, run.reload))
        var request = RunOptions.request(arguments, input: parts.input, path: inputPath)
        request.folder = arguments.flag("no-checkpoints") ? nil : arguments.text("state") ?? stateFolder(path)
        request.definitionPath = path
        request.format = plan.inputFormat
        request.interruption = parts.interruption.descriptor
        try carryOut(run, plan, request, arguments, console, isQuiet: arguments.flag("quiet"))
    }

    /// Each pipeline has one of its own.
    private static func stateFolder(_ path: String) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        let name = file.split(separator: ".").first.map(String.init) ?? file
        return "Checkpoints/\(name)"
    }

    private static func explain(_ plan: StreamPlan, _ arguments: ParsedArguments) throws(Failure) {
        let drawing = PipelineDrawing(plan)
        if let file = arguments.text("svg") {
            try Files.write(drawing.svg, to: file)
            if file == "-" { return }
        }
        print(drawing.text, terminator: "")
    }

    /// Options that make no sense together, or alone.
    private static func checkTogether(_ arguments: ParsedArguments) throws(Failure) {
        if arguments.flag("svg") { throw Failure(code: .usage, message: "--svg draws with --explain") }
        try RunOptions.checkTogether(
            arguments, input: arguments.operands.dropFirst().first ?? "-", output: "streams")
    }

    private static func carryOut(
        _ run: consuming PipelineRun, _ plan: StreamPlan, _ request: PreparationRequest,
        _ arguments: ParsedArguments, _ console: Console, isQuiet: Bool
    ) throws(Failure) {
        let started = MonotonicClock.seconds
        let folder = arguments.text("output-folder") ?? ""
        guard folder.isEmpty || Files.isFolder(folder) else {
            throw Failure(code: .cannotCreate, message: "there is no folder '\(folder)'")
        }
        let preparation: PipelinePreparation
        do throws(RunFailure) {
            preparation = try PipelinePreparation.make(request, plan, outputFolder: folder)
        } catch {
            throw Failure(error)
        }
        if !isQuiet { for notice in preparation.notices { Diagnostics.say(notice) } }
        if preparation.isFinished, !arguments.flag("follow") { return }
        let result = run.run(preparation)
        console.end()
        if !isQuiet {
            for line in Summary(result, seconds: MonotonicClock.seconds - started).lines {
                Diagnostics.say(line)
            }
        }
        if let failure = result.failure { try end(failure, inputPath: request.inputPath) }
    }

    private static func end(_ failure: PipelineError, inputPath: String) throws(Failure) {
        switch failure {
        case .outputFailed(let fault):
            // Whoever read had enough.
            if fault.reason == .closed { return }
            throw Failure(code: .inputOutput, message: fault.message)
        case .inputFailed(let number):
            throw Failure(code: .inputOutput, message: "cannot read '\(inputPath)': \(Diagnostics.explain(number))")
        case .rejectsFailed(let number):
            throw Failure(code: .inputOutput, message: "cannot write the rejects: \(Diagnostics.explain(number))")
        case .outputNotDurable(let number): throw RunOptions.notDurable(number)
        case .stateDamaged(let failure), .checkpointsFailed(let failure): throw Failure(failure)
        }
    }
}

/// Pipelines as commands need them.
enum Pipelines {
    static func load(_ path: String) throws(Failure) -> StreamPlan {
        do throws(ConfigurationError) {
            return try StreamPlan.load(path)
        } catch {
            if let excerpt = error.excerpt { Diagnostics.excerpt(excerpt) }
            throw Failure(code: .badConfiguration, message: error.description)
        }
    }

    /// Reads the file again for its patterns: all of them are taken or none.
    static func reload(
        _ path: String, _ plan: StreamPlan, _ take: @escaping @Sendable (PipelineReload) -> Void
    ) -> @Sendable () -> Void {
        let present = Mutex(plan)
        return {
            present.withLock { present in
                do throws(ConfigurationError) {
                    let reload = try present.reloaded(path)
                    present = reload.plan
                    take(reload)
                } catch {
                    if let excerpt = error.excerpt { Diagnostics.excerpt(excerpt) }
                    Diagnostics.error("the patterns stay as they were: \(error.description)")
                }
            }
        }
    }
}
