import Arguments
import Assay
import AssayCore
import Glibc

/// What runs of scoring and of pipelines have in common, from their options to their exit codes.
struct Running {
    let arguments: ParsedArguments
    var parts: RunParts
    let console: Console
    private let listening: Listening?
    private let alerting: Alerting?

    private static let leastMemory: Int64 = 64 << 20

    /// `totalBytes`: those of the inputs, if they are known.
    init(
        _ arguments: ParsedArguments, totalBytes: UInt64?, _ listening: Listening?, _ alerting: Alerting?
    ) throws(Failure) {
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
        (self.listening, self.alerting) = (listening, alerting)
        if let alerting {
            parts.metrics = RunMetrics(alerts: alerting.office.figures)
            alerting.office.tell { [console] in console.report(.input($0)) }
        } else if listening != nil {
            parts.metrics = RunMetrics()
        }
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
        return request
    }

    /// Performs runs until there is an end; nil when there was nothing to do. `stage`: for what was prepared,
    /// with what the run before had changed.
    func carryOut<Stage: RunStage & ~Copyable>(
        _ present: PresentRun<Stage>, _ request: RunRequest,
        _ stage: (_ preparation: borrowing RunPreparation, _ former: RunResult?) throws(Failure) -> Stage
    ) throws(Failure) -> RunResult? {
        let started = MonotonicClock.seconds
        var request = request
        var former: RunResult?
        // Who looks at the alerts sees the last of them, too.
        defer { listening?.stop() }
        defer { alerting?.finish() }
        while true {
            guard
                var result = try performOne(
                    present, request,
                    ready: { () throws(Failure) in
                        // It has the lock of its state, and another process that waits for it has no address to lose.
                        try listening?.begin(parts.metrics, folder: request.folder)
                        try alerting?.begin(folder: request.folder, parts.metrics, memoryBytes: parts.memoryBytes)
                    }, { preparation throws(Failure) in try stage(preparation, former) })
            else { return nil }
            if let former { result.follow(former) }
            if result.hasGrown, result.failure == nil, !present.isStopped {
                request.isFresh = false
                if let configuration = result.configuration { request.configuration = configuration }
                former = result
                continue
            }
            end(result, request, isStopped: present.isStopped, started)
            return result
        }
    }

    private func performOne<Stage: RunStage & ~Copyable>(
        _ present: PresentRun<Stage>, _ request: RunRequest, ready: () throws(Failure) -> Void,
        _ stage: (_ preparation: borrowing RunPreparation) throws(Failure) -> Stage
    ) throws(Failure) -> RunResult? {
        var (parts, request) = (parts, request)
        parts.interruption = Interruption()
        request.interruption = parts.interruption.descriptor
        let run = Run<Stage>(parts)
        present.begin(run, parts.interruption)
        let preparation: RunPreparation
        do throws(RunFailure) {
            preparation = try RunPreparation.make(request)
        } catch {
            guard error.kind == .stopped else { throw Failure(error) }
            Diagnostics.say(error.message)
            exit(Int32(arguments.integer("exit-on-signal") ?? 0))
        }
        for warning in preparation.warnings { Diagnostics.warning(warning) }
        if !arguments.flag("quiet") { for notice in preparation.notices { Diagnostics.say(notice) } }
        if preparation.isFinished, !request.inputs.contains(where: { $0.definition.isEndless }) {
            // What could not be sent yet is sent by whoever has the lock of the state.
            try alerting?.begin(folder: request.folder, nil, memoryBytes: parts.memoryBytes)
            alerting?.finish()
            _ = consume preparation
            return nil
        }
        try ready()
        return run.run(try stage(preparation), preparation)
    }

    private func end(_ result: RunResult, _ request: RunRequest, isStopped: Bool, _ started: Double) {
        let isQuiet = arguments.flag("quiet")
        console.end()
        if isStopped { sayStopped(result, request) }
        let summary = Summary(result, seconds: MonotonicClock.seconds - started)
        if !isQuiet, result.failure?.kind != .closed { for line in summary.lines { Diagnostics.say(line) } }
        if let warning = summary.warning { Diagnostics.warning(warning) }
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
    func end(_ result: RunResult, isStopped: Bool) throws(Failure) {
        try Self.end(result)
        if isStopped, let code = arguments.integer("exit-on-signal") { exit(Int32(code)) }
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
            case .inputOutput, .closed, .stopped: .inputOutput
            case .inUse: .inUse
            }
        self.init(code: code, message: failure.message)
    }
}
