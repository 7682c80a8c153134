import Arguments
import Assay
import AssayCore
import StateStore

/// `assayctl diff`.
enum DiffCommand {
    private struct Difference {
        var added: [String] = []
        var gone: [String] = []
        /// Those that changed most first.
        var changed: [Change] = []
        /// How the model was and is, where one of them has one.
        var learned: (before: LearningSummary?, after: LearningSummary?)?
    }

    private static func learned(
        _ before: OpenState, _ after: OpenState
    ) throws(Failure) -> (LearningSummary?, LearningSummary?)? {
        let old = try before.reading { () throws(StoreError) in try LearnedState.summary(of: before.view) }
        let new = try after.reading { () throws(StoreError) in try LearnedState.summary(of: after.view) }
        return old == nil && new == nil ? nil : (old, new)
    }

    /// What is different about a user, or a key of a pipeline.
    private struct Change {
        let name: String
        /// What the list is sorted by: the transactions between, or the bytes.
        let size: UInt64
        let fields: [(field: String, before: JSON, after: JSON)]
        /// For people.
        let words: [String]
    }

    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        let before = try open(arguments.operands[0], folder)
        let after = try open(arguments.operands.count > 1 ? arguments.operands[1] : "now", folder)
        guard before.isPipeline == after.isPipeline else {
            throw Failure(code: .usage, message: "one is the state of a pipeline, the other is not")
        }
        var difference = try compare(before, after)
        difference.learned = try learned(before, after)
        if arguments.flag("json") {
            let limit = arguments.integer("limit").map { Int($0) }
            return Page.line(json(difference, before, after, limit: limit ?? .max).text)
        }
        show(difference, before, after, limit: Int(arguments.integer("limit") ?? 20))
    }

    /// A snapshot by its number, a file by its name, or the current state.
    private static func open(_ name: String, _ folder: StateFolder) throws(Failure) -> OpenState {
        if name == "now" { return try folder.openAny() }
        if let id = Int64(name), folder.snapshots.ids.contains(id) {
            return try folder.openAny(folder.snapshots.file(id))
        }
        return try folder.openAny(name)
    }

    // MARK: Comparing

    private static func compare(_ before: OpenState, _ after: OpenState) throws(Failure) -> Difference {
        let (old, new) = (try before.users(), try after.users())
        let names = PipelineKeys(configuration: after.view.checkpoint?.configuration ?? "")
        let oldNames = PipelineKeys(configuration: before.view.checkpoint?.configuration ?? "")
        func name(_ entry: UserStates.Entry, _ keys: PipelineKeys) -> String {
            guard after.isPipeline else { return String(decoding: entry.id, as: UTF8.self) }
            let key = keys.key(entry)
            return "\(key.stream): \(key.text)"
        }
        return try after.reading { () throws(StoreError) in
            var difference = Difference()
            var oldCursor = UserCursor(old)
            try new.forEach { entry throws(StoreError) in
                guard let place = old.place(of: entry.idBytes) else {
                    difference.added.append(name(entry, names))
                    return
                }
                try oldCursor.move(to: place)
                try oldCursor.withEntry { former throws(StoreError) in
                    if former.state.elementsEqual(entry.state) { return }
                    difference.changed.append(try change(name(entry, names), former, entry, after))
                }
            }
            try old.forEach { entry throws(StoreError) in
                if new.place(of: entry.idBytes) == nil { difference.gone.append(name(entry, oldNames)) }
            }
            difference.added.sort()
            difference.gone.sort()
            difference.changed.sort { $0.size != $1.size ? $0.size > $1.size : $0.name < $1.name }
            return difference
        }
    }

    private static func change(
        _ name: String, _ former: UserStates.Entry, _ entry: UserStates.Entry, _ state: OpenState
    ) throws(StoreError) -> Change {
        let (before, after): (UserRecord, UserRecord)
        if state.isPipeline {
            guard let old = try former.scoredRecord(), let new = try entry.scoredRecord() else {
                let (old, new) = (UInt64(former.state.count), UInt64(entry.state.count))
                let sizes = old == new ? "of \(Figures.bytes(new))" : "\(Figures.bytes(old)) → \(Figures.bytes(new))"
                return Change(
                    name: name, size: old > new ? old - new : new - old,
                    fields: [("bytes", .unsigned(old), .unsigned(new))], words: ["what is open or waits: \(sizes)"])
            }
            (before, after) = (old, new)
        } else {
            (before, after) = (try former.record(), try entry.record())
        }
        let more =
            after.transactions > before.transactions
            ? after.transactions - before.transactions : before.transactions - after.transactions
        return Change(
            name: name, size: more, fields: fields(before, after),
            words: UserChange(before, after, state.clock).words.map { Page.shown($0) })
    }

    private static func fields(
        _ before: UserRecord, _ after: UserRecord
    ) -> [(field: String, before: JSON, after: JSON)] {
        var fields: [(String, JSON, JSON)] = []
        func add<Value: Equatable>(_ name: String, _ path: (UserRecord) -> Value, _ json: (Value) -> JSON) {
            let (old, new) = (path(before), path(after))
            if old != new { fields.append((name, json(old), json(new))) }
        }
        add("transactions", \.transactions) { .unsigned($0) }
        add("last_ms", \.lastTime) { $0.map { .integer($0) } ?? .null }
        add("hours", \.hours.hours) { .array($0.map { .integer(Int64($0)) }) }
        add("weekend", \.seenOnWeekend) { .bool($0) }
        add("amounts", \.amounts) { amounts in
            .array(
                amounts.map {
                    .object([
                        ("currency", .string($0.currency)), ("count", .unsigned($0.count)), ("mean", .real($0.mean)),
                        ("deviation", .real($0.deviation)),
                    ])
                })
        }
        add("places", \.places) { places in
            .array(places.map { .array([.real($0.latitude), .real($0.longitude)]) })
        }
        add("types", \.types) { types in
            .array(
                types.map {
                    .object([("transaction_type", .string($0.name)), ("times", .integer(Int64($0.times.count)))])
                })
        }
        return fields
    }

    // MARK: Showing

    /// With `--limit` the lists are cut, and the counts tell of how many.
    private static func json(
        _ difference: Difference, _ before: OpenState, _ after: OpenState, limit: Int
    ) -> JSON {
        let learning = difference.learned.map { learned in
            func json(_ summary: LearningSummary?) -> JSON {
                summary.map { ModelDocument.json($0, weights: nil) } ?? .null
            }
            return [("learning", JSON.object([("before", json(learned.before)), ("after", json(learned.after))]))]
        }
        return .object(
            [
                ("from_checkpoint", before.view.checkpoint.map { .integer($0.id) } ?? .null),
                ("to_checkpoint", after.view.checkpoint.map { .integer($0.id) } ?? .null),
                ("added_users", .integer(Int64(difference.added.count))),
                ("gone_users", .integer(Int64(difference.gone.count))),
                ("changed_users", .integer(Int64(difference.changed.count))),
                ("added", .array(difference.added.prefix(limit).map { .string($0) })),
                ("gone", .array(difference.gone.prefix(limit).map { .string($0) })),
                ("changed", .array(difference.changed.prefix(limit).map { json($0, isKey: after.isPipeline) })),
            ] + (learning ?? []))
    }

    private static func json(_ change: Change, isKey: Bool) -> JSON {
        let fields = change.fields.map { field in
            (field.field, JSON.object([("before", field.before), ("after", field.after)]))
        }
        return .object([(isKey ? "key" : "user_id", .string(change.name)), ("fields", .object(fields))])
    }

    private static func show(_ before: LearningSummary?, _ after: LearningSummary?) {
        func words(_ name: String, _ value: (LearningSummary) -> UInt64) -> String? {
            let (old, new) = (before.map(value) ?? 0, after.map(value) ?? 0)
            return old == new ? nil : "\(name) \(Figures.grouped(old)) → \(Figures.grouped(new))"
        }
        let changes = [
            words("examples") { $0.counts.examples }, words("frauds") { $0.counts.frauds },
            words("labels") { $0.counts.labels }, words("pending") { $0.pending },
            words("memories") { $0.memories.reduce(0, +) },
        ].compactMap(\.self)
        Page.line("model: " + (changes.isEmpty ? "nothing has changed" : changes.joined(separator: ", ")))
    }

    private static func show(_ difference: Difference, _ before: OpenState, _ after: OpenState, limit: Int) {
        let from = before.view.checkpoint.map { "\($0.id)" } ?? "none"
        let to = after.view.checkpoint.map { "\($0.id)" } ?? "none"
        Page.line(
            "checkpoint \(from) to \(to): \(Figures.grouped(difference.added.count)) "
                + "\(after.isPipeline ? "keys" : "users") added, "
                + "\(Figures.grouped(difference.gone.count)) gone, \(Figures.grouped(difference.changed.count)) changed"
        )
        if let learned = difference.learned { show(learned.before, learned.after) }
        for (sign, names) in [("+", difference.added), ("-", difference.gone)] {
            for name in names.prefix(limit) { Page.line("\(sign) \(Page.shown(name))") }
            if names.count > limit { Page.line(Page.dim("\(sign) \(Figures.grouped(names.count - limit)) more")) }
        }
        for change in difference.changed.prefix(limit) {
            Page.line("~ \(Page.shown(change.name))")
            for line in change.words { Page.line("    \(line)") }
        }
        if difference.changed.count > limit {
            Page.line(Page.dim("~ \(Figures.grouped(difference.changed.count - limit)) more; see --limit"))
        }
    }
}
