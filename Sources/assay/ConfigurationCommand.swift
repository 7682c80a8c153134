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
        _ path: String, instead present: Configuration, _ console: Console, _ take: (RunChange<ScoringStage>) -> Void
    ) {
        do throws(Failure) {
            let loaded = try load(path)
            // A file that is being written, or was emptied by mistake, would take all rules away unseen.
            if loaded.file.isBlank, !present.rules.isEmpty || !present.patterns.isEmpty {
                throw Failure(
                    code: .badConfiguration,
                    message: "\(path) is empty; to have no rules it says 'rules: []'")
            }
            let others = ConfigurationChange.settings(from: present, to: loaded.file)
            guard others.isEmpty else {
                throw Failure(
                    code: .badConfiguration,
                    message: "\(path): a reload only takes rules, patterns and lists, and this file changes "
                        + others.joined(separator: ", ") + "; start again for that")
            }
            console.expect(rules: loaded.resolved.rules?.outlines.count ?? 0)
            take(RunChange(loaded.file, rules: loaded.resolved.rules))
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
        if Pipeline.isPipeline(path) { return try checkPipeline(path) }
        let loaded = try Configurations.load(path)
        var mistakes = Mistakes()
        let compiler = AssessmentCompiler(path: path)
        for entry in loaded.file.outputs {
            mistakes.attempt { () throws(ConfigurationError) in _ = try compiler.compile(entry) }
        }
        do throws(ConfigurationError) {
            try mistakes.throwAll()
        } catch {
            throw Failure(error)
        }
        let rules = loaded.resolved.rules
        for (name, reads) in rules?.outlines ?? [] {
            print("rule \(name) reads \(reads.isEmpty ? "nothing" : reads.joined(separator: ", "))")
        }
        for drawing in rules?.patternDrawings ?? [] { print("pattern \(drawing.heading)") }
        for doubt in loaded.file.doubts { Diagnostics.warning(doubt) }
        print("\(path): good")
    }

    private static func checkPipeline(_ path: String) throws(Failure) {
        for (name, columns) in try Pipelines.load(path).outlines { print("stream \(name) makes \(columns)") }
        print("\(path): good")
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
