import Arguments
import Assay
import AssayCore
import Glibc

/// What runs of scoring and of pipelines have in common, from their options to their exit codes.
struct Running {
    let arguments: ParsedArguments
    var parts: RunParts
    let console: Console

    private static let leastMemory: Int64 = 64 << 20

    /// `sizes`: those of the inputs, if they are known.
    init(_ arguments: ParsedArguments, totalBytes: UInt64?) throws(Failure) {
        self.arguments = arguments
        parts = RunParts()
        parts.isLast = true
        parts.isStrict = arguments.flag("strict")
        parts.checkpointIntervalSeconds = Double(arguments.integer("checkpoint-interval") ?? 10_000) / 1000
        parts.checkpointEvery = arguments.integer("checkpoint-every").map { UInt64($0) }
        parts.snapshots = RunOptions.snapshots(arguments)
        parts.memoryBytes = try Self.memory(arguments)
        if let threads = arguments.integer("threads") { parts.threads = Int(threads) }
        console = RunOptions.console(arguments, totalBytes: totalBytes)
        parts.report = { [console] in console.report($0) }
    }

    private static func memory(_ arguments: ParsedArguments) throws(Failure) -> Int {
        // Without checkpoints nothing can be evicted.
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

    /// Adds the options that both kinds of run share to the request.
    func completed(_ request: RunRequest, stateDefault: String) -> RunRequest {
        var request = request
        request.folder = arguments.flag("no-checkpoints") ? nil : arguments.text("state") ?? stateDefault
        if let path = arguments.text("rejects") { request.reject(into: OutputTarget(path: path)) }
        request.expectation = arguments.text("input-is").flatMap { InputExpectation(rawValue: $0) } ?? .auto
        request.isFresh = arguments.flag("fresh")
        request.stopsAtEnd = arguments.flag("until-end")
        request.acceptsGap = arguments.flag("accept-gap")
        request.mayOverwrite = arguments.flag("overwrite")
        request.interruption = parts.interruption.descriptor
        return request
    }

    /// Performs a run; nil when there was nothing to do.
    func carryOut<Stage: RunStage & ~Copyable>(
        _ run: consuming Run<Stage>, _ request: RunRequest, _ stage: (_ sources: Int) -> Stage
    ) throws(Failure) -> RunResult? {
        let isQuiet = arguments.flag("quiet")
        let started = MonotonicClock.seconds
        let preparation: RunPreparation
        do throws(RunFailure) {
            preparation = try RunPreparation.make(request)
        } catch {
            throw Failure(error)
        }
        for warning in preparation.warnings { Diagnostics.warning(warning) }
        if !isQuiet { for notice in preparation.notices { Diagnostics.say(notice) } }
        if preparation.isFinished, !request.inputs.contains(where: { $0.definition.isEndless }) { return nil }
        let result = run.run(stage(preparation.sourceCount), preparation)
        console.end()
        if parts.interruption.isTriggered { sayStopped(result, request) }
        let summary = Summary(result, seconds: MonotonicClock.seconds - started)
        if !isQuiet, result.failure?.kind != .closed { for line in summary.lines { Diagnostics.say(line) } }
        if let warning = summary.warning { Diagnostics.warning(warning) }
        return result
    }

    /// A signal ended the run before its input did.
    private func sayStopped(_ result: RunResult, _ request: RunRequest) {
        if result.failure != nil || arguments.flag("quiet") { return }
        let lines = Figures.grouped(result.counts.since(result.earlier).lines)
        Diagnostics.say(
            "stopped by a signal after \(lines) lines of this run; "
                + (request.folder == nil
                    ? "without checkpoints the same command starts over" : "the same command continues there"))
    }

    /// Ends the command as its options say, once everything is written.
    func end(_ result: RunResult) throws(Failure) {
        try Self.end(result)
        if parts.interruption.isTriggered, let code = arguments.integer("exit-on-signal") { exit(Int32(code)) }
    }

    /// The reader of the output may close it: that ends the command without a message.
    static func end(_ result: RunResult) throws(Failure) {
        guard let failure = result.failure else { return }
        if failure.kind == .closed { exit(ExitCode.closed.rawValue) }
        throw Failure(failure)
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
            case .inputOutput, .closed: .inputOutput
            case .inUse: .inUse
            }
        self.init(code: code, message: failure.message)
    }
}
