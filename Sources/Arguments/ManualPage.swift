/// The manual page of a command and all its subcommands, in the language of man(7).
struct ManualPage {
    private let root: Command
    private let version: String

    init(_ root: Command, version: String) {
        self.root = root
        self.version = version
    }

    var text: String {
        var lines = [
            ".TH \(root.name.uppercased()) 1 \"\" \"\(root.name) \(version)\"", ".SH NAME",
            "\(root.name) \\- \(Self.escaped(root.summary))", ".SH SYNOPSIS",
            "\\fB\(root.name)\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]", ".SH DESCRIPTION",
        ]
        lines += paragraphs(root.discussion)
        lines.append(".SH OPTIONS")
        lines += options(CommandParser.everywhere + CommandParser.onlyAtRoot)
        lines.append(".SH COMMANDS")
        for command in root.subcommands { lines += section(command, path: []) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func section(_ command: Command, path: [String]) -> [String] {
        let path = path + [command.name]
        if !command.subcommands.isEmpty { return command.subcommands.flatMap { section($0, path: path) } }
        let operands = command.operands.map { operand in
            let name = "\\fI\(Self.escaped(operand.name))\\fR" + (operand.isRepeated ? "..." : "")
            return operand.isRequired ? name : "[\(name)]"
        }
        let invocation = "\\fB\(root.name) \(Self.escaped(path.joined(separator: " ")))\\fR"
        var lines = [".SS " + ([invocation] + operands).joined(separator: " "), Self.escaped(command.summary)]
        for operand in command.operands {
            lines += [".TP", ".I \(Self.escaped(operand.name))", Self.escaped(operand.help)]
        }
        lines += options(command.options)
        lines += paragraphs(command.discussion)
        return lines
    }

    private func options(_ options: [Option]) -> [String] {
        options.flatMap { option in
            let short = option.short.map { "\\fB\\-\($0)\\fR, " } ?? ""
            let value = option.placeholder.map { " \\fI\(Self.escaped($0))\\fR" } ?? ""
            let name = "\\fB\\-\\-\(Self.escaped(option.name))\\fR"
            let standard = option.defaultText.map { " (default: \($0))" } ?? ""
            return [".TP", "\(short)\(name)\(value)", Self.escaped(option.help + standard)]
        }
    }

    /// Lines that begin with a space are kept as they are.
    private func paragraphs(_ texts: [String]) -> [String] {
        texts.flatMap { text -> [String] in
            var lines = [".PP"]
            var isVerbatim = false
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                let isByHand = line.hasPrefix(" ") || (isVerbatim && line.isEmpty)
                if isByHand != isVerbatim { lines.append(isByHand ? ".nf" : ".fi") }
                isVerbatim = isByHand
                lines.append(Self.escaped(String(line)))
            }
            return isVerbatim ? lines + [".fi"] : lines
        }
    }

    /// Escapes backslashes, hyphens, and what would be a request at the beginning of a line.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            default: result.append(character)
            }
        }
        return result.hasPrefix(".") || result.hasPrefix("'") ? "\\&" + result : result
    }
}
