import Arguments
import Assay
import AssayCore

/// The options that scoring and pipelines share: checkpoints, snapshots, progress.
enum RunOptions {
    /// `elements`: what the input consists of.
    static func checkpointing(of elements: String, state: String, stateDefault: String) -> [Option] {
        saving(of: elements, state: state, stateDefault: stateDefault) + [
            .flag("no-checkpoints", help: "remember nothing: neither read nor keep any state"),
            .value(
                "input-is", "WHICH", .choice(InputExpectation.allCases.map(\.rawValue)),
                help: "the input of the last checkpoint (same), another one (new), or decide from its content (auto)",
                default: "auto"),
            .flag("until-end", help: "end where topics end now, instead of waiting for more"),
            .flag("accept-gap", help: "go on where a topic has lost what was to come next, and say what is lost"),
        ]
    }

    /// Options of runs that always have checkpoints.
    static func saving(of elements: String, state: String, stateDefault: String = "Checkpoints") -> [Option] {
        [
            .value("state", "DIR", .directory, help: state, default: stateDefault),
            .value(
                "checkpoint-interval", "TIME", .duration, help: "the time between checkpoints, such as 250ms or 1m",
                default: "10s"),
            .value(
                "checkpoint-every", "N", .integer(1...Int64.max), help: "also a checkpoint every N \(elements)"),
            .flag("fresh", help: "discard the state first, kept as state.db.old, and start its outputs over"),
            .value("snapshot-interval", "TIME", .duration, help: "make snapshots of the state this often"),
            .value(
                "snapshots-keep", "N", .integer(1...10_000), help: "keep the last N snapshots", default: "3"),
        ]
    }

    /// How CSV is written.
    static let dialect: [Option] = [
        .value(
            "delimiter", "CHARACTER", .choice([",", ";", "tab"]), help: "between the cells of CSV",
            default: "found from the header"),
        .value(
            "decimal", "CHARACTER", .choice([".", ","]), help: "before the fraction of numbers in CSV", default: "."),
        .value("columns", "NAMES", help: "the columns of CSV without a header, such as user_id,amount"),
    ]

    static func dialect(_ arguments: ParsedArguments) -> CSVDialect {
        var dialect = CSVDialect()
        dialect.delimiter = arguments.text("delimiter").flatMap { CSVDialect.delimiter(named: $0) }
        dialect.hasDecimalComma = arguments.text("decimal") == ","
        dialect.columns = arguments.text("columns").map { $0.split(separator: ",").map(String.init) }
        return dialect
    }

    /// Options for resources, and for bad lines.
    static let resources: [Option] =
        [
            memory, threads,
            .flag("strict", help: "end with exit code 65 at the first line that is rejected"),
            .value(
                "exit-on-signal", "N", .integer(0...255), help: "the exit code after SIGINT or SIGTERM", default: "0"),
        ]

    static let limits: [Option] = [memory, .flag("quiet", short: "q", help: "no summary, no notices")]

    private static let memory = Option.value(
        "memory", "SIZE", .size,
        help: "take about this much memory: what was unused for longest is read back when it is needed again",
        default: "three quarters of the machine's")

    private static let threads = Option.value(
        "threads", "N", .integer(1...1024),
        help: "compute with at most N threads at once; more than 3 change nothing, the result never changes",
        default: "3")

    static let telling: [Option] = [
        .flag("follow", help: "at the end of the file wait for it to grow"),
        .value(
            "progress", "WHEN", .choice(["auto", "always", "never"]),
            help: "show a progress line on standard error: auto (on a terminal), always or never",
            default: "auto"),
        .flag("quiet", short: "q", help: "no summary, no progress, no list of rejected lines"),
    ]

    /// Refuses options that contradict each other, or lack another. `output`: what standard output is for.
    static func checkTogether(
        _ arguments: ParsedArguments, input: String, output: String
    ) throws(Failure) {
        if arguments.flag("follow"), input == "-" {
            throw Failure(code: .usage, message: "--follow needs a file; standard input is followed anyway")
        }
        if arguments.text("rejects") == "-" {
            throw Failure(code: .usage, message: "--rejects needs a file; standard output is for \(output)")
        }
        if arguments.integer("checkpoint-interval") == 0 {
            throw Failure(code: .usage, message: "--checkpoint-interval takes a time above 0; see --no-checkpoints")
        }
        if arguments.flag("no-checkpoints") {
            let options = [
                "state", "checkpoint-interval", "checkpoint-every", "input-is", "snapshot-interval", "fresh",
                "memory",
            ]
            if let option = options.first(where: { arguments.flag($0) }) {
                throw Failure(code: .usage, message: "--\(option) needs checkpoints; leave out --no-checkpoints")
            }
        }
        if arguments.flag("snapshots-keep"), !arguments.flag("snapshot-interval") {
            throw Failure(code: .usage, message: "--snapshots-keep needs --snapshot-interval")
        }
    }

    static func snapshots(_ arguments: ParsedArguments) -> SnapshotPlan? {
        arguments.integer("snapshot-interval").map {
            SnapshotPlan(intervalSeconds: Double($0) / 1000, kept: Int(arguments.integer("snapshots-keep") ?? 3))
        }
    }

    static func console(_ arguments: ParsedArguments, totalBytes: UInt64?) -> Console {
        let isQuiet = arguments.flag("quiet")
        let wanted = arguments.text("progress") ?? "auto"
        return Console(
            isQuiet: isQuiet,
            showsProgress: wanted == "always" || (wanted == "auto" && Diagnostics.isTerminal && !isQuiet),
            totalBytes: arguments.flag("follow") ? nil : totalBytes)
    }
}
