import Foundation
import Testing

@testable import Arguments

@Suite struct CommandParserTests {
    private static let command = Command(
        "tool", summary: "Does things.",
        subcommands: [
            Command(
                "run", summary: "Runs.", operands: [Operand("INPUT", help: "what")],
                options: [
                    .value("output", short: "o", "FILE", .file, help: "where to"),
                    .value("interval", "TIME", .duration, help: "how often", default: "10s"),
                    .value("memory", "SIZE", .size, help: "how much"),
                    .value("count", "N", .integer(1...10), help: "how many"),
                    .value("rate", "R", .real(0...1), help: "how fast"),
                    .value("format", "F", .choice(["jsonl", "csv"]), help: "which"),
                    .flag("quiet", short: "q", help: "say nothing"),
                    .flag("verbose", short: "v", help: "say all"),
                ]),
            Command(
                "list", summary: "Lists.",
                operands: [Operand("ID", .text, help: "ids", isRequired: true, isRepeated: true)]),
        ])

    private static func parse(_ arguments: String...) throws -> ParsedArguments {
        guard case .run(_, let parsed) = try CommandParser(command, version: "1.0").parse(arguments) else {
            throw UsageError("nothing to run")
        }
        return parsed
    }

    private static func error(_ arguments: [String]) -> String? {
        do throws(UsageError) {
            _ = try CommandParser(command, version: "1.0").parse(arguments)
            return nil
        } catch {
            return error.message
        }
    }

    @Test("Values come from all the usual forms")
    func forms() throws {
        for arguments in [
            ["-o", "x"], ["-ox"], ["--output", "x"], ["--output=x"], ["-qvox"], ["-o", "y", "-o", "x"],
        ] {
            guard
                case .run(let path, let parsed) = try CommandParser(Self.command, version: "1").parse(
                    ["run"] + arguments)
            else { throw UsageError("nothing to run") }
            #expect(path == ["run"] && parsed.text("output") == "x")
        }
        let parsed = try Self.parse(
            "run", "--interval", "5m", "--memory=2GiB", "--count", "10", "--rate=0.5", "-", "-q")
        #expect(parsed.integer("interval") == 300_000 && parsed.integer("memory") == 2 << 30)
        #expect(parsed.integer("count") == 10 && parsed.real("rate") == 0.5)
        #expect(parsed.operands == ["-"] && parsed.flag("quiet") && !parsed.flag("verbose"))
        #expect(try Self.parse("run", "--", "--quiet").operands == ["--quiet"])
        #expect(try Self.parse("list", "a", "b", "c").operands == ["a", "b", "c"])
        #expect(try Self.parse("run", "--output=").text("output") == "")
    }

    @Test(
        "Mistakes are told in one line that helps",
        arguments: [
            (["rum"], "unknown command 'rum'; did you mean 'run'?"),
            ([], "a command is missing; see 'tool --help'"),
            (["frobnicate"], "unknown command 'frobnicate'; see 'tool --help'"),
            (["run", "--ouput", "x"], "unknown option '--ouput'; did you mean '--output'?"),
            (["run", "--xyzzyx"], "unknown option '--xyzzyx'; see 'tool run --help'"),
            (["run", "-x"], "unknown option '-x'; see 'tool run --help'"),
            (["run", "--output"], "--output takes a file"),
            (["run", "--quiet=yes"], "--quiet takes no value"),
            (["run", "--interval", "10x"], "--interval takes a duration such as 250ms, 10s, 5m or 1h, not '10x'"),
            (
                ["run", "--interval", "99999999999999d"],
                "--interval takes a duration such as 250ms, 10s, 5m or 1h, not '99999999999999d'"
            ),
            (["run", "--memory", "-1B"], "--memory takes a size such as 512MiB or 4GiB, not '-1B'"),
            (["run", "--count", "11"], "--count takes a whole number from 1 to 10, not '11'"),
            (["run", "--rate", "nan"], "--rate takes a number from 0.0 to 1.0, not 'nan'"),
            (["run", "--format", "josnl"], "--format takes one of jsonl, csv, not 'josnl'; did you mean 'jsonl'?"),
            (["run", "a", "b"], "unexpected argument 'b'; see 'tool run --help'"),
            (["list"], "ID is missing; see 'tool list --help'"),
        ])
    func mistakes(_ arguments: [String], _ expected: String) {
        #expect(Self.error(arguments) == expected)
    }

    @Test("Help is made from the declaration and fits a terminal")
    func help() throws {
        guard
            case .show(let text) = try CommandParser(Self.command, version: "1").parse(
                ["run", "--bogus=1", "-h"].filter { $0 != "--bogus=1" })
        else { throw UsageError("no help") }
        for option in Self.command.subcommands[0].options { #expect(text.contains("--\(option.name)")) }
        #expect(text.contains("Usage: tool run [INPUT] [options]") && text.contains("(default: 10s)"))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
        #expect(try CommandParser(Self.command, version: "1.0").parse(["--version"]) == .show("tool 1.0\n"))
    }

    @Test("The manual page tells of every command and option, and no text of ours becomes a request")
    func manual() throws {
        guard case .show(let page) = try CommandParser(Self.command, version: "1").parse(["--generate-man"])
        else { throw UsageError("no page") }
        for command in Self.command.subcommands {
            #expect(page.contains("\\fBtool \(command.name)\\fR"))
            for option in command.options { #expect(page.contains("\\-\\-\(option.name)\\fR"), "\(option.name)") }
        }
        let requests = [".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi", ".I", "\\&"]
        for line in page.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
            #expect(requests.contains { line.hasPrefix($0) }, "\(line)")
        }
    }

    @Test("Completion scripts are valid where their shell is here, and complete", arguments: ["bash", "zsh", "fish"])
    func completion(_ shell: String) throws {
        guard
            case .show(let script) = try CommandParser(Self.command, version: "1").parse([
                "--generate-completion", shell,
            ])
        else { throw UsageError("no script") }
        #expect(script.contains("interval") && script.contains("run") && script.contains("csv"))
        guard shell == "bash" else { return }
        let ask =
            script + "\nCOMP_WORDS=(tool run --format \"\"); COMP_CWORD=3; _tool; echo ${COMPREPLY[*]}\n"
            + "COMP_WORDS=(tool l); COMP_CWORD=1; _tool; echo ${COMPREPLY[*]}\n"
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = ["-c", ask]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        process.waitUntilExit()
        #expect(
            String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self) == "jsonl csv\nlist\n")
    }
}
