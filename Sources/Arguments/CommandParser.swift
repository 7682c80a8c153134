/// The request of a command line.
package enum Invocation: Sendable, Equatable {
    /// The names of the subcommands, and the arguments of the last one.
    case run(path: [String], ParsedArguments)
    /// A text for standard output: help, the version or a completion script.
    case show(String)
}

/// Parses command lines by a declaration.
package struct CommandParser: Sendable {
    private let root: Command
    private let version: String

    package init(_ root: Command, version: String) {
        self.root = root
        self.version = version
    }

    /// Accepted before and after every subcommand.
    static let everywhere = [
        Option.flag("help", short: "h", help: "show this help"),
        Option.flag("version", help: "show the version"),
    ]

    static let completionOption = Option.value(
        "generate-completion", "SHELL", .choice(["bash", "zsh", "fish"]),
        help: "print a completion script for this shell")

    static let manualOption = Option.flag("generate-man", help: "print the manual page")

    static let onlyAtRoot = [completionOption, manualOption]

    /// `arguments` without the program's name.
    package func parse(_ arguments: [String]) throws(UsageError) -> Invocation {
        var state = State(command: root, path: [root.name])
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if state.onlyOperands || argument == "-" || !argument.hasPrefix("-") {
                try state.takeOperand(argument)
            } else if argument == "--" {
                state.onlyOperands = true
            } else if argument.hasPrefix("--") {
                try state.takeLong(argument.dropFirst(2), &rest)
            } else {
                try state.takeShort(argument.dropFirst(), &rest)
            }
        }
        if state.parsed.flag("help") {
            return .show(HelpText(state.command, path: state.path, isRoot: state.path.count == 1).text)
        }
        if state.parsed.flag("version") { return .show("\(root.name) \(version)\n") }
        if let shell = state.parsed.text("generate-completion") {
            return .show(CompletionScript(root).text(for: shell))
        }
        if state.parsed.flag("generate-man") { return .show(ManualPage(root, version: version).text) }
        try state.finish()
        return .run(path: Array(state.path.dropFirst()), state.parsed)
    }

    private struct State {
        var command: Command
        var path: [String]
        var parsed = ParsedArguments()
        var onlyOperands = false

        private var invocation: String { path.joined(separator: " ") }

        private var options: [Option] {
            command.options + CommandParser.everywhere + (path.count == 1 ? CommandParser.onlyAtRoot : [])
        }

        mutating func takeOperand(_ argument: String) throws(UsageError) {
            guard !command.subcommands.isEmpty else {
                let most = command.operands.last?.isRepeated == true ? Int.max : command.operands.count
                guard parsed.operands.count < most else {
                    throw UsageError("unexpected argument '\(argument)'; see '\(invocation) --help'")
                }
                let operand = command.operands[min(parsed.operands.count, command.operands.count - 1)]
                guard operand.kind.parse(argument) != nil else {
                    throw UsageError("\(operand.name) must be \(operand.kind.expectation), not '\(argument)'")
                }
                return parsed.operands.append(argument)
            }
            guard let subcommand = command.subcommands.first(where: { $0.name == argument }) else {
                let near = NearestName.of(argument, among: command.subcommands.map(\.name))
                let hint = near.map { "did you mean '\($0)'?" } ?? "see '\(invocation) --help'"
                throw UsageError("unknown command '\(argument)'; \(hint)")
            }
            command = subcommand
            path.append(subcommand.name)
        }

        mutating func takeLong(_ argument: Substring, _ rest: inout ArraySlice<String>) throws(UsageError) {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard let option = options.first(where: { $0.name == name }) else {
                let near = NearestName.of(name, among: options.map(\.name))
                let hint = near.map { "did you mean '--\($0)'?" } ?? "see '\(invocation) --help'"
                throw UsageError("unknown option '--\(name)'; \(hint)")
            }
            try take(option, shown: "--\(name)", attached: parts.count == 2 ? String(parts[1]) : nil, &rest)
        }

        mutating func takeShort(_ argument: Substring, _ rest: inout ArraySlice<String>) throws(UsageError) {
            var letters = argument
            while let letter = letters.popFirst() {
                guard let option = options.first(where: { $0.short == letter }) else {
                    throw UsageError("unknown option '-\(letter)'; see '\(invocation) --help'")
                }
                let attached = option.placeholder == nil || letters.isEmpty ? nil : String(letters)
                try take(option, shown: "-\(letter)", attached: attached, &rest)
                if attached != nil { return }
            }
        }

        private mutating func take(
            _ option: Option, shown: String, attached: String?, _ rest: inout ArraySlice<String>
        ) throws(UsageError) {
            guard option.placeholder != nil else {
                guard attached == nil else { throw UsageError("\(shown) takes no value") }
                return parsed.values[option.name, default: []].append(.present)
            }
            guard let text = attached ?? rest.popFirst() else {
                throw UsageError("\(shown) takes \(option.kind.expectation)")
            }
            guard let value = option.kind.parse(text) else {
                var message = "\(shown) takes \(option.kind.expectation), not '\(text)'"
                if case .choice(let choices) = option.kind, let near = NearestName.of(text, among: choices) {
                    message += "; did you mean '\(near)'?"
                }
                throw UsageError(message)
            }
            parsed.values[option.name, default: []].append(value)
        }

        func finish() throws(UsageError) {
            guard command.subcommands.isEmpty else {
                throw UsageError("a command is missing; see '\(invocation) --help'")
            }
            let missing = command.operands.dropFirst(parsed.operands.count).first(where: \.isRequired)
            if let missing { throw UsageError("\(missing.name) is missing; see '\(invocation) --help'") }
        }
    }
}
