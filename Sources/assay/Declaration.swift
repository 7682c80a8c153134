import Arguments
import Assay
import AssayCore

/// The command line of `assay` for help, parsing and completion.
enum Declaration {
    static let version = "0.1.0"

    static let root = Command(
        "assay", summary: "Scores payment transactions for fraud, remembering every user.",
        discussion: [
            "'assay COMMAND --help' describes one command.",
            exitCodes,
        ],
        subcommands: [
            score, serve, runPipeline, checkConfig, patterns, testRules, backtest, explain, report, sort,
            eval, generate,
            alerts,
        ])

    static let exitCodes = """
        Exit codes:
           0  done, also when lines were rejected
          64  the command line is wrong
          65  bad data: --strict met a bad line, or the state, the input or the output has changed
          66  the input cannot be opened
          73  the output cannot be created
          74  reading or writing failed
          75  the state is in use by another process
          78  the configuration is wrong
         141  whoever read the output has gone
        """

    static let score = Command(
        "score", summary: "Reads transactions and writes one risk assessment for each.",
        discussion: [
            """
            Input is one JSON object per line (or CSV with a header), output one JSON object per line, in the same \
            order. A line that is not a transaction is rejected: it changes nothing, is counted by reason, and \
            written to --rejects. A live stream is answered at once: when no more input waits, everything scored is \
            written.
            """,
            """
            Checkpoints make a run safe against anything: killed at any moment, the same command run again resumes at \
            the last checkpoint and ends with the same output, byte for byte. What was written after the checkpoint \
            is cut off and written again; into a pipe it is written a second time. Another input continues with the \
            state.
            """,
            """
            SIGINT and SIGTERM finish what was read, take a checkpoint, write the summary and exit 0, or as \
            --exit-on-signal says; a second one exits at once. SIGUSR1 takes a checkpoint now.
            """,
            """
            With --config, SIGHUP reads the file's rules, patterns and lists again, all of them or, when one is \
            wrong, none. The lines before are scored with the old ones and are in a checkpoint before the first line \
            is scored with the new ones, so that a run that resumes from there or later scores the same.
            """,
            exitCodes,
            "Example:\n    assay score payments.jsonl -o assessments.jsonl --rejects rejects.jsonl",
        ],
        operands: [Operand("INPUT", help: "a file, or - for standard input (default)")],
        options: [
            .value("output", short: "o", "OUTPUT", .file, help: "a file, or - for standard output", default: "-"),
            .value(
                "output-format", "FORMAT", .choice(["jsonl", "csv"]), help: "how assessments are written: jsonl or csv",
                default: "jsonl"),
            .value(
                "min-level", "LEVEL", .choice(RiskLevel.allCases.map(\.label)),
                help: "write only assessments of this level and above", default: "low"),
            .value("rejects", "FILE", .file, help: "write rejected lines to this file"),
            .flag("keep-open", help: "leave a last line without its end to the next run"),
            .value("config", short: "c", "FILE", .file, help: "settings; see 'assay check-config --print-defaults'"),
            .value(
                "labels", "FILE", .file,
                help: "labels that come by their own timestamps, as lines or CSV; the configuration must learn"),
            .value(
                "format", "FORMAT", .choice(InputFormat.allCases.map(\.rawValue)),
                help: "how transactions are written: jsonl, json (an array, or objects over lines) or csv",
                default: "jsonl"),
            .flag("overwrite", help: "replace output files that are not empty"),
        ]
            + RunOptions.checkpointing(
                of: "transactions", state: "where users are remembered; created when missing",
                stateDefault: "Checkpoints") + RunOptions.dialect + RunOptions.resources + RunOptions.telling
            + Listening.options)

