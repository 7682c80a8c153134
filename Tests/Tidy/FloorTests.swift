import Foundation
import Testing

/// Rooms stand in an order, and a room uses only rooms above it.
@Suite struct FloorTests {
    /// From the top down: the module, then the room.
    private static let order = [
        "AssayCore/Model", "AssayCore/Bytes", "AssayCore/Values", "AssayCore/Decoding", "AssayCore/Events",
        "AssayCore/Expressions", "AssayCore/Runtime", "AssayCore/Windows", "AssayCore/Aggregates",
        "AssayCore/Patterns", "AssayCore/Rules", "AssayCore/Scoring", "AssayCore/Learning", "AssayCore/Encoding",
        "AssayCore/Streams",
        "StateStore", "Assay/YAML", "Assay/Threads", "Assay/Ports", "Assay/Metrics", "Assay/Alerts", "Assay/Review",
        "Assay/Configuration", "Assay/Labels",
        "Assay/Pipelines",
        "Assay/Connectors", "Assay/Checkpoint", "Assay/Runs", "Assay/Inspection", "Assay/Pages", "Assay/Trials",
        "Assay/Reports",
        "Assay/Sorting",
        "Assay/Generation",
    ]

    @Test("No room names a type of a room below it")
    func floors() throws {
        let sources = Tree.root.appending(path: "Sources")
        let floors = Floors(order: Self.order, try Tree.swiftFiles(under: sources))
        #expect(floors.rooms == Set(Self.order), "every room has its place in the order")
        for edge in floors.backEdges { Issue.record("\(edge)") }
    }

    @Test("A room that names a type below it is found, with the way back")
    func sample() {
        let files = [
            "Core/Low/Low.swift": "struct Low {\n    let text = \"High\"  // High\n}\n",
            "Core/High/High.swift": "struct High {\n    let low: Low\n}\n",
        ]
        let good = Floors(order: ["Core/Low", "Core/High"], files)
        #expect(good.backEdges.isEmpty)
        let bad = Floors(order: ["Core/High", "Core/Low"], files)
        #expect(
            bad.backEdges == ["Core/High/High.swift names Low, which Core/Low below it declares in Core/Low/Low.swift"])
        // A type of its own, of the same name, is meant where it is nested.
        let nested = files.merging(["Core/Low/Other.swift": "struct Other {\n    enum High {}\n    var high: High\n}\n"]
        ) {
            $1
        }
        #expect(Floors(order: ["Core/Low", "Core/High"], nested).backEdges.isEmpty)
        #expect(Floors(order: ["Core/Low"], files).rooms != ["Core/Low"])
    }
}

/// The files of a tree.
enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Swift files by their paths below a folder.
    static func swiftFiles(under folder: URL) throws -> [String: String] {
        var files: [String: String] = [:]
        let paths = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects ?? []
        for case let url as URL in paths where url.pathExtension == "swift" {
            files[String(url.path.dropFirst(folder.path.count + 1))] = try String(contentsOf: url, encoding: .utf8)
        }
        return files
    }
}

/// Which top-level types the files of each room name, comments and strings aside.
struct Floors {
    private(set) var backEdges: [String] = []
    private(set) var rooms: Set<String> = []

    /// `files`: texts by path. Those of modules that the order does not name are left out.
    init(order: [String], _ files: [String: String]) {
        let modules = Set(order.map { $0.split(separator: "/")[0] })
        let ranks = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
        var declared: [String: (room: String, path: String)] = [:]
        var code: [(path: String, room: String, text: String)] = []
        for (path, text) in files.sorted(by: { $0.key < $1.key }) {
            let parts = path.split(separator: "/").map(String.init)
            guard modules.contains(Substring(parts[0])) else { continue }
            let room = parts.count > 2 ? "\(parts[0])/\(parts[1])" : parts[0]
            rooms.insert(room)
            let stripped = Self.withoutComments(text)
            code.append((path, room, stripped))
            for name in Self.declarations(in: stripped, nested: false) { declared[name] = (room, path) }
        }
        for (path, room, text) in code {
            let own = Self.declarations(in: text, nested: true)
            let words = text.matches(of: /(?:^|[^A-Za-z0-9_.])([A-Z][A-Za-z0-9_]*)/)
            let names = Set(words.map { String($0.output.1) })
            for name in names.subtracting(own).sorted() {
                guard let target = declared[name], target.room != room,
                    let here = ranks[room], let there = ranks[target.room], there > here
                else { continue }
                backEdges.append("\(path) names \(name), which \(target.room) below it declares in \(target.path)")
            }
        }
    }

    private static func withoutComments(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.replacing(/"(?:[^"\\]|\\.)*"/, with: "\"\"").replacing(/\/\/.*/, with: "")
        }.joined(separator: "\n")
    }

    /// Types that a file declares, those inside others where `nested`, and none that no other file can see.
    private static func declarations(in text: String, nested: Bool) -> Set<String> {
        var names: Set<String> = []
        let pattern = /^( *)((?:[a-z@()]+ )*)(?:struct|class|enum|protocol|actor|typealias) ([A-Z][A-Za-z0-9_]*)/
        for line in text.split(separator: "\n") {
            guard let match = line.firstMatch(of: pattern) else { continue }
            if !nested, !match.output.1.isEmpty || match.output.2.contains("private") { continue }
            names.insert(String(match.output.3))
        }
        return names
    }
}
