import Arguments
import Assay
import AssayCore

/// The command line of `assayctl` for help, parsing and completion.
enum Declaration {
    static let version = "0.1.0"

    static let root = Command(
        "assayctl", summary: "Inspects and maintains the state of assay.",
        discussion: [
            """
            Reading commands work while 'assay score' runs: they see the last checkpoint, all of it, and nobody waits \
            for them. Changing ones (snapshot restore and prune, import, forget) need exclusive access to it.
            """,
            "'assayctl COMMAND --help' describes one command.", exitCodes,
        ],
        subcommands: [
            status, checkpoints, users, user, patterns, model, key, alerts, labels, explain, query, verify, snapshot,
            restore,
            diff,
            export, importing, forget,
        ])

    private static let exitCodes = """
        Exit codes:
           0  done
           1  there is no such user, or nothing to work on
          64  the command line, or the query, is wrong
          65  the state is damaged, or an import is invalid
          66  there is no state, or no such file
          73  a file or folder cannot be created
          74  reading or writing failed
          75  the state is in use by another process
          78  the configuration is wrong
        """

    private static let state = Option.value(
        "state", "DIR", .directory, help: "where the state is", default: "Checkpoints")

    private static let common = [
        state,
        Option.flag("json", help: "JSON for programs, as described in schemas/assayctl.schema.json"),
    ]

    private static func limit(_ what: String) -> Option {
        .value("limit", "N", .integer(1...1_000_000_000), help: "show at most N \(what)", default: "20")
    }

    private static let status = Command(
        "status", summary: "Shows the state: last checkpoint, users, transactions, size, owner.", options: common)

    private static let checkpoints = Command(
        "checkpoints", summary: "The last checkpoints with their figures, newest first.",
        options: [limit("checkpoints")] + common)

    private static let users = Command(
        "users", summary: "The users that are known.",
        options: [
            .value(
                "sort", "BY", .choice(["transactions", "recent", "amount"]), help: "the greatest first",
                default: "transactions"), limit("users"),
            .value("match", "GLOB", help: "only ids like this: * for any text, ? for one character"),
        ] + common)

    private static let user = Command(
        "user", summary: "Everything that is known of one user.",
        operands: [Operand("ID", .text, help: "the user's id", isRequired: true)], options: common)

    private static let patterns = Command(
        "patterns", summary: "The sequences that patterns have begun: the state of each, and when it ends.",
        discussion: [
            """
            For the state of 'assay run' with patterns, and of 'assay score' with patterns in its configuration. For \
            each open sequence: what it has taken, what it waits for, what ends it, and when its time is over.
            """,
            "Example:\n    assayctl patterns u0042 --state Checkpoints/sequences",
        ],
        operands: [Operand("KEY", .text, help: "only this key or user; parts of a key are joined by ', '")],
        options: [limit("keys")] + common)

    private static let model = Command(
        "model", summary: "What was learned from labels: the model, how it is, and what weighs most.",
        discussion: [
            """
            'reset' forgets the weights, so that the model learns anew; what is known of merchants stays. 'restore' \
            takes the model and the memories of a snapshot, and leaves users as they are: this is how one goes back \
            after wrong labels. Both need exclusive access and are recorded.
            """,
            "Example:\n    assayctl model restore 42",
        ],
        operands: [
            Operand("ACTION", .text, help: "reset, or restore (default: show it)"),
            Operand("SNAPSHOT", help: "for restore: a snapshot's number, or a file"),
        ],
        options: [
            limit("weights"),
            .flag("clock", help: "with reset: forget the stream's clock and what waits for labels too"),
        ] + common)

    private static let key = Command(
        "key", summary: "What the labels of a merchant, or of another risk key's value, come to.",
        discussion: ["Example:\n    assayctl key merchant_id m0042"],
        operands: [
            Operand("KEY", .text, help: "a risk key of the configuration, such as merchant_id", isRequired: true),
            Operand("VALUE", .text, help: "the value", isRequired: true),
        ], options: common)

    private static let alerts = Command(
        "alerts", summary: "Whom was told what: alerts that wait, were sent, or failed, newest first.",
        discussion: [
            """
            'retry ID' lets an alert that failed be sent again, by the assay that runs or by the next one. --state \
            waiting, sent or failed shows only those; it may be given beside the folder.
            """,
            "Example:\n    assayctl alerts --state failed\n    assayctl alerts retry blocked_payment-1f0c2a4b",
        ],
        operands: [
            Operand("ACTION", .text, help: "retry (default: show them)"),
            Operand("ID", .text, help: "for retry: the alert"),
        ],
        options: [
            .value(
                "state", "DIR|STATE", .directory,
                help: "where the state is, and which alerts: waiting, sent or failed", default: "Checkpoints"),
            .flag("json", help: "JSON for programs, as described in schemas/assayctl.schema.json"),
            limit("alerts"),
        ])

    private static let labels = Command(
        "labels", summary: "What people have judged at the desk, as labels.",
        discussion: [
            """
            --csv writes them as 'assay backtest --labels' and 'assay score --labels' take them, each with the time of \
            its judgement. Of a result that was judged again the last judgement counts; an unsure one is no label.
            """,
            "Example:\n    assayctl labels --csv > labels.csv\n    assay backtest payments.jsonl --labels labels.csv",
        ],
        options: [
            .flag("csv", help: "CSV: transaction_id,label,timestamp")
        ] + common)

