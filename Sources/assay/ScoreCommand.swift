import Arguments
import Assay
import Glibc

/// `assay score`.
enum ScoreCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        try RunOptions.checkTogether(
            arguments, input: arguments.operands.first ?? "-", output: "assessments", others: ["memory"])
        // A reload that is asked for while the rules are still being read waits for them.
        if arguments.text("config") != nil { StopSignals.hold(SIGHUP) }
        let configuration = try Configurations.load(arguments.text("config"))
        let inputPath = arguments.operands.first ?? "-"
        let output = OutputTarget(path: arguments.text("output").flatMap { $0 == "-" ? nil : $0 })

        var parts = ScoreRun.Parts()
        parts.settings = configuration.resolved.scoring
        parts.zone = configuration.resolved.zone
        parts.fields = configuration.resolved.fields
        parts.rules = configuration.resolved.rules
        parts.format = arguments.text("format").flatMap { InputFormat(rawValue: $0) } ?? .jsonl
        parts.isStrict = arguments.flag("strict")
        parts.waitsForGrowth = arguments.flag("follow")
        parts.input = try Files.openInput(inputPath)
        parts.checkpointIntervalSeconds = Double(arguments.integer("checkpoint-interval") ?? 10_000) / 1000
        parts.checkpointEvery = arguments.integer("checkpoint-every").map { UInt64($0) }
        parts.snapshots = RunOptions.snapshots(arguments)
        parts.memoryBytes = try memory(arguments)
        parts.threads = arguments.integer("threads").map { Int($0) } ?? ScoreRun.stageCount
        let console = RunOptions.console(arguments, input: parts.input)
        parts.report = { console.report($0) }

        let run = ScoreRun(parts)
        var reload: (@Sendable () -> Void)?
        if let path = arguments.text("config") {
            let (take, present) = (run.reload, configuration.file)
            reload = { Configurations.reload(path, instead: present, take) }
        }
        StopSignals.watch(parts.interruption, checkpoint: run.requestCheckpoint, reload: reload)
        var request = RunOptions.request(arguments, input: parts.input, path: inputPath)
        request.folder = arguments.flag("no-checkpoints") ? nil : arguments.text("state") ?? "Checkpoints"
        request.format = parts.format
        request.output = output
        request.configuration = configuration.file
        request.interruption = parts.interruption.descriptor
        try carryOut(run, parts, request, console, isQuiet: arguments.flag("quiet"))
    }

    /// The reader of the output went away. A file can be read again: up to what was delivered, for a checkpoint there.
    /// Without one the next run goes on from the last checkpoint and delivers some lines twice.
    private static func saveDelivered(
        _ parts: ScoreRun.Parts, _ request: PreparationRequest, upTo offset: UInt64
    ) throws(Failure) {
        guard request.folder != nil, Files.size(parts.input) != nil, offset > 0 else { return }
        var (parts, request) = (parts, request)
        parts.inputEnd = offset
        parts.interruption = Interruption()
        parts.report = { _ in }
        request.interruption = parts.interruption.descriptor
        request.output = OutputTarget(path: "/dev/null")
        request.isFresh = false
        do throws(RunFailure) {
            let preparation = try Preparation.make(request)
            if !preparation.isFinished, preparation.resumesBefore(offset) { _ = ScoreRun(parts).run(preparation) }
        } catch {
            throw Failure(error)
        }
    }

    private static let leastMemory: Int64 = 64 << 20

    private static func memory(_ arguments: ParsedArguments) throws(Failure) -> Int {
        // What is remembered nowhere else can't be let go.
        if arguments.flag("no-checkpoints") { return .max }
        guard let given = arguments.integer("memory") else {
            let pages = sysconf(Int32(_SC_PHYS_PAGES))
            return pages > 0 ? pages / 4 * 3 * sysconf(Int32(_SC_PAGESIZE)) : .max
        }
        guard given >= leastMemory else {
            throw Failure(code: .usage, message: "--memory takes at least 64MiB")
        }
        return Int(given)
    }

    private static func carryOut(
        _ run: consuming ScoreRun, _ parts: ScoreRun.Parts, _ request: PreparationRequest, _ console: Console,
        isQuiet: Bool
    ) throws(Failure) {
        let started = MonotonicClock.seconds
        let preparation: Preparation
        do throws(RunFailure) {
            preparation = try Preparation.make(request)
        } catch {
            throw Failure(error)
        }
        for warning in preparation.warnings { Diagnostics.warning(warning) }
        if !isQuiet { for notice in preparation.notices { Diagnostics.say(notice) } }
        if preparation.isFinished, !parts.waitsForGrowth { return }
        let result = run.run(preparation)
        console.end()
        if !isQuiet {
            for line in Summary(result, seconds: MonotonicClock.seconds - started).lines { Diagnostics.say(line) }
        }
        if result.failure == .outputClosed {
            // A reload has a checkpoint of its own: everything behind the last one is of the rules taken last.
            var (parts, request) = (parts, request)
            if let reload = result.reload {
                (parts.rules, request.configuration) = (reload.rules, reload.configuration)
            }
            try saveDelivered(parts, request, upTo: result.deliveredOffset)
        }
        if let failure = result.failure {
            try end(failure, inputPath: request.inputPath, request)
        }
    }

    private static func end(
        _ failure: ScoreError, inputPath: String, _ request: PreparationRequest
    ) throws(Failure) {
        switch failure {
        case .outputClosed: return
        case .inputFailed(let number):
            throw Failure(
                code: .inputOutput, message: "cannot read '\(inputPath)': \(Diagnostics.explain(number))")
        case .outputFailed(let output, let number):
            let path = (output == .assessments ? request.output.path : request.rejects?.path) ?? "-"
            throw Failure(code: .inputOutput, message: "cannot write '\(path)': \(Diagnostics.explain(number))")
        case .outputNotDurable(let number): throw RunOptions.notDurable(number)
        case .badLine(let rejected):
            throw Failure(
                code: .badData,
                message: "line \(rejected.line) at byte \(rejected.offset), \(rejected.reason.code): "
                    + "\(rejected.message); correct it, or run without --strict")
        case .stateDamaged(let failure), .checkpointsFailed(let failure): throw Failure(failure)
        }
    }
}

extension Failure {
    init(_ failure: RunFailure) {
        let code: ExitCode =
            switch failure.kind {
            case .usage: .usage
            case .badData: .badData
            case .noInput: .noInput
            case .cannotCreate: .cannotCreate
            case .inputOutput: .inputOutput
            case .inUse: .inUse
            }
        self.init(code: code, message: failure.message)
    }
}