    static let runPipeline = Command(
        "run", summary: "Runs a pipeline: windows, aggregates and assessments over a stream of events.",
        discussion: [
            """
            The pipeline file says how the input is read, what streams are made of it and where they go; expressions \
            are CEL. Everything is checked before the first line is read. Events are JSON objects, one per line, or \
            CSV with a header.
            """,
            """
            Event time is that of the events: a window is emitted once an event has come whose time is 'out_of_order' \
            after its end. Events that come too late are counted and go to the stream that 'late' names. At the end \
            of the input everything that is open is emitted.
            """,
            """
            Checkpoints are those of 'assay score': killed at any moment, the same command run again ends with the \
            same files, parts and tables. What was written into a pipe after the last checkpoint comes a second time. \
            Without 'outputs' streams that no other stream reads go to standard output, with the stream's name in each \
            line.
            """,
            exitCodes,
            """
            Example:
                assay generate --kind orders | assay run Examples/pipelines/ecommerce.yaml
                assay run pipeline.yaml --explain --svg pipeline.svg
            """,
        ],
        operands: [
            Operand("PIPELINE", help: "the pipeline file", isRequired: true),
            Operand("INPUT", help: "a file, or - for standard input (default)"),
        ],
        options: [
            .flag("explain", help: "draw the streams as text, and read nothing"),
            .value("svg", "FILE", .file, help: "with --explain: also draw them as SVG into this file"),
            .value("output-folder", "DIR", .directory, help: "where relative outputs of the pipeline go", default: "."),
            .value("rejects", "FILE", .file, help: "write rejected lines to this file"),
            .flag("overwrite", help: "replace output files, parts and tables that are not empty"),
            .flag("keep-open", help: "at the end of the input leave open what is open, for the next run"),
        ]
            + RunOptions.checkpointing(
                of: "events", state: "where the state is kept; created when missing",
                stateDefault: "Checkpoints/NAME of the pipeline file") + RunOptions.dialect + RunOptions.resources
            + RunOptions.telling + Listening.options)

    static let checkConfig = Command(
        "check-config", summary: "Checks a configuration or a pipeline file, or prints the reference.",
        discussion: [
            """
            For a pipeline, the columns of each stream are printed with their types. For a configuration, every rule \
            is checked with the types of what it names, and what each reads is printed. A mistake is reported with \
            file, line and column, and shown.
            """
        ],
        operands: [Operand("FILE", help: "the file to check")],
        options: [
            .flag("connect", help: "also try each input and output: servers, rights and tables; nothing is changed"),
            .flag("print-defaults", help: "print every setting with its default and what it is for"),
            .flag("print-schema", help: "print the JSON Schema of configuration files"),
            .flag("print-variables", help: "print the variables of rules, with types"),
        ])

    static let patterns = Command(
        "patterns",
        summary: "Shows the patterns of a pipeline or a configuration: what they look for, and their states.",
        discussion: [
            """
            Each pattern is compiled into states and the edges between them. --draw prints the conditions and all \
            states; --svg draws them, with solid lines for events that are taken, dashed ones for those that are \
            skipped, dotted ones for those that are shown to the next state.
            """,
            """
            Example:
                assay patterns Examples/patterns/sequences.yaml --draw --name browsing --svg browsing.svg
            """,
        ],
        operands: [Operand("FILE", help: "the pipeline file, or a configuration of 'assay score'", isRequired: true)],
        options: [
            .flag("draw", help: "print the conditions and the states"),
            .value("name", "PATTERN", .text, help: "only this pattern"),
            .value("svg", "FILE", .file, help: "draw the states of one pattern as SVG into this file"),
            .flag("overwrite", help: "replace a file that is not empty"),
        ])

    static let testRules = Command(
        "test-rules", summary: "Runs transactions through rules and compares with what is expected.",
        discussion: [
            """
            CASES is a list of cases, each with a name, the transactions given before ('given'), the transaction in \
            question ('transaction') and what is expected of it ('expect'): 'fired', 'shadow' and 'failed' list all \
            rules that do so; 'decision', 'decided_by', 'level' and 'score' as in assessments. Only what \
            is named is compared. Every case begins with an empty state. In given transactions 'count' and 'every' \
            repeat one. What a transaction lacks is supplied: an id, the user u, the amount 1, a time one minute \
            after the previous one.
            """,
            """
            Example:
                - name: small payments in a row are caught
                  given:
                    - {amount: 20, count: 11, every: 1h}
                    - {amount: 1, count: 3, every: 10s}
                  transaction: {amount: 1.5}
                  expect: {fired: [card_testing], level: high}
            """,
            "Exits with 0 when all are as expected, with 1 when some are not.",
        ],
        operands: [
            Operand("CONFIG", help: "the configuration with the rules"), Operand("CASES", help: "the file of cases"),
        ],
        options: [.flag("json", help: "print the outcome as JSON")])

