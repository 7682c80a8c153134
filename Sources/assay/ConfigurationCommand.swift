import Arguments
import Assay

/// Configurations as commands need them.
enum Configurations {
    /// What a file says, and what it comes to.
    struct Loaded {
        let file: Configuration
        let resolved: Configuration.Resolved
    }

    static func load(_ path: String?) throws(Failure) -> Loaded {
        do throws(ConfigurationError) {
            let configuration = if let path { try Configuration.load(path) } else { Configuration() }
            return Loaded(file: configuration, resolved: try configuration.resolve(path: path ?? "the defaults"))
        } catch {
            throw Failure(code: .badConfiguration, message: error.description)
        }
    }
}

/// `assay check-config`.
enum ConfigurationCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        if arguments.flag("print-defaults") { return print(ReferenceConfiguration.text, terminator: "") }
        if arguments.flag("print-schema") { return print(ReferenceConfiguration.schema, terminator: "") }
        guard let path = arguments.operands.first else {
            throw Failure(code: .usage, message: "name a file to check, or use --print-defaults")
        }
        _ = try Configurations.load(path)
        print("\(path): good")
    }
}
