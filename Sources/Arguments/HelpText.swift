/// The help of one command, generated from its declaration.
struct HelpText {
    private let command: Command
    private let path: [String]
    private let isRoot: Bool

    private static let width = 100
    private static let widestLabel = 30

    init(_ command: Command, path: [String], isRoot: Bool) {
        self.command = command
        self.path = path
        self.isRoot = isRoot
    }

    var text: String {
        var sections = ["\(command.summary)\n", "Usage: \(usage)\n"]
        if !command.operands.isEmpty {
            sections.append(section("Arguments", command.operands.map { ($0.name, $0.help) }))
        }
        if !command.subcommands.isEmpty {
            sections.append(section("Commands", command.subcommands.map { ($0.name, $0.summary) }))
        }
        let options = command.options + CommandParser.everywhere + (isRoot ? CommandParser.onlyAtRoot : [])
        sections.append(section("Options", options.map { (label($0), help($0)) }))
        for paragraph in command.discussion { sections.append(Self.wrap(paragraph, indent: 0) + "\n") }
        return sections.joined(separator: "\n")
    }

    private var usage: String {
        var parts = path
        if !command.subcommands.isEmpty { parts.append("COMMAND") }
        for operand in command.operands {
            let name = operand.name + (operand.isRepeated ? "…" : "")
            parts.append(operand.isRequired ? name : "[\(name)]")
        }
        return (parts + ["[options]"]).joined(separator: " ")
    }

    private func label(_ option: Option) -> String {
        let short = option.short.map { "-\($0), " } ?? "    "
        let value = option.placeholder.map { " \($0)" } ?? ""
        return "\(short)--\(option.name)\(value)"
    }

    private func help(_ option: Option) -> String {
        guard let defaultText = option.defaultText else { return option.help }
        return "\(option.help) (default: \(defaultText))"
    }

    private func section(_ title: String, _ rows: [(label: String, help: String)]) -> String {
        let labelWidth = min(rows.map(\.label.count).max() ?? 0, Self.widestLabel)
        var text = "\(title):\n"
        for (label, help) in rows {
            let indent = labelWidth + 4
            let wrapped = Self.wrap(help, indent: indent)
            let padding = String(repeating: " ", count: max(0, labelWidth - label.count) + 2)
            text +=
                label.count > labelWidth
                ? "  \(label)\n\(String(repeating: " ", count: indent))\(wrapped)\n"
                : "  \(label)\(padding)\(wrapped)\n"
        }
        return text
    }

    /// Breaks a text between words; the first line's indent is the caller's.
    private static func wrap(_ text: String, indent: Int) -> String {
        // Lines that begin with a space are kept as they are.
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            if line.hasPrefix(" ") { return String(line) }
            var lines: [String] = []
            var current = ""
            for word in line.split(separator: " ") {
                if !current.isEmpty, indent + current.count + 1 + word.count > width {
                    lines.append(current)
                    current = ""
                }
                current += (current.isEmpty ? "" : " ") + word
            }
            lines.append(current)
            return lines.joined(separator: "\n" + String(repeating: " ", count: indent))
        }.joined(separator: "\n")
    }
}
