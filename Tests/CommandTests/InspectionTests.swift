import Foundation
import TestSupport
import Testing

/// `assayctl` as its users call it.
@Suite struct InspectionTests {
    /// Answers what a command prints as JSON, which keeps to its schema.
    private static func ask(
        _ command: String, _ arguments: String, in folder: TemporaryFolder
    ) throws -> [String: Any] {
        let run = try Binary.shell("$ASSAYCTL \(command) --json \(arguments) > answer.json", in: folder)
        try #require(run.code == 0, "\(command) \(arguments): \(run.errors)")
        let checked = try Binary.shell(
            "\(Repository.python) \(Repository.validator) \(Repository.root.path)/schemas/assayctl.schema.json "
                + "answer.json '\(command)'", in: folder)
        #expect(checked.code == 0, "\(command): \(String(decoding: checked.output, as: UTF8.self)) \(checked.errors)")
        let data = try Data(contentsOf: folder.url.appending(path: "answer.json"))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private static let users = 100_000

    /// Every command that only reads, against a state of many users.
    private static func lookAtEverything(in folder: TemporaryFolder) throws {
        let status = try ask("status", "", in: folder)
        let checkpoint = try #require(status["checkpoint"] as? [String: Any])
        #expect(try #require(checkpoint["users"] as? Int) > users / 2)
        #expect(try #require(try ask("checkpoints", "", in: folder)["checkpoints"] as? [Any]).count >= 2)
        let listed = try #require(try ask("users", "--limit 7 --sort recent", in: folder)["users"] as? [[String: Any]])
        #expect(listed.count == 7)
        let id = try #require(listed[0]["user_id"] as? String)
        #expect(try ask("user", id, in: folder)["user_id"] as? String == id)
        let rows = try #require(
            try ask("query", "'select user_id, transactions from users order by 2 desc limit 3'", in: folder)["rows"]
                as? [[Any]])
        #expect(rows.count == 3)
        for table in ["users", "velocity", "places", "amounts", "hours", "types", "checkpoints"] {
            let counted = try #require(
                try ask("query", "'select count(*), max(1) from \(table)'", in: folder)["rows"] as? [[Int]])
            #expect(counted[0][0] > 0, "\(table)")
        }
        let explained = try #require(try ask("explain", "some.jsonl", in: folder)["explanations"] as? [[String: Any]])
        #expect(explained.count == 20)
        #expect(try ask("verify", "--deep", in: folder)["whole"] as? Bool == true)
        _ = try ask("snapshot create", "", in: folder)
        #expect(!(try #require(try ask("snapshot list", "", in: folder)["snapshots"] as? [Any]).isEmpty))
        _ = try ask("diff", "now now", in: folder)
        for (command, text) in [
            ("status", "users"), ("checkpoints", "reason"), ("users", "transactions"), ("user \(id)", "km from it"),
            ("explain some.jsonl", "score"), ("query 'select 1 as one'", "one"), ("verify", "all whole"),
            ("snapshot list", "snapshot"), ("diff now now", "0 users added"),
        ] {
            let run = try Binary.shell("$ASSAYCTL \(command)", in: folder)
            #expect(run.code == 0 && String(decoding: run.output, as: UTF8.self).contains(text), "\(command)")
        }
    }

    @Test("Everything can be looked at while the engine scores, and changing commands have to wait")
    func scoring() throws {
        let folder = try TemporaryFolder()
        // It pauses behind a first part, so that there is surely something to see and it is surely still at work.
        let run = try Binary.shell(
            """
            $ASSAY generate -n 300000 --users \(Self.users) > in
            head -n 20 in | sed 's/"transaction_id":"/&again-/' > some.jsonl
            mkfifo pipe
            $ASSAY score -q -o out --checkpoint-interval 100ms < pipe > log 2>&1 & echo $! > pid
            exec 3> pipe
            cat in >&3
            for round in $(seq 900); do
                [ "$($ASSAYCTL query --csv 'select max(sequence) from checkpoints' | tail -n 1)" = 300000 ] && break
                sleep 0.05
            done
            sleep 600 >&3 2> log & echo $! > keeper
            """, in: folder)
        try #require(run.code == 0, "\(run.errors)")
        defer { _ = try? Binary.shell("kill -9 $(cat keeper pid)", in: folder) }  // whatever is left of them
        try Self.lookAtEverything(in: folder)
        let owner = try #require(try Self.ask("status", "", in: folder)["owner_pid"] as? Int)
        #expect(try String(contentsOfFile: folder.path("pid"), encoding: .utf8) == "\(owner)\n")
        for command in ["forget u0000001", "snapshot restore", "snapshot prune", "import some.jsonl --overwrite"] {
            let refused = try Binary.shell("$ASSAYCTL \(command) || exit $?", in: folder)
            #expect(refused.code == 75 && refused.errors.contains("process \(owner)"), "\(command) \(refused.errors)")
        }
    }

    @Test("Everything can be looked at and changed when the engine is stopped, and it goes on exactly")
    func stopped() throws {
        let folder = try TemporaryFolder()
        let prepared = try Binary.shell(
            """
            $ASSAY generate -n 300000 --users \(Self.users) > in
            head -n 20 in | sed 's/"transaction_id":"/&again-/' > some.jsonl
            $ASSAY score in -q --no-checkpoints > expected
            $ASSAY score in -q -o out --checkpoint-every 100000 --snapshot-interval 1ms --snapshots-keep 9
            """, in: folder)
        try #require(prepared.code == 0, "\(prepared.errors)")
        try Self.lookAtEverything(in: folder)

        // Back to an earlier moment, and on from there: the same output again.
        let snapshots = try #require(
            try Self.ask("snapshot list", "", in: folder)["snapshots"] as? [[String: Any]])
        try #require(snapshots.count >= 2)
        let oldest = try #require(snapshots.last?["snapshot"] as? Int)
        let before = try #require(snapshots.last?["sequence"] as? Int)
        #expect(before < 300_000)
        let difference = try Self.ask("diff", "\(oldest) now", in: folder)
        #expect(!(try #require(difference["changed"] as? [Any])).isEmpty)
        // Not the newest snapshot, which would be meant without a number.
        _ = try Self.ask("snapshot restore", "\(oldest)", in: folder)
        let resumed = try Binary.shell("$ASSAY score in -q -o out && cmp out expected", in: folder)
        #expect(resumed.code == 0, "\(resumed.errors)")
        let pruned = try Self.ask("snapshot prune", "--keep 1", in: folder)
        #expect(try #require(pruned["kept"] as? [Any]).count == 1)
    }

    @Test("What is exported and imported scores the same, in both formats", arguments: ["jsonl", "csv"])
    func transfer(_ format: String) throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            $ASSAY score \(Repository.golden("edges.jsonl")) -q -o one --rejects r
            $ASSAYCTL export --format \(format) > exported
            $ASSAYCTL import exported --format \(format) --state other
            $ASSAYCTL export --state other --format \(format) | cmp - exported
            $ASSAYCTL verify --deep --state other
            cp -r Checkpoints untouched
            $ASSAY score \(Repository.golden("ordinary.jsonl")) -q -o first --state untouched
            $ASSAY score \(Repository.golden("ordinary.jsonl")) -q -o second --state other
            cmp first second && wc -l < second
            """, in: folder)
        #expect(run.code == 0, "\(run.errors)")
        if format == "jsonl" {
            let checked = try Binary.shell(
                "\(Repository.python) \(Repository.validator) \(Repository.root.path)/schemas/state-export.schema.json "
                    + "exported", in: folder)
            #expect(checked.code == 0, "\(String(decoding: checked.output, as: UTF8.self)) \(checked.errors)")
        }
    }

    @Test(
        "An import that is no good is refused, and nothing is there afterwards",
        arguments: [
            (#"s/"assay_state":1/"assay_state":2/"#, "version 1"), (#"2s/"hours":\["#, ""),
            (#"2s/"transactions":/"transactions":-/"#, "transactions"),
            (#"2s/"user_id":"[^"]*"/"user_id":""/"#, "user_id"),
            (#"2d"#, "users, the first line says"), (#"2p"#, "comes twice"),
            (#"2s/"weekend":[a-z]*/"weekend":7/"#, "weekend"),
            (#"2s/$/x/"#, "byte"), (#"1d"#, "does not begin"), (#"2s/"places":\[/"places":[[91.0,0.0],/"#, "can't be"),
        ])
    func badImports(_ edit: String, _ message: String) throws {
        guard !message.isEmpty else { return }
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            $ASSAY generate -n 500 --users 5 | $ASSAY score -q -o out
            $ASSAYCTL export | sed '\(edit)' > exported
            code=0; $ASSAYCTL import exported --state other || code=$?
            [ ! -e other/state.db ] && exit $code
            """, in: folder)
        #expect(run.code == 65 && (run.errors.contains(message) || message == "can't be"), "\(run.errors)")
    }

    @Test("A forgotten user leaves no byte behind, and is told of where it is still known")
    func forgetting() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            $ASSAY generate -n 30000 --users 3000 | sed 's/u0000042/remember-me-not/g' > in
            $ASSAY score in -q -o out --checkpoint-every 5000 --snapshot-interval 1ms --snapshots-keep 20
            grep -q remember-me-not Checkpoints/state.db
            $ASSAYCTL forget remember-me-not --json > answer.json
            ! grep -l remember-me-not Checkpoints/state.db*
            ! $ASSAYCTL user remember-me-not
            $ASSAYCTL verify --deep
            sqlite3 Checkpoints/state.db "select action, users from audit"
            $ASSAY score in -q -o out
            """, in: folder)
        #expect(run.code == 0 && run.lines.last == "forget|1", "\(run.lines) \(run.errors)")
        let answer = try String(contentsOfFile: folder.path("answer.json"), encoding: .utf8)
        #expect(answer.contains(#""forgotten":1"#) && answer.contains("snapshots/"))
        let unknown = try Binary.shell("$ASSAYCTL forget nobody || exit $?", in: folder)
        #expect(unknown.code == 1 && unknown.errors.contains("nobody"))
    }

    @Test("Users are told apart by their bytes, whatever they look like, and cells keep their quotes")
    func lookalikes() throws {
        let folder = try TemporaryFolder()
        // As JSON writes them.
        let ids = ["e\u{301}", "\u{E9}", "a\\\"\u{301},b"]
        let lines = ids.enumerated().map { index, id in
            #"{"transaction_id":"t\#(index)","user_id":"\#(id)","amount":2e17,"timestamp":1}"#
        }
        _ = try folder.write("in", lines.joined(separator: "\n"))
        let run = try Binary.shell(
            """
            $ASSAY score in -q -o out
            $ASSAYCTL users > /dev/null && $ASSAYCTL user $'\\u00e9' > /dev/null
            $ASSAYCTL query --csv "select user_id from users" > cells.csv
            \(Repository.python) -c 'import csv; print(sorted(len(row) for row in csv.reader(open("cells.csv"))))'
            $ASSAYCTL query --csv "select count(*) from users where user_id = 'T' collate nocase"
            $ASSAYCTL forget $'e\\u0301' $'\\u00e9'
            $ASSAYCTL query --csv "select count(*) from users" | tail -n 1
            """, in: folder)
        #expect(run.code == 0 && run.lines.contains("[1, 1, 1, 1]"), "\(run.lines) \(run.errors)")
        #expect(run.lines.contains { $0.hasPrefix("2 users forgotten") } && run.lines.last == "1", "\(run.lines)")
    }

    @Test("Amounts beyond all measure are scored, written as JSON, exported and imported again")
    func giants() throws {
        let folder = try TemporaryFolder()
        let amounts = [String](repeating: "0.001", count: 6) + ["1e307", "1e200", "0", "1e-300"]
        let lines = amounts.enumerated().map { index, amount in
            #"{"transaction_id":"t\#(index)","user_id":"u","amount":\#(amount),"timestamp":1767225600}"#
        }
        _ = try folder.write("in", lines.joined(separator: "\n"))
        let run = try Binary.shell(
            """
            $ASSAY score in -q -o out
            \(Repository.python) -c 'import json; [json.loads(l, parse_constant=exit) for l in open("out")]'
            grep -c unusual_amount out
            $ASSAYCTL export > exported && $ASSAYCTL import exported --state other
            $ASSAYCTL export --state other | cmp - exported
            $ASSAYCTL user u; $ASSAYCTL users; $ASSAYCTL explain in > /dev/null
            """, in: folder)
        #expect(run.code == 0 && run.lines.first.map { Int($0) ?? 0 } ?? 0 > 0, "\(run.lines) \(run.errors)")
    }

    @Test("Snapshots of a damaged state are not made, and the input or the state is never written over")
    func harmlessness() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            $ASSAY generate -n 3000 --users 300 > in; ln in linked
            $ASSAY score in -q -o out
            for target in linked Checkpoints/state.db Checkpoints/lock; do
                code=0; $ASSAY score in -q -o $target --overwrite || code=$?; echo $code
            done
            offset=$(grep -abo u0000042 Checkpoints/state.db | tail -n 1 | cut -d : -f 1)
            printf 'xxxx' | dd of=Checkpoints/state.db bs=1 seek=$((offset + 20)) conv=notrunc 2> log
            code=0; $ASSAYCTL snapshot create || code=$?; echo $code
            ls -A Checkpoints/snapshots || true
            wc -l < in
            """, in: folder)
        #expect(run.lines == ["64", "64", "64", "65", "3000"], "\(run.lines) \(run.errors)")
    }

    @Test("What can't be put in place leaves the present state as it is")
    func failedReplacements() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            $ASSAY generate -n 3000 --users 50 > in
            $ASSAY score in -q -o out
            $ASSAYCTL export > good
            sed '1s/"offset":[0-9]*/"offset":9223372036854775808/' good > bad
            code=0; $ASSAYCTL import bad --overwrite || code=$?; echo $code
            ls Checkpoints
            $ASSAYCTL export | cmp - good
            $ASSAYCTL import good --overwrite
            [ -s Checkpoints/state.db.old ] && $ASSAYCTL export | cmp - good
            $ASSAY score in -q -o out; echo $?
            """, in: folder)
        #expect(run.code == 0 && run.lines.first == "65" && run.lines.last == "0", "\(run.lines) \(run.errors)")
        #expect(!run.lines.contains { $0.contains("unfinished") || $0 == "state.db.old" }, "\(run.lines)")
    }

    @Test("Snapshots of a fresh state are kept and older ones go, whatever their numbers")
    func freshSnapshots() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            $ASSAY generate -n 20000 --users 50 > in
            $ASSAY score in -q -o out --checkpoint-every 1000 --snapshot-interval 1ms --snapshots-keep 2
            ls Checkpoints/snapshots
            sleep 0.01
            $ASSAY score in -q -o out --fresh --checkpoint-every 8000 --snapshot-interval 1ms --snapshots-keep 2
            newest=$($ASSAYCTL query --csv "select max(id) from checkpoints" | tail -n 1)
            ls Checkpoints/snapshots | grep -c "^$newest.db"
            """, in: folder)
        #expect(run.code == 0 && run.lines.last == "1", "\(run.lines) \(run.errors)")
    }

    private static let hostileIDs = [
        "'; drop table users; --", "\"quoted\" \\ back", "line\nbreak\ttab", "\u{1B}[31mred\u{1B}[0m\u{7}",
        "\u{202E}right to left\u{200F}", String(repeating: "😀", count: 32), "-rf", "%s%n", "*", "\u{0}nul", "a,b",
        "ünï",
    ]

    @Test("Hostile ids are found, shown without harm and never interpreted")
    func hostile() throws {
        let folder = try TemporaryFolder()
        let lines = try Self.hostileIDs.enumerated().map { index, id in
            let transaction: [String: Any] = [
                "transaction_id": "t\(index)", "user_id": id, "amount": 5, "timestamp": 1_767_225_600,
                "transaction_type": id.utf8.count <= 64 ? id : "x", "currency": "\u{1B}[2J",
            ]
            return String(decoding: try JSONSerialization.data(withJSONObject: transaction), as: UTF8.self)
        }
        _ = try folder.write("in", lines.joined(separator: "\n"))
        let scored = try Binary.shell("$ASSAY score in -q -o out", in: folder)
        #expect(scored.code == 0, "\(scored.errors)")
        let listed = try #require(try Self.ask("users", "--limit 99", in: folder)["users"] as? [[String: Any]])
        #expect(Set(listed.compactMap { $0["user_id"] as? String }) == Set(Self.hostileIDs))
        let rows = try #require(try Self.ask("query", "'select user_id from users'", in: folder)["rows"] as? [[String]])
        #expect(Set(rows.map { $0[0] }) == Set(Self.hostileIDs))
        for id in Self.hostileIDs where !id.contains("\u{0}") {
            _ = try folder.write("id", id)
            let found = try Self.ask("user", "-- \"$(cat id; echo x | tr -d 'x\\n')\"", in: folder)
            #expect(found["user_id"] as? String == id)
            let joined = try Binary.shell(
                "$ASSAYCTL query --csv \"select count(*) from users join types using (user_id)\"", in: folder)
            #expect(joined.lines.last == "\(Self.hostileIDs.count)")
        }
        for command in [
            "users", "user -- $'\\e[31mred\\e[0m\\a'", "query 'select * from users join types using (user_id)'",
            "explain in", "diff now now", "verify --deep", "status", "forget nobody$'\\e[31m' || true",
        ] {
            let run = try Binary.shell("$ASSAYCTL \(command)", in: folder)
            let shown = run.output + Data(run.errors.utf8)
            let harmful = shown.filter { $0 < 0x20 && $0 != 0x0A || $0 == 0x7F }
            #expect(run.code == 0 && harmful.isEmpty, "\(command): \(run.errors)")
            #expect(!String(decoding: shown, as: UTF8.self).unicodeScalars.contains("\u{202E}"))
        }
        let forgotten = try Binary.shell("$ASSAYCTL forget -- '-rf' '*' '%s%n' --json", in: folder)
        #expect(forgotten.code != 0 || String(decoding: forgotten.output, as: UTF8.self).contains(#""forgotten":3"#))
    }

    @Test(
        "Queries that are more than queries are refused",
        arguments: [
            "delete from users", "update users set transactions = 0", "insert into users (user_id) values (1)",
            "create table x (a)", "drop table users", "attach '/tmp/x' as y", "pragma writable_schema = 1",
            "select load_extension('x')", "select writefile('x', 'y')", "select 1; select 2", "vacuum into 'x'",
            "begin",
            "selekt", "", "select * from nothing", "analyze",
        ])
    func refusedQueries(_ sql: String) throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            $ASSAY generate -n 50 --users 5 | $ASSAY score -q -o out
            before=$(md5sum < Checkpoints/state.db)
            code=0; $ASSAYCTL query "\(sql)" || code=$?
            [ "$before" = "$(md5sum < Checkpoints/state.db)" ] && exit $code
            """, in: folder)
        #expect(run.code == 64 && run.errors.contains("the query is no good"), "\(run.errors)")
    }

    @Test("Questions that make no sense get the code and the words for it")
    func mistakes() throws {
        let folder = try TemporaryFolder()
        for (command, code, message) in [
            ("status", 66, "there is no state"), ("user", 64, "ID"), ("user x --state nowhere", 66, "--state"),
            ("frobnicate", 64, "frobnicate"), ("explain --set amount", 64, "FIELD=VALUE"),
        ] as [(String, Int32, String)] {
            let run = try Binary.shell(
                """
                $ASSAY generate -n 5 | $ASSAY score -q -o out --overwrite --state \(
                    command.hasPrefix("explain") ? "Checkpoints" : "elsewhere")
                $ASSAYCTL \(command) || exit $?
                """, in: folder)
            #expect(run.code == code && run.errors.contains(message), "\(command): \(run.code) \(run.errors)")
        }
    }

    @Test("State of the first format is read as it is, and migrated by the next run")
    func migration() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            mkdir Checkpoints
            cp \(Repository.golden("state-format-1.db")) Checkpoints/state.db
            $ASSAYCTL query --csv "select sum(transactions) from users" | tail -n 1
            $ASSAYCTL verify --deep
            $ASSAY generate -n 500 --users 4 | sed 's/"tx/"more/' > more
            $ASSAY score more -q --input-is new -o out
            cat \(Repository.golden("state-format-1.jsonl")) more > both
            $ASSAY score both -q --no-checkpoints | tail -n 500 | cmp - out
            sqlite3 Checkpoints/state.db "select format from store"
            """, in: folder)
        #expect(run.code == 0 && run.lines.first == "60" && run.lines.last == "4", "\(run.lines) \(run.errors)")
    }
}