    static let backtest = Command(
        "backtest", summary: "Compares two configurations over the same history.",
        discussion: [
            """
            Both score the input in one pass, each with its own state, which is discarded at the end. The report shows \
            levels, decisions, what changed, how often each rule fired in both, and with labels how well they find \
            fraud: precision, recall, and average precision over all scores.
            """,
            """
            Labels are lines of a transaction id, or of an id and a label, separated by a comma, a semicolon or a tab; \
            0, false, no, legitimate and normal mean that it was not fraud. A header may name the columns \
            transaction_id, label and timestamp; lines of JSON as among transactions will do too.
            """,
            """
            A configuration that learns gets each label at its timestamp, or without one --label-delay after its \
            transaction: never before it could have been known.
            """,
            "Example:\n    assay backtest payments.jsonl --config new.yaml --against old.yaml --labels fraud.csv",
        ],
        operands: [Operand("INPUT", help: "a file, or - for standard input (default)")],
        options: [
            .value("config", short: "c", "NEW", .file, help: "the configuration to try"),
            .value("against", "OLD", .file, help: "the one to compare with", default: "the defaults, without rules"),
            .value("labels", "FILE", .file, help: "which transactions were fraud"),
            .value(
                "label-delay", "TIME", .duration, help: "from a transaction to its label, where that has no timestamp",
                default: "the maturity"),
            .value(
                "from", "TIME",
                help: "leave earlier transactions out of all figures; they are learned from all the same"),
            .value("changes", "FILE", .file, help: "write each transaction whose level or decision changed, as JSON"),
            .value("html", "FILE", .file, help: "write the comparison as one page, with plots"),
            .flag("overwrite", help: "replace files of --changes and --html that are not empty"),
            .value(
                "format", "FORMAT", .choice(InputFormat.allCases.map(\.rawValue)),
                help: "how transactions are written: jsonl, json (an array, or objects over lines) or csv",
                default: "jsonl"),
            .flag("json", help: "print the comparison as JSON"),
        ] + RunOptions.dialect)

    static let report = Command(
        "report", summary: "Writes what a state tells of a period as one page, with plots.",
        discussion: [
            """
            Volumes by level, rules, the users with most to see, and how good scores were by what people have judged. \
            Volumes come from the checkpoints of the state and of its snapshots, so that they are as fine as these. \
            The run may go on meanwhile.
            """,
            "Example:\n    assay report Checkpoints --from 2026-01-01 --to 2026-02-01 -o report.html",
        ],
        operands: [Operand("STATE", .directory, help: "the folder of the state (default: Checkpoints)")],
        options: [
            .value("from", "TIME", help: "leave out what was before this event time"),
            .value("to", "TIME", help: "leave out what was at this event time or later"),
            .value("output", short: "o", "FILE", .file, help: "write the page to this file", default: "-"),
            .flag("overwrite", help: "replace a file that is not empty"),
        ])

    static let explain = Command(
        "explain", summary: "Why a past transaction got its score.",
        discussion: [
            """
            Finds the first transaction of this id in FILE, replays FILE up to it from the nearest snapshot, and \
            explains it as of then: what each check saw, and what came of it. Without a snapshot before it, FILE is \
            replayed from its start, with nothing known before. Snapshots are made by 'assay score \
            --snapshot-interval' and 'assayctl snapshot create'. Nothing is changed.
            """,
            """
            'assayctl explain' answers for a transaction as if it came next.
            """,
            "Example:\n    assay explain payments.jsonl --id tx000136282",
        ],
        operands: [Operand("FILE", help: "the input that it is in", isRequired: true)],
        options: [
            .value("id", "ID", .text, help: "the transaction's id"),
            .value("state", "DIR", .directory, help: "where users are remembered", default: "Checkpoints"),
            .value("config", short: "c", "FILE", .file, help: "other settings than those of the checkpoint"),
            .value("labels", "FILE", .file, help: "the labels that the run was given with --labels"),
            .value(
                "format", "FORMAT", .choice(InputFormat.allCases.map(\.rawValue)),
                help: "how transactions are written: jsonl, json (an array, or objects over lines) or csv",
                default: "jsonl"),
            .flag("json", help: "JSON for programs, as that of 'assayctl explain'"),
        ] + RunOptions.dialect)

    static let alerts = Command(
        "alerts", summary: "Tries the channels by which alerts are told.",
        discussion: [
            """
            Sends one alert that says that it is a test to the channel, and waits for its answer. Nothing is \
            remembered of it. 'assayctl alerts' shows the alerts of a state.
            """,
            exitCodes, "Example:\n    assay alerts test fraud_desk --config assay.yaml",
        ],
        subcommands: [
            Command(
                "test", summary: "Sends a test to a channel.",
                operands: [Operand("CHANNEL", .text, help: "its name in the file", isRequired: true)],
                options: [
                    .value(
                        "config", short: "c", "FILE", .file, help: "the configuration or pipeline file with 'alerts'")
                ])
        ])

