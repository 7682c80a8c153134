import Foundation
import Testing

/// The rules of the house, as far as a program can see them.
@Suite struct TidyTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private struct SourceFile {
        let path: String
        let lines: [String]

        var isSwift: Bool { path.hasSuffix(".swift") }
    }

    private static let files: [SourceFile] = {
        ["Sources", "Tests", "tools", "Flink"].flatMap { folder -> [SourceFile] in
            let url = root.appending(path: folder)
            let paths =
                FileManager.default.enumerator(at: url, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL }
                ?? []
            let kinds = ["swift", "c", "h", "cpp", "java", "js", "css", "html", "py", "sh"]
            return paths.filter { kinds.contains($0.pathExtension) }.compactMap { url in
                guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }  // a folder
                return SourceFile(
                    path: String(url.path.dropFirst(root.path.count + 1)),
                    lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
            }
        }
    }()

    /// What each module, or room, may import besides the standard library.
    private static let imports: [(room: String, allowed: Set<String>)] = [
        // The core knows no file, thread, clock, database or YAML; of the C library it takes memory and mathematics.
        ("Sources/AssayCore/", ["Arguments", "CBytes", "CEL", "CivilTime", "Glibc"]),
        ("Sources/StateStore/", ["AssayCore", "CBytes", "CSQLite", "Glibc"]),
        ("Sources/Assay/YAML/", ["Arguments", "AssayCore", "CYAML"]),
        ("Sources/Assay/Threads/", ["CBytes", "Glibc"]),
        ("Sources/Assay/Ports/", ["Arguments", "AssayCore", "CEL", "CivilTime", "Glibc", "StateStore"]),
        ("Sources/Assay/Configuration/", ["Arguments", "AssayCore", "CEL", "CivilTime", "Glibc"]),
        (
            "Sources/Assay/Alerts/",
            ["Arguments", "AssayCore", "CEL", "CivilTime", "Glibc", "StateStore", "Synchronization"]
        ),
        ("Sources/Assay/Review/", ["AssayCore", "CEL", "StateStore"]),
        ("Sources/Assay/Labels/", ["AssayCore", "CivilTime"]),
        ("Sources/Assay/Pipelines/", ["Arguments", "AssayCore", "CEL", "CivilTime"]),
        (
            "Sources/Assay/Connectors/",
            [
                "Arguments", "AssayCore", "CBytes", "CEL", "CivilTime", "Compression", "Glibc", "StateStore",
                "Synchronization",
            ]
        ),
        ("Sources/Assay/Metrics/", ["AssayCore", "Glibc", "StateStore", "Synchronization"]),
        ("Sources/Assay/Checkpoint/", ["AssayCore", "CBytes", "Glibc", "StateStore"]),
        ("Sources/Assay/Runs/", ["AssayCore", "CBytes", "CivilTime", "Glibc", "StateStore"]),
        ("Sources/Assay/Inspection/", ["Arguments", "AssayCore", "CBytes", "CivilTime", "Glibc", "StateStore"]),
        ("Sources/Assay/Pages/", ["Arguments", "AssayCore"]),
        ("Sources/Assay/Reports/", ["Arguments", "AssayCore", "CivilTime", "StateStore"]),
        ("Sources/Assay/Trials/", ["Arguments", "AssayCore", "CEL", "CivilTime", "Glibc", "StateStore"]),
        ("Sources/Assay/Sorting/", ["AssayCore", "CivilTime", "Compression", "Glibc"]),
        ("Sources/Assay/Generation/", ["AssayCore", "Glibc"]),
        // A connector knows the ports and what stands above them.
        (
            "Sources/Kafka/",
            ["Arguments", "Assay", "AssayCore", "CEL", "CKafka", "CivilTime", "Glibc", "StateStore", "Synchronization"]
        ),
        (
            "Sources/PostgreSQL/",
            ["Arguments", "Assay", "AssayCore", "CEL", "CPostgreSQL", "CivilTime", "Glibc", "StateStore"]
        ),
        (
            "Sources/Service/",
            [
                "Assay", "AssayCore", "CMicrohttpd", "CPage", "CivilTime", "Glibc", "StateStore",
                "Synchronization",
            ]
        ),
        ("Sources/Notifiers/", ["Assay", "AssayCore", "CCurl", "CivilTime", "Glibc", "StateStore"]),
        ("Sources/AssayC/", ["Assay", "AssayCore", "CAssay", "Glibc"]),
        ("Sources/Compression/", ["CZlib", "CZstd"]),
        ("Sources/Arguments/", ["CBytes", "Glibc"]),
        ("Sources/CEL/", ["CBytes", "CRE2", "CivilTime", "Glibc"]),
        ("Sources/CivilTime/", ["Glibc", "Synchronization"]),
        (
            "Sources/assay/",
            [
                "Arguments", "Assay", "AssayCore", "CEL", "CivilTime", "Compression", "Glibc", "Kafka", "Notifiers",
                "PostgreSQL", "Service", "StateStore", "Synchronization",
            ]
        ),
    ]

    /// What the core must not call of the C library: whatever opens, waits, or asks for the time or the environment.
    private static let worldly = [
        "pread", "pwrite", "fsync", "fdatasync", "fstat", "clock_gettime", "getenv", "getpid", "pthread_create",
        "pthread_mutex_lock", "poll", "usleep", "fopen", "printf", "print", "mmap",
    ]

    @Test("The core asks nothing of the world")
    func coreIsPure() {
        for file in Self.files where file.isSwift && file.path.hasPrefix("Sources/AssayCore/") {
            for (index, line) in file.lines.enumerated() {
                let code = line.split(separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
                for call in code.matches(of: /(?:^|[^.A-Za-z0-9_]|Glibc\.)([a-z_]+)\(/)
                where Self.worldly.contains(String(call.output.1)) && !code.contains("func ") {
                    Issue.record("\(file.path):\(index + 1) calls \(call.output.1)")
                }
            }
        }
    }

    @Test("There is something to be tidy about")
    func found() {
        #expect(Self.files.filter(\.isSwift).count > 40)
        for (room, _) in Self.imports { #expect(Self.files.contains { $0.path.hasPrefix(room) }, "\(room)") }
    }

    @Test("Rooms import only what they may")
    func importsPerRoom() throws {
        for file in Self.files where file.isSwift && file.path.hasPrefix("Sources/") {
            let room = try #require(Self.imports.first { file.path.hasPrefix($0.room) }, "\(file.path) is in no room")
            for line in file.lines where line.hasPrefix("import ") || line.contains(" import ") && line.hasPrefix("@") {
                let module = try #require(line.split(separator: " ").last.map(String.init))
                #expect(room.allowed.contains(module), "\(file.path) imports \(module)")
            }
        }
    }

    @Test("Files have at most 500 lines, lines at most 120 characters")
    func lengths() {
        for file in Self.files {
            #expect(file.lines.count <= 501, "\(file.path) has \(file.lines.count) lines")
            for (index, line) in file.lines.enumerated() where line.count > 120 {
                Issue.record("\(file.path):\(index + 1) has \(line.count) characters")
            }
        }
    }

    @Test("Functions have at most 70 lines")
    func functionLengths() {
        for file in Self.files where file.isSwift {
            var open: [(indent: Int, line: Int)] = []
            for (index, line) in file.lines.enumerated() {
                let indent = line.prefix { $0 == " " }.count
                let text = line.dropFirst(indent)
                if text.hasPrefix("}"), let last = open.last, last.indent == indent {
                    #expect(index - last.line < 70, "\(file.path):\(last.line + 1) has \(index - last.line + 1) lines")
                    open.removeLast()
                }
                // The end of what a protocol asks for over several lines.
                if text.hasPrefix(")"), !text.hasSuffix("{"), let last = open.last, last.indent == indent {
                    open.removeLast()
                }
                let words = text.split(whereSeparator: { $0 == " " || $0 == "(" || $0 == "<" || $0 == "?" })
                // What a protocol asks for has no body.
                let hasBody = text.hasSuffix("{") || text.hasSuffix("(")
                if hasBody, words.prefix(6).contains(where: { $0 == "func" || $0 == "init" }) {
                    open.append((indent, index))
                }
            }
        }
    }

    @Test("Nothing is left for later, and names say what they name")
    func marks() {
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        let empty = ["Manager", "Helper", "Helpers", "Utils", "Util", "Misc", "Common", "Handler", "Base"]
        for file in Self.files {
            let name = file.path.split(separator: "/").last?.split(separator: ".").first ?? ""
            #expect(!empty.contains { name.hasSuffix($0) }, "\(file.path)")
            for (index, line) in file.lines.enumerated() {
                for mark in marks where line.contains(mark) { Issue.record("\(file.path):\(index + 1) says \(mark)") }
            }
        }
    }

    @Test("What may hide a fault says why")
    func silentFaults() {
        let patterns = [" try? ", "as!", "@unchecked Sendable", "fatalError()"]
        for file in Self.files where file.isSwift && !file.path.hasPrefix("Tests/Tidy") {
            for (index, line) in file.lines.enumerated() {
                let code = line.split(separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
                guard let pattern = patterns.first(where: { code.contains($0) }) else { continue }
                let above = index > 0 ? file.lines[index - 1].drop { $0 == " " } : ""
                #expect(line.contains("//") || above.hasPrefix("//"), "\(file.path):\(index + 1) has \(pattern)")
            }
        }
    }
}
