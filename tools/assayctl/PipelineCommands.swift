import Arguments
import Assay
import AssayCore
import StateStore

/// What `users`, `query` and `export` show of a pipeline's state: keys of streams.
enum PipelineCommands {
    /// The keys that take most first.
    static func keys(_ state: OpenState, _ arguments: ParsedArguments) throws(Failure) {
        if arguments.flag("sort") {
            throw Failure(code: .usage, message: "--sort is for users; the keys of a pipeline come by size")
        }
        let limit = Int(arguments.integer("limit") ?? 20)
        let pattern = arguments.text("match").map { Glob($0) }
        let all = try state.users()
        let names = PipelineKeys(configuration: state.view.checkpoint?.configuration ?? "")
        var matched = 0
        let keys = try state.reading { () throws(StoreError) -> [PipelineKey] in
            var keys: [PipelineKey] = []
            try all.forEach { entry in
                let key = names.key(entry)
                guard pattern?.matches(key.text) ?? true else { return }
                matched += 1
                keys.append(key)
                // No more than a few times what is shown is ever kept.
                if keys.count >= 4 * limit + 1024 { keys = first(limit, of: keys) }
            }
            return first(limit, of: keys)
        }
        if arguments.flag("json") {
            return Page.line(
                JSON.object([("keys", .array(keys.map(json))), ("matched", .integer(Int64(matched)))]).text)
        }
        Page.table(
            ["stream", "key", "remembers", "size"],
            keys.map { [$0.stream, Page.shown($0.text), words($0.kind), Figures.bytes(UInt64($0.bytes))] },
            rightAligned: [3])
        Page.line(Page.dim("\(Figures.grouped(keys.count)) of \(Figures.grouped(matched))"))
    }

    private static func first(_ limit: Int, of keys: [PipelineKey]) -> [PipelineKey] {
        let sorted = keys.sorted {
            $0.bytes != $1.bytes ? $0.bytes > $1.bytes : ($0.stream, $0.text) < ($1.stream, $1.text)
        }
        return Array(sorted.prefix(limit))
    }

    static func words(_ kind: StreamFunction.StateKind?) -> String {
        switch kind {
        case .windows: "windows"
        case .user: "a user"
        case .sequences: "sequences"
        case nil: "unknown"
        }
    }

    static func label(_ kind: StreamFunction.StateKind?) -> String {
        switch kind {
        case .windows: "windows"
        case .user: "user"
        case .sequences: "sequences"
        case nil: "unknown"
        }
    }

    private static func json(_ key: PipelineKey) -> JSON {
        .object([
            ("stream", .string(key.stream)), ("key", .string(key.text)), ("kind", .string(label(key.kind))),
            ("bytes", .integer(Int64(key.bytes))),
        ])
    }

    /// One document for the checkpoint, and one for each key: users decoded, other states as bytes.
    static func export(_ state: OpenState, _ arguments: ParsedArguments) throws(Failure) {
        guard arguments.text("format") != "csv" else {
            throw Failure(code: .usage, message: "the state of a pipeline is exported as jsonl only")
        }
        guard let checkpoint = state.view.checkpoint else {
            throw Failure(code: .no, message: "there is no checkpoint yet to export")
        }
        Page.line(StateTransfer.json(checkpoint).text)
        let names = PipelineKeys(configuration: checkpoint.configuration)
        let all = try state.users()
        try state.reading { () throws(StoreError) in
            try all.forEach { entry throws(StoreError) in
                let key = names.key(entry)
                var members: [(String, JSON)] = [
                    ("stream", .string(key.stream)), ("key", .string(key.text)), ("kind", .string(label(key.kind))),
                ]
                if let user = try entry.scoredRecord() {
                    members.append(("user", StateTransfer.json(user)))
                } else {
                    members.append(("state", .string(StateTransfer.hex(Array(entry.state)))))
                }
                Page.line(JSON.object(members).text)
            }
        }
    }

    /// The keys as a table for queries.
    static func table(_ state: OpenState) throws(Failure) -> QueryTable {
        let all = try state.users()
        let names = PipelineKeys(configuration: state.view.checkpoint?.configuration ?? "")
        return QueryTable(
            name: "keys", columns: Self.columns, estimatedRows: Int64(all.count), hasUsers: false
        ) { (_) throws(StoreError) in
            var cursor = UserCursor(all)
            var key: PipelineKey?
            return QueryRows(
                advance: { () throws(StoreError) in
                    guard try cursor.advance() else { return false }
                    key = try cursor.withEntry { names.key($0) }
                    return true
                },
                value: { column in
                    guard let key else { return .null }
                    return switch column {
                    case 0: .text(key.stream)
                    case 1: .text(key.text)
                    case 2: .text(label(key.kind))
                    default: .integer(Int64(key.bytes))
                    }
                })
        }
    }

    static let columns = [
        QueryTable.Column("stream", "of the pipeline"), QueryTable.Column("key", "its parts, joined by ', '"),
        QueryTable.Column("kind", "windows, sequences or user"), QueryTable.Column("bytes", "of its state"),
    ]
}
