import Arguments
import Assay
import AssayCore
import CivilTime
import Glibc
import StateStore

/// `assayctl alerts`.
enum AlertsCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let (folder, state) = try place(arguments)
        switch arguments.operands.first {
        case nil: try show(folder, state, arguments)
        case "retry"?:
            guard arguments.operands.count == 2 else {
                throw Failure(code: .usage, message: "name the alert that is to be tried again, by its id")
            }
            try retry(arguments.operands[1], folder, arguments)
        case let other?:
            throw Failure(
                code: .usage, message: "'\(Page.shown(other))' is nothing to do; 'retry ID' tries one that failed again"
            )
        }
    }

    /// `--state` names the folder, as for every command, and also which alerts are asked for.
    private static func place(
        _ arguments: ParsedArguments
    ) throws(Failure) -> (folder: String, state: AlertSending.State?) {
        var folder = "Checkpoints"
        var state: AlertSending.State?
        for text in arguments.texts("state") {
            if let named = AlertSending.State.allCases.first(where: { $0.label == text }) {
                state = named
            } else {
                folder = text
            }
        }
        return (folder, state)
    }

    private static func open(_ folder: String, _ access: AlertStore.Access) throws(Failure) -> AlertStore? {
        let path = "\(folder)/\(AlertStore.fileName)"
        guard Glibc.access(folder, F_OK) == 0 else {
            throw Failure(code: .noInput, message: "there is no state in '\(folder)'; name its folder with --state")
        }
        guard Glibc.access(path, F_OK) == 0 else { return nil }
        do throws(StoreError) {
            return try AlertStore(path: path, access)
        } catch {
            throw Failure(error, file: path)
        }
    }

    private static func reading<Result>(
        _ store: AlertStore, _ body: () throws(StoreError) -> Result
    ) throws(Failure) -> Result {
        do throws(StoreError) {
            return try body()
        } catch {
            throw Failure(error, file: store.path)
        }
    }

    // MARK: Showing

    private static func show(
        _ folder: String, _ state: AlertSending.State?, _ arguments: ParsedArguments
    ) throws(Failure) {
        let limit = Int(arguments.integer("limit") ?? 20)
        var sendings: [AlertSending] = []
        var counts: [AlertSending.State: Int64] = [:]
        if let store = try open(folder, .read) {
            try reading(store) { () throws(StoreError) in
                sendings = try store.newest(state, atMost: limit)
                counts = try store.counts()
            }
        }
        if arguments.flag("json") {
            return Page.line(
                JSON.object([
                    ("alerts", .array(sendings.map(json))),
                    ("waiting", .integer(counts[.waiting] ?? 0)), ("sent", .integer(counts[.sent] ?? 0)),
                    ("failed", .integer(counts[.failed] ?? 0)),
                ]).text)
        }
        let clock = TimeText(.utc)
        if !sendings.isEmpty {
            Page.table(
                ["id", "channel", "state", "tries", "severity", "made", "message", "answer"],
                sendings.map { sending in
                    [
                        sending.alert.id, sending.channel, sending.state.label, "\(sending.attempts)",
                        sending.alert.severity.label, clock.text(sending.alert.made / 1000 * 1000),
                        Page.shown(AlertText.cut(sending.alert.message, 60))
                            + (sending.alert.count > 1 ? " (and \(sending.alert.count - 1) more)" : ""),
                        Page.shown(AlertText.cut(sending.answer, 60)),
                    ]
                })
        }
        let words = AlertSending.State.allCases.map { "\(Figures.grouped(counts[$0] ?? 0)) \($0.label)" }
        Page.line(Page.dim(words.joined(separator: ", ")))
    }

    private static func json(_ sending: AlertSending) -> JSON {
        var members: [(String, JSON)] = [
            ("channel", .string(sending.channel)), ("state", .string(sending.state.label)),
            ("attempts", .integer(sending.attempts)), ("made_ms", .integer(sending.alert.made)),
            ("changed_ms", .integer(sending.changed)), ("answer", .string(sending.answer)),
            ("alert", AlertRecord.json(sending.alert)),
        ]
        if sending.state == .waiting { members.append(("due_ms", .integer(sending.due))) }
        return .object(members)
    }

    // MARK: Trying again

    private static func retry(_ id: String, _ folder: String, _ arguments: ParsedArguments) throws(Failure) {
        guard let store = try open(folder, .change) else {
            throw Failure(code: .no, message: "'\(folder)' has no alerts")
        }
        var count: Int64 = 0
        var isKnown = false
        try reading(store) { () throws(StoreError) in
            try store.change { () throws(StoreError) in
                isKnown = try store.alert(id: id) != nil
                count = try store.retry(id: id, at: Now.milliseconds)
            }
        }
        guard isKnown else { throw Failure(code: .no, message: "there is no alert '\(Page.shown(id))'") }
        guard count > 0 else { throw Failure(code: .no, message: "'\(Page.shown(id))' has not failed") }
        if arguments.flag("json") { return Page.line(JSON.object([("retried", .integer(count))]).text) }
        Page.line("\(count) \(count == 1 ? "channel" : "channels"): a running assay sends it within a second")
    }
}
