/// Completion scripts for the three common shells, generated from a command's declaration.
struct CompletionScript {
    private let root: Command

    init(_ root: Command) {
        self.root = root
    }

    /// The option's declaration lists the shells.
    func text(for shell: String) -> String {
        switch shell {
        case "bash": bash
        case "zsh": zsh
        default: fish
        }
    }

    private var function: String { "_" + root.name.replacing("-", with: "_") }

    /// Every command with the words before it, the root first.
    private var commands: [(path: [String], command: Command)] {
        func walk(_ command: Command, _ path: [String]) -> [(path: [String], command: Command)] {
            [(path, command)] + command.subcommands.flatMap { walk($0, path + [$0.name]) }
        }
        return walk(root, [])
    }

    private func options(_ command: Command, isRoot: Bool) -> [Option] {
        command.options + CommandParser.everywhere + (isRoot ? [CommandParser.completionOption] : [])
    }

    private var bash: String {
        var text = """
            # bash completion for \(root.name)
            \(function)() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path="" word
                for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                    case "$path/$word" in

            """
        for (path, _) in commands where !path.isEmpty {
            let parent = path.dropLast().map { "/\($0)" }.joined()
            text += "            \(parent)/\(path.last!)) path=\"\(parent)/\(path.last!)\" ;;\n"
        }
        text += "        esac\n    done\n    case \"$path:$previous\" in\n"
        for (path, command) in commands {
            let place = path.map { "/\($0)" }.joined()
            for option in options(command, isRoot: path.isEmpty) where option.placeholder != nil {
                let names = ["--\(option.name)"] + (option.short.map { ["-\($0)"] } ?? [])
                let patterns = names.map { "\(place):\($0)" }.joined(separator: "|")
                text += "        \(patterns)) \(bashReply(option.kind)); return ;;\n"
            }
        }
        text += "    esac\n    case \"$path\" in\n"
        for (path, command) in commands {
            let words =
                command.subcommands.map(\.name)
                + options(command, isRoot: path.isEmpty).map { "--\($0.name)" }
            let files = command.operands.isEmpty ? "" : " $(compgen -f -- \"$current\")"
            text += "        \"\(path.map { "/\($0)" }.joined())\") "
            text += "COMPREPLY=($(compgen -W \"\(words.joined(separator: " "))\" -- \"$current\")\(files)) ;;\n"
        }
        return text + "    esac\n}\ncomplete -o filenames -F \(function) \(root.name)\n"
    }

    private func bashReply(_ kind: ValueKind) -> String {
        switch kind {
        case .file: "COMPREPLY=($(compgen -f -- \"$current\"))"
        case .directory: "COMPREPLY=($(compgen -d -- \"$current\"))"
        case .choice(let choices):
            "COMPREPLY=($(compgen -W \"\(choices.joined(separator: " "))\" -- \"$current\"))"
        case .text, .integer, .real, .duration, .size: "COMPREPLY=()"
        }
    }

    private var zsh: String {
        var text = "#compdef \(root.name)\n"
        for (path, command) in commands {
            text += "\n\(([function] + path).joined(separator: "_"))() {\n    _arguments -S \\\n"
            for option in options(command, isRoot: path.isEmpty) {
                let value = option.placeholder.map { ":\($0):\(zshAction(option.kind))" } ?? ""
                let help = Self.quoted(option.help, removing: "[]:'")
                for name in ["--\(option.name)"] + (option.short.map { ["-\($0)"] } ?? []) {
                    text += "        '\(name)[\(help)]\(value)' \\\n"
                }
            }
            if command.subcommands.isEmpty {
                text += command.operands.isEmpty ? "        && return\n}\n" : "        '*:file:_files'\n}\n"
                continue
            }
            let names = command.subcommands.map { "\($0.name)\\:\"\(Self.quoted($0.summary, removing: "\"':()"))\"" }
            text += "        '1:command:((\(names.joined(separator: " "))))' '*::argument:->argument'\n"
            text += "    [[ $state == argument ]] || return\n    case $words[1] in\n"
            for subcommand in command.subcommands {
                let callee = ([function] + path + [subcommand.name]).joined(separator: "_")
                text += "        \(subcommand.name)) \(callee) ;;\n"
            }
            text += "    esac\n}\n"
        }
        return text + "\n\(function) \"$@\"\n"
    }

    private func zshAction(_ kind: ValueKind) -> String {
        switch kind {
        case .file: "_files"
        case .directory: "_files -/"
        case .choice(let choices): "(\(choices.joined(separator: " ")))"
        case .text, .integer, .real, .duration, .size: " "
        }
    }

    private var fish: String {
        var text = "# fish completion for \(root.name)\n"
        for (path, command) in commands {
            let others = command.subcommands.map(\.name).joined(separator: " ")
            let condition =
                path.last.map { "__fish_seen_subcommand_from \($0)" }
                ?? (others.isEmpty ? "true" : "not __fish_seen_subcommand_from \(others)")
            for subcommand in command.subcommands {
                text += "complete -c \(root.name) -n '\(condition)' -f -a \(subcommand.name) "
                text += "-d '\(Self.quoted(subcommand.summary, removing: "'"))'\n"
            }
            for option in options(command, isRoot: path.isEmpty) {
                let short = option.short.map { " -s \($0)" } ?? ""
                let value = option.placeholder == nil ? "" : fishValue(option.kind)
                text += "complete -c \(root.name) -n '\(condition)' -l \(option.name)\(short)\(value) "
                text += "-d '\(Self.quoted(option.help, removing: "'"))'\n"
            }
        }
        return text
    }

    private func fishValue(_ kind: ValueKind) -> String {
        switch kind {
        case .file: " -r -F"
        case .directory: " -x -a '(__fish_complete_directories)'"
        case .choice(let choices): " -x -a '\(choices.joined(separator: " "))'"
        case .text, .integer, .real, .duration, .size: " -x"
        }
    }

    /// Shell quoting differs between shells, so characters that need it are removed.
    private static func quoted(_ text: String, removing characters: String) -> String {
        String(text.filter { !characters.contains($0) })
    }
}
