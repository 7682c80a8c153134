import Arguments
import Assay
import AssayCore

extension Declaration {
    static let serve = Command(
        "serve", summary: "Answers each transaction over HTTP with its assessment.",
        discussion: [
            """
            POST /v1/assessments takes a transaction as JSON, or lines of them as application/x-ndjson, and answers \
            with what 'assay score' would write. An answer is never different later, never forgotten, and counted \
            once: a client that got none asks again.
            """,
            """
            Accepted lines are in the journal, DIR/journal, before anything of them is seen. A run that was killed \
            goes on from its last checkpoint and scores the journal behind it again. 'cat DIR/journal/*.jsonl | assay \
            score' gives the same assessments.
            """,
            """
            SIGINT and SIGTERM answer what is under way, take a checkpoint and exit 0. SIGHUP reads rules, patterns, \
            lists and tokens again. SIGUSR1 takes a checkpoint.
            """,
            exitCodes,
            "Example:\n    assay serve --config rules.yaml --state Checkpoints",
        ],
        options: [
            .value(
                "listen", "ADDRESS", help: "where to answer; others than loopback need --tokens",
                default: "127.0.0.1:8080"),
            .value("config", short: "c", "FILE", .file, help: "settings; see 'assay check-config --print-defaults'"),
            .value(
                "output", short: "o", "OUTPUT", .file,
                help: "also write assessments to a file, or - for standard output"),
            .value(
                "output-format", "FORMAT", .choice(["jsonl", "csv"]), help: "how they are written: jsonl or csv",
                default: "jsonl"),
            .value(
                "min-level", "LEVEL", .choice(RiskLevel.allCases.map(\.label)),
                help: "write only assessments of this level and above", default: "low"),
            .value("rejects", "FILE", .file, help: "append rejected lines to this file"),
            .flag("overwrite", help: "replace output files that are not empty"),
            .value(
                "durable", "WHEN", .choice(["journal", "memory"]),
                help: "answer when the line is durable (journal), or at once and sync each 100 ms (memory)",
                default: "journal"),
            .value(
                "journal-keep", "TIME", .duration, help: "keep files of the journal at least this long", default: "7d"),
            .value("answers-keep", "TIME", .duration, help: "remember answers this long", default: "24h"),
            .value(
                "answers-limit", "N", .integer(1...100_000_000), help: "remember at most N answers",
                default: "1000000"),
            .value(
                "drain", "TIME", .duration, help: "the longest that ending waits for requests", default: "10s"),
            .value("new-token", "NAME", help: "print a new token and its line for --tokens, and do nothing else"),
            .value("scopes", "SCOPES", help: "what the new token allows: of score,label,read,review,admin"),
        ]
            + Listening.access + RunOptions.saving(of: "transactions", state: "where users, journal and answers are")
            + RunOptions.limits)
}
