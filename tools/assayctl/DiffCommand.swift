import Arguments
import Assay
import AssayCore
import StateStore

/// `assayctl diff`.
enum DiffCommand {
    private struct Difference {
        var added: [String] = []
        var gone: [String] = []
        var changed: [(name: String, fields: [(field: String, before: JSON, after: JSON)])] = []
    }

    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        let before = try open(arguments.operands[0], folder)
        let after = try open(arguments.operands.count > 1 ? arguments.operands[1] : "now", folder)
        let difference = try compare(before, after)
        if arguments.flag("json") {
            let limit = arguments.integer("limit").map { Int($0) }
            return Page.line(json(difference, before, after, limit: limit ?? .max).text)
        }
        show(difference, before, after, limit: Int(arguments.integer("limit") ?? 20))
    }

    /// A snapshot by its number, a file by its name, or the current state.
    private static func open(_ name: String, _ folder: StateFolder) throws(Failure) -> OpenState {
        if name == "now" { return try folder.open() }
        if let id = Int64(name), folder.snapshots.ids.contains(id) { return try folder.open(folder.snapshots.file(id)) }
        return try folder.open(name)
    }

    private static func compare(_ before: OpenState, _ after: OpenState) throws(Failure) -> Difference {
        let old = try before.users()
        let new = try after.users()
        return try after.reading { () throws(StoreError) in
            var difference = Difference()
            var oldCursor = UserCursor(old)
            try new.forEach { entry throws(StoreError) in
                guard let place = old.place(of: entry.idBytes) else {
                    difference.added.append(String(decoding: entry.id, as: UTF8.self))
                    return
                }
                try oldCursor.move(to: place)
                try oldCursor.withEntry { former throws(StoreError) in
                    if former.state.elementsEqual(entry.state) { return }
                    let fields = fields(try former.record(), try entry.record())
                    difference.changed.append((String(decoding: entry.id, as: UTF8.self), fields))
                }
            }
            try old.forEach { entry throws(StoreError) in
                if new.place(of: entry.idBytes) == nil {
                    difference.gone.append(String(decoding: entry.id, as: UTF8.self))
                }
            }
            difference.added.sort()
            difference.gone.sort()
            difference.changed.sort { $0.name < $1.name }
            return difference
        }
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

    /// With `--limit` the lists are cut, and the counts tell of how many.
    private static func json(
        _ difference: Difference, _ before: OpenState, _ after: OpenState, limit: Int
    ) -> JSON {
        .object([
            ("from_checkpoint", before.view.checkpoint.map { .integer($0.id) } ?? .null),
            ("to_checkpoint", after.view.checkpoint.map { .integer($0.id) } ?? .null),
            ("added_users", .integer(Int64(difference.added.count))),
            ("gone_users", .integer(Int64(difference.gone.count))),
            ("changed_users", .integer(Int64(difference.changed.count))),
            ("added", .array(difference.added.prefix(limit).map { .string($0) })),
            ("gone", .array(difference.gone.prefix(limit).map { .string($0) })),
            (
                "changed",
                .array(
                    difference.changed.prefix(limit).map { user in
                        .object([
                            ("user_id", .string(user.name)),
                            (
                                "fields",
                                .object(
                                    user.fields.map { field in
                                        (
                                            field.field,
                                            .object([("before", field.before), ("after", field.after)])
                                        )
                                    })
                            ),
                        ])
                    })
            ),
        ])
    }

    private static func show(_ difference: Difference, _ before: OpenState, _ after: OpenState, limit: Int) {
        let from = before.view.checkpoint.map { "\($0.id)" } ?? "none"
        let to = after.view.checkpoint.map { "\($0.id)" } ?? "none"
        Page.line(
            "checkpoint \(from) to \(to): \(Figures.grouped(difference.added.count)) users added, "
                + "\(Figures.grouped(difference.gone.count)) gone, \(Figures.grouped(difference.changed.count)) changed"
        )
        for (sign, names) in [("+", difference.added), ("-", difference.gone)] {
            for name in names.prefix(limit) { Page.line("\(sign) \(Page.shown(name))") }
            if names.count > limit { Page.line(Page.dim("\(sign) \(Figures.grouped(names.count - limit)) more")) }
        }
        for user in difference.changed.prefix(limit) {
            Page.line("~ \(Page.shown(user.name))")
            for field in user.fields {
                Page.line("    \(field.field): \(Page.shown(field.before.text)) → \(Page.shown(field.after.text))")
            }
        }
        if difference.changed.count > limit {
            Page.line(Page.dim("~ \(Figures.grouped(difference.changed.count - limit)) more; see --limit"))
        }
    }
}