    static let sort = Command(
        "sort", summary: "Sorts lines by their event time.",
        discussion: [
            """
            Lines of equal times stay in the order of the input. What does not fit into --memory is written to \
            temporary files, which are gone afterwards, however the command ends. OUTPUT is in place once it is \
            whole; as FILE.gz or FILE.zst it is compressed. Lines without a time are rejected; blank lines are \
            dropped.
            """,
            "Example:\n    assay sort payments.jsonl.gz -o sorted.jsonl --rejects rejects.jsonl",
        ],
        operands: [Operand("INPUT", help: "a file, also a compressed one, or - for standard input (default)")],
        options: [
            .value("output", short: "o", "OUTPUT", .file, help: "a file, or - for standard output", default: "-"),
            .value("rejects", "FILE", .file, help: "write lines without a time to this file"),
            .value(
                "format", "FORMAT", .choice(InputFormat.allCases.map(\.rawValue)),
                help: "how events are written: jsonl, json (an array, or objects over lines) or csv", default: "jsonl"),
            .value("time", "FIELD", .text, help: "the field or column that has the time", default: "timestamp"),
            .value(
                "config", short: "c", "FILE", .file, help: "takes 'timezone' and the name of the time from 'fields'"),
            .value("memory", "SIZE", .size, help: "take about this much memory", default: "256MiB"),
            .value(
                "temporary-folder", "DIR", .directory, help: "for what does not fit into memory",
                default: "that of OUTPUT"),
            .flag("overwrite", help: "replace an output file that is not empty"),
            .flag("quiet", short: "q", help: "say only what went wrong"),
        ] + RunOptions.dialect)

    static let eval = Command(
        "eval", summary: "Evaluates an expression of CEL, the language of rules.",
        discussion: [
            """
            Prints the value and its type, or what is wrong and where. Expressions are CEL, the Common Expression \
            Language, without protobuf messages. Types are checked before anything is evaluated.
            """,
            """
            --batch reads one request per line, such as {"expr":"a + 1","bindings":{"a":{"int":"1"}},"container":"", \
            "check":true,"macros":true,"type_env":[{"name":"a","type":"int"}]}, and answers each with one line: \
            {"value":{"int":"2"}}, {"error":"..."} or, where the request has "check_only":true, {"type":"int"}.
            """,
            exitCodes,
            """
            Example:
                assay eval 'amount > 100.0 && currency != "USD"' --with '{"amount": 120.5, "currency": "EUR"}'
            """,
        ],
        operands: [Operand("EXPR", help: "the expression")],
        options: [
            .value("with", "JSON", .file, help: "variables: a JSON object, or a file that holds one"),
            .flag("json", help: "print the value as JSON with types, as --batch does"),
            .flag("batch", help: "answer requests from standard input, one per line"),
        ])

    static let generate = Command(
        "generate", summary: "Generates a stream of transactions or orders for demonstrations and benchmarks.",
        discussion: [
            """
            Users have homes, habits and amounts; a part of the transactions belongs to fraud of four kinds: burst, \
            travel, spike and takeover. With --kind orders it is a shop's orders: products, prices, quantities and \
            addresses, a tenth of them from one aggressive address. The same options give the same bytes.
            """,
            "Example:\n    assay generate --transactions 1000000 --users 100000 | assay score > assessments.jsonl",
        ],
        options: [
            .value("transactions", short: "n", "N", .integer(0...Int64.max), help: "how many", default: "100000"),
            .value("kind", "KIND", .choice(["transactions", "orders"]), help: "of what", default: "transactions"),
            .value(
                "profile", "PROFILE", .choice(GeneratorProfile.allCases.map(\.rawValue)),
                help: "what people do: regulars come back to a few places, commuters move about and vary more, and "
                    + "bare transactions have neither places nor metadata",
                default: "regulars"),
            .value(
                "uneven", "PART", .real(0...1),
                help: "so many lines have another order of members, an escape, or numbers as texts", default: "0"),
            .value("users", "N", .integer(1...1_000_000_000), help: "the number of users", default: "1000"),
            .value(
                "days", "DAYS", .real(0.001...36_500), help: "spread over this many days",
                default: "30, or 1 for orders; with --rate as long as it takes"),
            .value(
                "start", "WHEN", .choice(["2025", "now"]), help: "the time of the first event: 2025-01-01, or now",
                default: "2025"),
            .value("rate", "N", .real(0.001...1e9), help: "write N lines per second, in real time"),
            .value("seed", "N", .integer(0...Int64.max), help: "another seed, another stream", default: "1"),
            .value("fraud", "RATE", .real(0...0.5), help: "the part of transactions that is fraud", default: "0.01"),
            .value(
                "disorder", "SECONDS", .real(0...86_400), help: "transactions arrive up to this late", default: "0"),
            .value("labels", "FILE", .file, help: "write the ids of suspicious events to this file, as CSV"),
            .value(
                "label-delay", "TIME", .duration,
                help: "write the time when each label becomes known: so long after its transaction"),
            .value("output", short: "o", "FILE", .file, help: "write to this file", default: "-"),
            .flag("overwrite", help: "replace files that are not empty"),
        ])
}
