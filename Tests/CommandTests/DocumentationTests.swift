import Foundation
import TestSupport
import Testing

/// The documentation as its readers use it: its commands are run, and what it names exists.
@Suite struct DocumentationTests {
    /// A fenced block of a page: `sh` is run, `output` is what the block before it prints.
    struct Block: Sendable {
        let kind: String
        /// The line of the opening fence, from 1.
        let line: Int
        let lines: [String]
    }

    /// A Markdown file of the repository.
    struct Page: Sendable, CustomTestStringConvertible {
        /// From the repository's top.
        let path: String
        let lines: [String]

        var testDescription: String { path }
        var hasCommands: Bool { path == "README.md" || path.hasPrefix("docs/") }

        /// The fenced blocks, and what stands outside of them.
        var parts: (blocks: [Block], prose: [String]) {
            var blocks: [Block] = []
            var prose: [String] = []
            var open: (kind: String, line: Int)?
            var inside: [String] = []
            for (index, line) in lines.enumerated() {
                if let fence = open {
                    if line == "```" {
                        blocks.append(Block(kind: fence.kind, line: fence.line, lines: inside))
                        (open, inside) = (nil, [])
                    } else {
                        inside.append(line)
                    }
                } else if line.hasPrefix("```") {
                    open = (String(line.dropFirst(3)), index + 1)
                } else {
                    prose.append(line)
                }
            }
            return (blocks, prose)
        }

        /// What the page's headings are called in links.
        var anchors: Set<String> {
            Set(
                parts.prose.filter { $0.hasPrefix("#") }.map { heading in
                    let title = heading.drop { $0 == "#" || $0 == " " }.lowercased()
                    return String(
                        title.filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }.map { $0 == " " ? "-" : $0 })
                })
        }

