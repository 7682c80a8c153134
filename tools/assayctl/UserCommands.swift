import Arguments
import Assay
import AssayCore
import StateStore

/// `assayctl users` and `assayctl user`.
enum UserCommands {
    private struct Ranked {
        let rank: Double
        let place: Int
    }

    static func users(_ arguments: ParsedArguments) throws(Failure) {
        let state = try StateFolder(arguments).openAny()
        if state.isPipeline { return try PipelineCommands.keys(state, arguments) }
        let users = try state.users()
        let limit = Int(arguments.integer("limit") ?? 20)
        let pattern = arguments.text("match").map { Glob($0) }
        let sort = arguments.text("sort") ?? "transactions"
        var ranked: [Ranked] = []
        var cursor = UserCursor(users)
        let rows = try state.reading { () throws(StoreError) -> [(String, UserStateSummary)] in
            for place in users.places.indices {
                try cursor.move(to: place)
                try cursor.withEntry { entry throws(StoreError) in
                    if let pattern, !pattern.matches(String(decoding: entry.id, as: UTF8.self)) { return }
                    let summary = try entry.summary()
                    let rank =
                        switch sort {
                        case "recent": Double(summary.lastTime?.milliseconds ?? 0)
                        case "amount": summary.totalAmount
                        default: Double(summary.transactions)
                        }
                    ranked.append(Ranked(rank: rank, place: place))
                }
            }
            // Ties are ordered by id, so that the list is the same each time.
            ranked.sort { $0.rank > $1.rank }
            let worst = ranked.prefix(limit).last?.rank ?? 0
            var rows: [(name: String, summary: UserStateSummary, rank: Double)] = []
            for entry in ranked.prefix(while: { $0.rank >= worst }) {
                try cursor.move(to: entry.place)
                try cursor.withEntry { user throws(StoreError) in
                    rows.append((String(decoding: user.id, as: UTF8.self), try user.summary(), entry.rank))
                }
            }
            rows.sort { $0.rank != $1.rank ? $0.rank > $1.rank : $0.name < $1.name }
            return rows.prefix(limit).map { ($0.name, $0.summary) }
        }
        print(rows, matched: ranked.count, state, isJSON: arguments.flag("json"))
    }

    private static func print(
        _ rows: [(String, UserStateSummary)], matched: Int, _ state: OpenState, isJSON: Bool
    ) {
        if isJSON {
            let users = rows.map { name, user in
                JSON.object([
                    ("user_id", .string(name)), ("transactions", .unsigned(user.transactions)),
                    ("last_ms", user.lastTime.map { .integer($0.milliseconds) } ?? .null),
                    ("total_amount", .real(user.totalAmount)),
                    ("currencies", .integer(Int64(user.currencies))), ("places", .integer(Int64(user.places))),
                    ("types", .integer(Int64(user.types))),
                ])
            }
            return Page.line(JSON.object([("users", .array(users)), ("matched", .integer(Int64(matched)))]).text)
        }
        Page.table(
            ["user", "transactions", "last", "age", "amount", "currencies", "places", "types"],
            rows.map { name, user in
                [
                    Page.shown(name), Figures.grouped(user.transactions),
                    user.lastTime.map { state.clock.text($0.milliseconds) } ?? "none",
                    user.lastTime.map { Now.age($0.milliseconds) } ?? "", Figures.decimal(user.totalAmount, digits: 2),
                    "\(user.currencies)",
                    "\(user.places)", "\(user.types)",
                ]
            }, rightAligned: [1, 3, 4, 5, 6, 7])
        Page.line(Page.dim("\(Figures.grouped(rows.count)) of \(Figures.grouped(matched))"))
    }

    // MARK: One user

    static func user(_ arguments: ParsedArguments) throws(Failure) {
        let id = arguments.operands[0]
        let state = try StateFolder(arguments).openAny()
        let users = try state.isPipeline ? state.scoredUsers() : state.users()
        guard let user = try state.reading({ () throws(StoreError) in try users.record(of: Array(id.utf8)) }) else {
            throw Failure(code: .no, message: "no user '\(Page.shown(id))' is known")
        }
        if arguments.flag("json") { return Page.line(user.json(state.clock).text) }
        show(user, state)
    }

    private static func show(_ user: UserRecord, _ state: OpenState) {
        Page.list([
            ("user", Page.bold(Page.shown(user.name))), ("transactions", Figures.grouped(user.transactions)),
            ("last", user.lastTime.map { "\(state.clock.text($0)), \(Now.age($0))" } ?? "none that was not early"),
            ("hours", (0..<24).map { user.hours.hours.contains($0) ? "█" : "·" }.joined()),
            ("", Page.dim("0     6     12    18    24")),
            ("weekend", user.seenOnWeekend ? "seen" : "never seen"),
        ])
        Page.line()
        Page.table(
            ["currency", "transactions", "mean", "deviation"],
            user.amounts.map {
                [
                    $0.currency.isEmpty ? "(none)" : Page.shown($0.currency), Figures.grouped($0.count),
                    Figures.decimal($0.mean, digits: 2), "± \(Figures.decimal($0.deviation, digits: 2))",
                ]
            }, rightAligned: [1, 2, 3])
        if !user.places.isEmpty {
            Page.line()
            Page.table(
                ["place, the last visited first", "km from it"],
                user.places.map { place in
                    [
                        "\(place.latitude), \(place.longitude)",
                        Figures.decimal(place.kilometers(to: user.places[0]), digits: 1),
                    ]
                }, rightAligned: [1])
        }
        Page.line()
        let windows = state.settings.velocity.windowSeconds
        Page.table(
            ["type, the last used first", "newest", "age"] + windows.map { "in \(Figures.span(seconds: Double($0)))" },
            user.types.map { type in
                let newest = type.times.last ?? 0
                let thresholds =
                    state.settings.velocity.thresholds[type.name] ?? state.settings.velocity.otherThresholds
                let counts = zip(windows, thresholds).map { window, threshold in
                    "\(type.times.count { $0 > newest - Int64(window) * 1000 }) of \(threshold)"
                }
                return [Page.shown(type.name), type.times.isEmpty ? "" : state.clock.text(newest), Now.age(newest)]
                    + counts
            }, rightAligned: Set(2..<3 + windows.count))
    }
}

/// `*` stands for any text, `?` for any one character.
struct Glob {
    private let pattern: [Character]

    init(_ pattern: String) {
        self.pattern = Array(pattern)
    }

    func matches(_ text: String) -> Bool {
        let text = Array(text)
        var (position, place) = (0, 0)
        // Where to retry: after the last star, which takes one character more.
        var star: (position: Int, place: Int)?
        while place < text.count {
            if position < pattern.count, pattern[position] == "*" {
                star = (position + 1, place)
                position += 1
            } else if position < pattern.count, pattern[position] == "?" || pattern[position] == text[place] {
                position += 1
                place += 1
            } else if let last = star {
                star = (last.position, last.place + 1)
                (position, place) = (last.position, last.place + 1)
            } else {
                return false
            }
        }
        return pattern[position...].allSatisfy { $0 == "*" }
    }
}
