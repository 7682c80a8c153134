import Arguments
import Assay
import AssayCore

/// Loads configurations for commands.
enum Configurations {
    /// The content of a file, and what it resolves to.
    struct Loaded {
        let file: Configuration
        let resolved: Configuration.Resolved
    }

    static func load(_ path: String?) throws(Failure) -> Loaded {
        do throws(ConfigurationError) {
            let configuration =
                if let path { try Configuration.load(path, Connectors.all) } else { Configuration() }
            return Loaded(file: configuration, resolved: try configuration.resolve(path: path ?? "the defaults"))
        } catch {
            throw Failure(error)
        }
    }
}

extension Configurations {
    /// Reads the file's rules and lists again: all of them are taken or none.
    static func reload(
        _ path: String, instead present: Configuration, _ console: Console, _ take: (Loaded) -> Void
    ) {
        do throws(Failure) {
            let loaded = try load(path)
            // A file that is being written, or was emptied by mistake, would take all rules away unseen.
            if loaded.file.isBlank, !present.rules.isEmpty || !present.patterns.isEmpty {
                throw Failure(
                    code: .badConfiguration,
                    message: "\(path) is empty; to have no rules it says 'rules: []'")
            }
            var others = ConfigurationChange.settings(from: present, to: loaded.file)
            if present.alerts.identity != loaded.file.alerts.identity { others.append("alerts") }
            if present.review?.identity != loaded.file.review?.identity { others.append("review") }
            guard others.isEmpty else {
                throw Failure(
                    code: .badConfiguration,
                    message: "\(path): a reload only takes rules, patterns and lists, and this file changes "
                        + others.joined(separator: ", ") + "; start again for that")
            }
            console.expect(rules: loaded.resolved.rules?.outlines.count ?? 0)
            take(loaded)
        } catch {
            Diagnostics.error("the rules stay as they were: \(error.message)")
        }
    }
}

/// `assay check-config`.
enum ConfigurationCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        if arguments.flag("print-defaults") { return print(ReferenceConfiguration.text, terminator: "") }
        if arguments.flag("print-schema") { return print(ReferenceConfiguration.schema, terminator: "") }
        if arguments.flag("print-variables") { return printVariables() }
        guard let path = arguments.operands.first else {
            throw Failure(code: .usage, message: "name a file to check, or use --print-defaults")
        }
        if Pipeline.isPipeline(path) { return try checkPipeline(path, connects: arguments.flag("connect")) }
        let loaded = try Configurations.load(path)
        var mistakes = Mistakes()
        let compiler = AssessmentCompiler(path: path)
        var outputs: [NamedOutput] = []
        for entry in loaded.file.outputs {
            mistakes.attempt { () throws(ConfigurationError) in outputs.append(try compiler.compile(entry).0) }
        }
        let office = AlertOffice(loaded.file.alerts)
        for rule in office.settings.rules where rule.subject == .assessments {
            mistakes.attempt { () throws(ConfigurationError) in _ = try compiler.compile(rule, office) }
        }
        if let review = loaded.file.review {
            mistakes.attempt { () throws(ConfigurationError) in _ = try compiler.compile(review) }
        }
        mistakes.attempt { () throws(ConfigurationError) in
            _ = try EngineAlerts.compile(office.settings, path: path)
        }
        do throws(ConfigurationError) {
            try mistakes.throwAll()
        } catch {
            throw Failure(error)
        }
        try checkClaims(
            .scoring(
                inputs: loaded.file.inputs, outputs: outputs, rejects: loaded.file.rejects, loaded.file,
                zone: loaded.resolved.zone), path)
        let rules = loaded.resolved.rules
        for (name, reads) in rules?.outlines ?? [] {
            print("rule \(name) reads \(reads.isEmpty ? "nothing" : reads.joined(separator: ", "))")
        }
        for drawing in rules?.patternDrawings ?? [] { print("pattern \(drawing.heading)") }
        tell(office.settings)
        for doubt in loaded.file.doubts { Diagnostics.warning(doubt) }
        if arguments.flag("connect") { try connect(loaded.file.inputs, outputs + loaded.file.rejects) }
        print("\(path): good")
    }

    private static func checkPipeline(_ path: String, connects: Bool) throws(Failure) {
        let pipeline = try Pipelines.load(path)
        try checkClaims(.pipeline(pipeline, inputs: pipeline.inputs), path)
        for (name, columns) in pipeline.outlines { print("stream \(name) makes \(columns)") }
        do throws(ConfigurationError) {
            _ = try EngineAlerts.compile(pipeline.alerts.settings, path: path)
        } catch {
            throw Failure(error)
        }
        tell(pipeline.alerts.settings)
        if connects { try connect(pipeline.inputs, pipeline.sinks + pipeline.rejects) }
        print("\(path): good")
    }

    /// What is told whom; a channel that could not send as things are is told as a warning.
    private static func tell(_ settings: AlertSettings) {
        for rule in settings.rules {
            print("alert \(rule.name) on \(rule.on.text) goes to \(rule.channels.joined(separator: ", "))")
        }
        for (name, channel) in settings.channels {
            do throws(ChannelFault) {
                try channel.check()
            } catch {
                Diagnostics.warning("channel '\(name)' cannot send: \(error.message)")
            }
        }
    }

    /// What a run would refuse before it looks at any input.
    private static func checkClaims(_ request: RunRequest, _ path: String) throws(Failure) {
        do throws(RunFailure) {
            try request.checkClaims()
        } catch {
            throw Failure(code: .badConfiguration, message: "\(path): \(error.message)")
        }
    }

    /// All together; what has begun by then may take a server's ten seconds more.
    private static let connectSeconds = 9.0

    /// Tries inputs and outputs, and tells of each; the first failure ends the command after the others were tried.
    private static func connect(_ inputs: [NamedInput], _ outputs: [NamedOutput]) throws(Failure) {
        var failure: Failure?
        let end = MonotonicClock.seconds + connectSeconds
        func attempt(_ body: () throws(RunFailure) -> String?) {
            do throws(RunFailure) {
                guard MonotonicClock.seconds < end else {
                    throw RunFailure(.cannotCreate, "the others were not tried: those before took too long")
                }
                if let title = try body() { print("\(title): reached") }
            } catch {
                if failure?.message == error.message { return }
                if let failure { Diagnostics.error(failure.message) }
                failure = Failure(error)
            }
        }
        for input in inputs {
            attempt { () throws(RunFailure) in
                let title = try input.definition.probe(seconds: max(0, end - MonotonicClock.seconds))
                return "input \(input.name) from \(title)"
            }
        }
        for output in outputs {
            attempt { () throws(RunFailure) in try output.probe(seconds: max(0, end - MonotonicClock.seconds)) }
        }
        if let failure { throw failure }
    }

    private static func printVariables() {
        let rows = RuleReference.variables
        let name = rows.map(\.name.utf8.count).max() ?? 0
        let type = rows.map(\.type.utf8.count).max() ?? 0
        for row in rows {
            let nameSpace = String(repeating: " ", count: name - row.name.utf8.count + 2)
            let typeSpace = String(repeating: " ", count: type - row.type.utf8.count + 2)
            print("\(row.name)\(nameSpace)\(row.type)\(typeSpace)\(row.help)")
        }
    }
}