    private static let explain = Command(
        "explain", summary: "Why transactions would get their scores now.",
        discussion: [
            """
            Each line is scored against the state, which does not change. What 'assay score' would write next \
            is shown with each check's inputs, its comparisons and their results.
            """,
            "Example:\n    grep tx000136282 payments.jsonl | assayctl explain --set amount=50",
        ],
        operands: [Operand("FILE", help: "transactions as JSON lines, or - for standard input (default)")],
        options: [
            .value("set", "FIELD=VALUE", help: "change the transactions first; may be given several times"),
            .value("config", short: "c", "FILE", .file, help: "other settings than those of the last checkpoint"),
        ] + common)

    private static let query = Command(
        "query", summary: "SQL over the decoded state.",
        discussion: [
            """
            Reading only, in SQLite's dialect, with median(x) and percentile(x, p), p from 0 to 100. A pipeline's \
            state has a table 'keys' of its own, and those of users where a stream scores. What was learned from \
            labels is in 'pending', 'keys' and 'weights'. The tables:
            """ + "\n\n" + tables,
            "Example:\n    assayctl query 'select user_id, transactions from users order by 2 desc limit 10'",
        ],
        operands: [Operand("SQL", .text, help: "one query", isRequired: true)],
        options: [
            .flag("csv", help: "CSV with a header"),
            .value(
                "patience", "TIME", .duration,
                help: "end a query that takes longer: the state's log grows while one reads it", default: "60s"),
        ] + common)

    private static var tables: String {
        let keys = (table: "keys (of a pipeline)", columns: PipelineCommands.columns)
        return (UserTables.columns + LearnedTables.columns + [keys]).map { table, columns in
            let width = columns.map(\.name.count).max() ?? 0
            return "    \(table)\n"
                + columns.map { "        \($0.name.padded(to: width))  \($0.meaning)" }.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    private static let verify = Command(
        "verify", summary: "Whether the state is whole, and who is affected if not.",
        operands: [Operand("FILE", help: "a snapshot in place of the state")],
        options: [.flag("deep", help: "also decode the state of every user")] + common)

    private static let snapshot = Command(
        "snapshot", summary: "Makes, lists, restores and removes snapshots.",
        subcommands: [
            Command("create", summary: "Makes a snapshot of the last checkpoint, also while scoring.", options: common),
            Command("list", summary: "The snapshots, newest first.", options: common),
            restore,
            Command(
                "prune", summary: "Removes the oldest snapshots, and former states.",
                options: [.value("keep", "N", .integer(0...10_000), help: "keep the last N", default: "3")] + common),
        ])

    private static let restore = Command(
        "restore", summary: "Puts a snapshot in the state's place; the last three states are kept as state.db.old*.",
        operands: [Operand("SNAPSHOT", .text, help: "its number, or a file (default: the newest)")], options: common)

    private static let diff = Command(
        "diff", summary: "What differs between two snapshots, or one and now.",
        operands: [
            Operand("BEFORE", help: "a snapshot's number, a file, or now", isRequired: true),
            Operand("AFTER", help: "the same (default: now)"),
        ], options: [limit("users of each kind")] + common)

    private static let format = Option.value(
        "format", "FORMAT", .choice(["jsonl", "csv"]), help: "JSON lines or CSV", default: "jsonl")

    private static let export = Command(
        "export", summary: "Writes the whole state, decoded: for another machine, or another version.",
        options: [format, state])

    private static let importing = Command(
        "import", summary: "Creates a state from an export.",
        operands: [Operand("FILE", help: "what was exported, or - for standard input (default)")],
        options: [format, .flag("overwrite", help: "replace the state; it is kept as state.db.old")] + common)

    private static let forget = Command(
        "forget", summary: "Removes users from the state without a trace.",
        discussion: [
            """
            No byte of the users is left in the database, its log and its free space. Their removal is recorded, not \
            their names. Snapshots that still have one of them are listed.
            """
        ],
        operands: [Operand("ID", .text, help: "a user's id", isRequired: true, isRepeated: true)], options: common)

    static func run(_ path: [String], _ arguments: ParsedArguments) throws(Failure) {
        switch path {
        case ["status"]: try StatusCommands.status(arguments)
        case ["checkpoints"]: try StatusCommands.checkpoints(arguments)
        case ["users"]: try UserCommands.users(arguments)
        case ["user"]: try UserCommands.user(arguments)
        case ["patterns"]: try PatternsCommand.run(arguments)
        case ["model"]: try ModelCommands.run(arguments)
        case ["key"]: try ModelCommands.key(arguments)
        case ["alerts"]: try AlertsCommand.run(arguments)
        case ["labels"]: try LabelsCommand.run(arguments)
        case ["explain"]: try ExplainCommand.run(arguments)
        case ["query"]: try QueryCommand.run(arguments)
        case ["verify"]: try VerifyCommand.run(arguments)
        case ["snapshot", "create"]: try SnapshotCommands.create(arguments)
        case ["snapshot", "list"]: try SnapshotCommands.list(arguments)
        case ["restore"], ["snapshot", "restore"]: try SnapshotCommands.restore(arguments)
        case ["snapshot", "prune"]: try SnapshotCommands.prune(arguments)
        case ["diff"]: try DiffCommand.run(arguments)
        case ["export"]: try TransferCommands.export(arguments)
        case ["import"]: try TransferCommands.import(arguments)
        case ["forget"]: try ForgetCommand.run(arguments)
        default: preconditionFailure("every declared command is run")
        }
    }
}
