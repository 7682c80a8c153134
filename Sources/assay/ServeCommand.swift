import Arguments
import Assay
import AssayCore
import Glibc

#if Service
    import Service

    /// `assay serve`.
    enum ServeCommand {
        static func run(_ arguments: ParsedArguments) throws(Failure) {
            if let name = arguments.text("new-token") { return try printToken(name, arguments) }
            // A reload that is requested while the rules are still being read waits for them.
            StopSignals.hold(SIGHUP)
            try check(arguments)
            let serving = try Serving(arguments)
            guard
                let listening = try Listening(
                    arguments, address: defaultAddress, serving.service,
                    content: DeskContent(serving.configuration.file, serving.configuration.resolved.rules))
            else {
                preconditionFailure("there is an address")
            }
            let alerting = try Alerting(
                serving.outputs.office, beside: serving.outputs.all, path: arguments.text("config") ?? "", arguments)
            var running = try Running(arguments, totalBytes: nil, listening, alerting)
            running.parts.isInline = true
            // Who sent a line that is rejected is told so.
            running.parts.report = { [console = running.console] report in
                if case .rejected = report { return }
                console.report(report)
            }
            let present = PresentRun<ScoringStage>()
            serving.service.ask = { present.ask($0) }
            let drainSeconds = Double(arguments.integer("drain") ?? 10_000) / 1000
            StopSignals.watch(
                stop: {
                    // Beside the thread that waits for signals: a second one ends the process at once.
                    _ = WorkerThread {
                        listening.drain(seconds: drainSeconds)
                        present.stop()
                    }
                }, checkpoint: present.requestCheckpoint,
                reload: { [console = running.console] in
                    listening.reload()
                    serving.reload(console, listening)
                })
            var request = running.completed(serving.request, stateDefault: serving.folder)
            request.rejects = []
            request.ledger = serving.service.ledger
            let result = try running.carryOut(present, request) { preparation, _ throws(Failure) in
                try serving.stage(preparation.markedConfiguration)
            }
            if let result { try running.end(result, isStopped: present.isStopped) }
        }

        private static let defaultAddress = "127.0.0.1:8080"

        private static func check(_ arguments: ParsedArguments) throws(Failure) {
            if arguments.integer("checkpoint-interval") == 0 {
                throw Failure(code: .usage, message: "--checkpoint-interval takes a time above 0")
            }
            if arguments.flag("snapshots-keep"), !arguments.flag("snapshot-interval") {
                throw Failure(code: .usage, message: "--snapshots-keep needs --snapshot-interval")
            }
            if arguments.flag("scopes") { throw Failure(code: .usage, message: "--scopes is for --new-token") }
        }

        private static func printToken(_ name: String, _ arguments: ParsedArguments) throws(Failure) {
            guard let new = Tokens.new(name, scopes: arguments.text("scopes") ?? "") else {
                throw Failure(
                    code: .usage,
                    message: "--new-token takes a name without spaces, and --scopes one or more of "
                        + "score,label,read,review,admin")
            }
            print("token: \(new.token)\nline:  \(new.line)")
        }
    }

    /// The service, the outputs and the configuration of a command.
    private struct Serving {
        let service: ScoringService
        let folder: String
        private let path: String?
        let configuration: Configurations.Loaded
        private let alone: Configuration
        let outputs: ScoringOutputs

        init(_ arguments: ParsedArguments) throws(Failure) {
            path = arguments.text("config")
            configuration = try Configurations.load(path)
            guard configuration.file.inputs.isEmpty, configuration.file.rejects.isEmpty else {
                throw Failure(
                    code: .usage,
                    message:
                        "requests are the input: the configuration can't name 'inputs', nor outputs for 'rejects', "
                        + "which --rejects appends to a file")
            }
            alone = try Self.alone(configuration.file, path)
            outputs = try ScoringOutputs(arguments, configuration.file, hasOtherPlace: true)
            folder = arguments.text("state") ?? "Checkpoints"
            var options = ScoringService.Options(folder: folder)
            options.isDurable = arguments.text("durable") != "memory"
            options.journalKeepSeconds = (arguments.integer("journal-keep") ?? 7 * 86_400_000) / 1000
            options.answersKeepSeconds = (arguments.integer("answers-keep") ?? 86_400_000) / 1000
            options.answersMost = Int(arguments.integer("answers-limit") ?? 1_000_000)
            options.rejects = arguments.text("rejects")
            service = ScoringService(options)
            service.learns = configuration.resolved.scoring.learning.isEnabled
            service.want(alone.plan(configuration.resolved).configuration)
        }

        private static func alone(_ file: Configuration, _ path: String?) throws(Failure) -> Configuration {
            do throws(ConfigurationError) {
                return try file.standingAlone(path: path ?? "")
            } catch {
                throw Failure(error)
            }
        }

        var request: RunRequest {
            var request = RunRequest.scoring(
                inputs: [service.input], outputs: [service.output] + outputs.all, alone,
                zone: configuration.resolved.zone)
            request.definitionPaths = path.map { [$0] + configuration.file.listFiles(of: $0) } ?? []
            return request
        }

        /// `recorded`: the configuration of the checkpoint, which holds until the next mark.
        func stage(_ recorded: String?) throws(Failure) -> ScoringStage {
            service.recordedConfiguration = recorded
            do throws(ConfigurationError) {
                let plan =
                    if let recorded { try Configuration.recordedPlan(recorded) } else {
                        alone.plan(configuration.resolved)
                    }
                var stage = ScoringStage(
                    settings: plan.settings, zone: plan.zone, fields: plan.fields,
                    outputs: [.lines] + outputs.selections, journal: .takingOver(isCertain: true))
                stage.install(plan.rules)
                return stage
            } catch {
                throw Failure(error)
            }
        }

        /// Reads the file again: what follows is scored by what it says now.
        func reload(_ console: Console, _ listening: Listening) {
            guard let path else { return }
            Configurations.reload(path, instead: configuration.file, console) { loaded in
                do throws(Failure) {
                    let alone = try Self.alone(loaded.file, path)
                    service.want(alone.plan(loaded.resolved).configuration)
                    listening.show(loaded)
                    Diagnostics.say("reloaded: \(loaded.resolved.rules?.outlines.count ?? 0) rules hold from now on")
                } catch {
                    Diagnostics.error("the rules stay as they were: \(error.message)")
                }
            }
        }
    }
#else
    enum ServeCommand {
        static func run(_ arguments: ParsedArguments) throws(Failure) {
            throw Failure(code: .usage, message: "this assay was built without the trait 'Service'")
        }
    }
#endif