        /// Where the page's links lead. Code is no link.
        var links: [String] {
            parts.prose.flatMap { line in
                let text = line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                    .filter { $0.offset % 2 == 0 }.map(\.element).joined()
                return text.matches(of: /\]\(([^)]*)\)/).map { String($0.output.1) }
            }
        }

        /// What stands as code: spans, indented lines, and the blocks of commands.
        var code: [String] {
            let (blocks, prose) = parts
            let spans = prose.flatMap { line -> [String] in
                if line.hasPrefix("    ") { return [line] }
                return line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                    .filter { $0.offset % 2 == 1 }.map { String($0.element) }
            }
            return spans + blocks.filter { ["sh", "console"].contains($0.kind) }.flatMap(\.lines)
        }
    }

    /// Every Markdown file but what builds have left.
    static let pages: [Page] = {
        let files = FileManager.default.enumerator(
            at: Repository.root, includingPropertiesForKeys: nil, options: [.skipsHiddenFiles])
        let paths = (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "md" }
        return paths.compactMap { url in
            guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }  // noticed by `found`
            return Page(
                path: String(url.path.dropFirst(Repository.root.path.count + 1)),
                lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        }.sorted { $0.path < $1.path }
    }()

    /// These describe no use of the commands.
    private static let withoutCommands = ["docs/README.md", "docs/architecture.md"]

    @Test("The pages are found")
    func found() {
        let paths = Self.pages.map(\.path)
        #expect(paths.contains("README.md") && paths.contains("CONTRIBUTING.md"))
        #expect(Self.pages.filter(\.hasCommands).count > 9)
    }

    @Test("The commands of a page run as printed, and print what it shows", arguments: pages.filter(\.hasCommands))
    func commands(_ page: Page) throws {
        let blocks = page.parts.blocks
        for (index, block) in blocks.enumerated() {
            let isAfterCommands = index > 0 && blocks[index - 1].kind == "sh"
            #expect(block.kind != "output" || isAfterCommands, "\(page.path):\(block.line) is the output of nothing")
        }
        if Self.withoutCommands.contains(page.path) { return }
        // A command under another name would not be run, and nobody would notice.
        for block in blocks where ["", "bash", "shell", "shell-session"].contains(block.kind) {
            Issue.record("\(page.path):\(block.line) says neither 'sh' nor 'console' nor what else it is")
        }
        let scripts = blocks.indices.filter { blocks[$0].kind == "sh" }
        try #require(!scripts.isEmpty, "\(page.path) has no command that is run")
        let run = try Binary.shell(Self.script(scripts.map { blocks[$0] }), in: TemporaryFolder())
        let printed = String(decoding: run.output, as: UTF8.self)
            .split(separator: Self.separator, omittingEmptySubsequences: false).dropFirst().map(Self.lines)
        guard run.code == 0, printed.count == scripts.count else {
            let last = scripts[max(0, min(printed.count, scripts.count) - 1)]
            let text = (printed.last ?? []).joined(separator: "\n")
            Issue.record("\(page.path):\(blocks[last].line) ended with \(run.code):\n\(text)\n\(run.errors)")
            return
        }
        for (index, output) in zip(scripts, printed) where blocks.indices.contains(index + 1) {
            let expected = blocks[index + 1]
            guard expected.kind == "output" else { continue }
            #expect(
                Self.agree(expected.lines[...], output[...]),
                "\(page.path):\(expected.line) is printed as\n\(output.joined(separator: "\n"))")
        }
    }

    @Test("Outputs are compared line by line, with '...' for any lines and any text")
    func comparison() {
        func agree(_ expected: String, _ printed: String) -> Bool {
            Self.agree(Self.lines(expected[...])[...], Self.lines(printed[...])[...])
        }
        #expect(agree("a\nb", "a\nb") && agree("", "") && agree("...", "") && agree("a\n...\nd", "a\nb\nc\nd"))
        #expect(
            agree("...\nb", "a\nb\nb") && agree("a ... c", "a b c") && agree("a...", "a") && agree("...x...", "axb"))
        #expect(!agree("a", "a\nb") && !agree("a\nb", "a") && !agree("a\n...\nd", "a\nb") && !agree("", "a"))
        #expect(!agree("a ... c", "a b d") && !agree("ab...bc", "abc") && !agree("a...b...c", "abc c b"))
    }

    @Test("Every relative link leads to a file, and to a heading of it", arguments: pages)
    func links(_ page: Page) {
        let folder = Repository.root.appending(path: page.path).deletingLastPathComponent()
        for link in page.links where !link.contains("://") && !link.hasPrefix("mailto:") {
            let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let target =
                parts[0].isEmpty
                ? Repository.root.appending(path: page.path) : folder.appending(path: parts[0]).standardized
            #expect(FileManager.default.fileExists(atPath: target.path), "\(page.path) leads to \(link)")
            guard parts.count == 2, target.pathExtension == "md" else { continue }
            let other = Self.pages.first { target.path == Repository.root.appending(path: $0.path).path }
            #expect(other?.anchors.contains(parts[1]) == true, "\(page.path) leads to \(link)")
        }
    }

    @Test("There are links, targets and options to look at")
    func counts() {
        #expect(Self.pages.flatMap(\.links).count > 40)
        #expect(Set(Self.pages.flatMap(\.code).flatMap(Self.targets)).count > 10)
        #expect(Set(Self.pages.filter(\.hasCommands).flatMap { Self.options($0.lines) }).count > 40)
    }

    @Test("Every target of make that a page names exists")
    func makeTargets() throws {
        let makefile = try String(contentsOf: Repository.root.appending(path: "Makefile"), encoding: .utf8)
        let known = Set(makefile.split(separator: "\n").compactMap { $0.wholeMatch(of: /([a-z][a-z-]*):.*/)?.output.1 })
        #expect(known.contains("test"))
        for page in Self.pages {
            for target in page.code.flatMap(Self.targets) where !known.contains(Substring(target)) {
                Issue.record("\(page.path) names 'make \(target)'")
            }
        }
    }

    @Test("Every option that a page names is in the help of a command")
    func options() throws {
        let help = try Binary.shell(
            #"""
            commands() { "$@" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'; }
            for binary in "$ASSAY" "$ASSAYCTL"; do
                "$binary" --help
                for command in $(commands "$binary"); do
                    "$binary" $command --help
                    for inner in $(commands "$binary" $command); do "$binary" $command $inner --help; done
                done
            done
            """#, in: TemporaryFolder())
        #expect(help.code == 0, "\(help.errors)")
        let bench = try String(contentsOf: Repository.root.appending(path: "tools/bench/bench.py"), encoding: .utf8)
        let job = try String(
            contentsOf: Repository.root.appending(path: "Flink/java/assay/flink/Options.java"), encoding: .utf8)
        let known = Self.options(help.lines).union(Self.options([bench, job]))
        #expect(known.contains("--input-is") && known.contains("--keep"))
        for page in Self.pages where page.hasCommands {
            let unknown = Self.options(page.lines).subtracting(known).sorted()
            #expect(unknown.isEmpty, "\(page.path) names \(unknown.joined(separator: ", "))")
        }
    }

    @Test("Pages have at most 500 lines, lines at most 120 characters", arguments: pages)
    func lengths(_ page: Page) {
        #expect(page.lines.count <= 501)
        for (index, line) in page.lines.enumerated() where line.count > 120 {
            Issue.record("\(page.path):\(index + 1) has \(line.count) characters")
        }
    }

    // MARK: Running

    /// Stands before what each block prints.
    private static let separator: Character = "\u{1E}"

    /// All blocks in order, in one shell and one folder, with standard error among the output as on a terminal.
    private static func script(_ blocks: [Block]) -> String {
        let root = Repository.root.path
        let preparation = """
            mkdir bin work
            ln -s "$ASSAY" bin/assay
            ln -s "$ASSAYCTL" bin/assayctl
            export PATH="$PWD/bin:$PATH"
            cp -r '\(root)/Examples' '\(root)/schemas' '\(root)/tools' work
            cd work
            unset ASSAY ASSAYCTL
            exec 2>&1
            set -u
            """
        return blocks.reduce(preparation) { script, block in
            script + "\nprintf '\\036'\n" + block.lines.joined(separator: "\n")
        } + "\n"
    }

    /// Without blanks at their ends, and without empty lines around them.
    private static func lines(_ text: Substring) -> [String] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            String(line.reversed().drop { $0 == " " }.reversed())
        }
        return Array(lines.drop { $0.isEmpty }.reversed().drop { $0.isEmpty }.reversed())
    }

    private static func agree(_ expected: ArraySlice<String>, _ printed: ArraySlice<String>) -> Bool {
        guard let first = expected.first else { return printed.isEmpty }
        let rest = expected.dropFirst()
        if first == "..." { return (0...printed.count).contains { agree(rest, printed.dropFirst($0)) } }
        guard let line = printed.first, agree(first, line) else { return false }
        return agree(rest, printed.dropFirst())
    }

    private static func agree(_ expected: String, _ line: String) -> Bool {
        var parts = expected.components(separatedBy: "...")
        guard parts.count > 1, line.hasPrefix(parts[0]) else { return expected == line }
        let end = parts.removeLast()
        var rest = line.dropFirst(parts.removeFirst().count)
        for part in parts {
            guard let place = rest.range(of: part) else { return false }
            rest = rest[place.upperBound...]
        }
        return rest.hasSuffix(end)
    }

    // MARK: Names

    /// What follows `make` in a command.
    private static func targets(_ code: String) -> [String] {
        let words = code.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)[0].split(separator: " ")
        guard let make = words.firstIndex(of: "make") else { return [] }
        return words[(make + 1)...].prefix { $0.wholeMatch(of: /[a-z][a-z-]*/) != nil }.map(String.init)
    }

    private static func options(_ lines: [String]) -> Set<String> {
        Set(lines.flatMap { $0.matches(of: /--[a-z][a-z-]*/).map { String($0.output) } })
    }
}
