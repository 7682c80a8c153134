import Foundation
import TestSupport
import Testing

/// Tables of a real PostgreSQL, whatever fails.
@Suite struct PostgresTests {
    private static func configuration(_ server: PostgresServer, _ outputs: String) -> String {
        "postgres: {uri: \"\(server.uri)\"}\noutputs:\n  assessments:\n\(outputs)"
    }

    private static let rounds = Int(ProcessInfo.processInfo.environment["ASSAY_FAULT_ROUNDS"] ?? "") ?? 1

    private static let both = """
            - {postgres: {table: assessments, indexes: [user_id]}}
            - postgres:
                table: alerts
                mode: upsert
                primary_key: user_id
                notify: alerts
                where: risk_level in ["high", "critical"]
                columns: {user_id: user_id, id: transaction_id, score: risk_score, n: sequence}

        """

    /// What the tables hold, and what the lines of one run without a database say that they should.
    private static func expectExact(_ server: PostgresServer, _ folder: TemporaryFolder) throws {
        let expected = try Binary.shell(
            """
            $ASSAY score in --no-checkpoints -q -o expected.jsonl --overwrite
            wc -l < expected.jsonl
            grep -E '"risk_level":"(high|critical)"' expected.jsonl | sed -E \
                's/.*"transaction_id":"([^"]*)","user_id":"([^"]*)","sequence":([0-9]*).*/\\2|\\1|\\3/' |
                tac | sort -t'|' -k1,1 -u -s | sort
            """, in: folder)
        let rows = try server.query(
            """
            SELECT count(*) FROM assessments;
            SELECT count(DISTINCT sequence), min(sequence) FROM assessments;
            SELECT user_id || '|' || id || '|' || n FROM alerts ORDER BY user_id COLLATE "C";
            """)
        #expect(rows[0] == expected.lines[0] && rows[1] == "\(expected.lines[0])|1")
        #expect(Array(rows.dropFirst(2)) == Array(expected.lines.dropFirst()) && rows.count > 20)
        let sums = try server.query(
            "SELECT string_agg(transaction_id || risk_level || risk_score, '' ORDER BY sequence) FROM assessments")
        let lines = try String(contentsOfFile: folder.path("expected.jsonl"), encoding: .utf8)
        var text = ""
        for line in lines.split(separator: "\n") {
            let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            text += "\(json?["transaction_id"] ?? "")\(json?["risk_level"] ?? "")"
            text += (json?["risk_score"] as? NSNumber)?.stringValue ?? ""
        }
        #expect(sums == [text])
    }

    @Test("Assessments are rows of the right types, and a user's row is that of the last alert")
    func rows() throws {
        let (server, folder) = (try PostgresServer(), try TemporaryFolder())
        _ = try folder.write("c.yaml", Self.configuration(server, Self.both))
        let run = try Binary.shell(
            "$ASSAY generate -n 20000 --users 300 > in; $ASSAY score in -c c.yaml -q; $ASSAY score in -c c.yaml -q",
            in: folder)
        #expect(run.code == 0 && run.errors.isEmpty, "\(run)")
        try Self.expectExact(server, folder)
        let types = try server.query(
            "SELECT attname || ' ' || format_type(atttypid, -1) FROM pg_attribute WHERE attnum > 0 AND attrelid = "
                + "'assessments'::regclass ORDER BY attnum")
        #expect(
            types == [
                "transaction_id text", "user_id text", "sequence bigint", "timestamp timestamp with time zone",
                "risk_level text", "risk_score double precision", "risk_factors jsonb", "recommendation text",
                "decision text", "decided_by text", "shadow jsonb", "created_at timestamp with time zone",
            ])
        let factors = try server.query(
            "SELECT count(*) > 100 FROM assessments WHERE risk_factors @> '[{\"type\":\"unusual_amount\"}]'")
        #expect(factors == ["t"])
    }

    @Test("An engine that is killed again and again leaves each row once")
    func kills() throws {
        let (server, folder) = (try PostgresServer(), try TemporaryFolder())
        _ = try folder.write("c.yaml", Self.configuration(server, Self.both))
        let rounds = 12 * Self.rounds
        let run = try Binary.shell(
            """
            $ASSAY generate -n 60000 --users 300 > in
            for round in $(seq \(rounds)); do
                $ASSAY score in -c c.yaml -q --checkpoint-every 3000 &
                sleep 0.$((RANDOM % 5 + 1)); kill -9 $! || true; wait || true
            done 2> log
            $ASSAY score in -c c.yaml -q --checkpoint-every 3000
            """, in: folder)
        #expect(run.code == 0, "\(run)")
        try Self.expectExact(server, folder)
    }

    @Test("A server that crashes again and again is waited for, said once, and each row is there once")
    func crashes() throws {
        let (server, folder) = (try PostgresServer(), try TemporaryFolder())
        _ = try folder.write("c.yaml", Self.configuration(server, Self.both))
        _ = try Binary.shell("$ASSAY generate -n \(20_000 * Self.rounds) --users 300 > in", in: folder)
        // Slowly enough that the server goes away in the middle.
        let feeder = Process()
        feeder.executableURL = URL(filePath: "/bin/bash")
        feeder.arguments = ["-c", "split -l 250 --filter='cat; sleep 0.1' in"]
        feeder.currentDirectoryURL = folder.url
        let pipe = Pipe()
        feeder.standardOutput = pipe
        let engine = try Binary.start(
            ["score", "-c", "c.yaml", "-q", "--checkpoint-every", "3000"], in: folder,
            input: pipe.fileHandleForReading)
        try feeder.run()
        for _ in 0..<4 * Self.rounds {
            // Other tests block the threads that a task would wait for.
            usleep(350_000)
            try server.crash()
            usleep(100_000)
            try server.start()
        }
        #expect(Binary.wait(engine, seconds: 60.0 * Double(Self.rounds)) == 0)
        let told = try String(contentsOfFile: folder.path("stderr"), encoding: .utf8)
        #expect(told.contains("waiting for PostgreSQL at 127.0.0.1:\(server.port)/postgres"), "\(told)")
        #expect(told.contains("is back") && !told.contains(PostgresServer.password), "\(told)")
        #expect(told.split(separator: "\n").count <= 8 * Self.rounds, "\(told)")
        try Self.expectExact(server, folder)
    }

    @Test("A commit whose answer is lost is settled by looking: no row is missing, and none there twice")
    func lostAnswers() throws {
        let (server, folder) = (try PostgresServer(), try TemporaryFolder())
        let proxy = Process()
        let answers = Pipe()
        proxy.executableURL = URL(filePath: Repository.python)
        proxy.arguments = [
            Repository.root.appending(path: "Tests/PostgreSQLTests/cutting-proxy.py").path, "\(server.port)",
        ]
        proxy.standardOutput = answers
        try proxy.run()
        defer {
            kill(proxy.processIdentifier, SIGKILL)
            proxy.waitUntilExit()
        }
        let first = String(decoding: answers.fileHandleForReading.availableData, as: UTF8.self)
        let port = try #require(Int(first.split(separator: "\n")[0]))
        let text = Self.configuration(server, Self.both).replacing(":\(server.port)/", with: ":\(port)/")
        _ = try folder.write("c.yaml", text)
        let run = try Binary.shell(
            """
            $ASSAY generate -n 20000 --users 300 > in
            split -l 1000 --filter='cat; sleep 0.05' in | timeout 60 $ASSAY score -c c.yaml -q --checkpoint-every 1000
            """, in: folder)
        #expect(run.code == 0 && run.errors.contains("waiting for PostgreSQL"), "\(run)")
        kill(proxy.processIdentifier, SIGKILL)
        let cuts = String(decoding: answers.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(cuts.components(separatedBy: "cut").count > 3, "\(cuts)")
        try Self.expectExact(server, folder)
    }

    @Test("Two streams do not share a table")
    func shared() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write(
            "p.yaml",
            """
            input: {time: timestamp, fields: {timestamp: timestamp, user_id: string, amount: double}}
            streams:
              counts: {key: user_id, window: {tumbling: 1h}, emit: {n: count()}}
              amounts: {select: {user_id: user_id, amount: amount, twice: amount * 2.0}}
            outputs:
              counts: {postgres: {uri: "postgresql://x@127.0.0.1/y", table: t}}
              amounts: {postgres: {uri: "postgresql://x@127.0.0.1/y", table: t}}
            """)
        let run = try Binary.run(["run", folder.path("p.yaml")])
        #expect(
            run.code == 78 && run.errors.contains("table t of PostgreSQL at 127.0.0.1/y is an output twice"), "\(run)")
    }

    @Test("A server that is away at the start is waited for")
    func late() throws {
        let (server, folder) = (try PostgresServer(), try TemporaryFolder())
        _ = try folder.write("c.yaml", Self.configuration(server, Self.both))
        _ = try Binary.shell("$ASSAY generate -n 20000 --users 300 > in", in: folder)
        try server.stop()
        let engine = try Binary.start(["score", "in", "-c", "c.yaml", "-q"], in: folder)
        usleep(300_000)
        #expect(engine.isRunning)
        try server.start()
        #expect(Binary.wait(engine) == 0)
        try Self.expectExact(server, folder)
        // One that waits ends when it is asked to.
        try server.stop()
        let waiting = try Binary.start(["score", "in", "-c", "c.yaml", "--state", "other"], in: folder)
        usleep(300_000)
        kill(waiting.processIdentifier, SIGTERM)
        #expect(Binary.wait(waiting, seconds: 10) == 0)
    }

    @Test(
        "What does not fit is one clear line, and nothing is written",
        arguments: [
            ("CREATE TABLE t (user_id text)", "it has no column 'score'; add one of the type float8", 73),
            (
                "CREATE TABLE t (user_id text, score int4)", "its column 'score' is int4, and float8 is to be written",
                73
            ),
            (
                "CREATE TABLE t (user_id text, score float8, must int NOT NULL)",
                "its column 'must' must have a value, and nothing is written to it", 73
            ),
            ("CREATE TABLE t (user_id text, score float8); INSERT INTO t VALUES ('u', 1)", "has rows; set 'append", 73),
        ])
    func misfits(_ sql: String, _ message: String, _ code: Int32) throws {
        let (server, folder) = (try PostgresServer(), try TemporaryFolder())
        let before = try server.query(sql + "; SELECT * FROM t")
        _ = try folder.write(
            "c.yaml",
            Self.configuration(server, "    - {postgres: {table: t, columns: {user_id: user_id, score: risk_score}}}\n")
        )
        let run = try Binary.shell(
            "code=0; $ASSAY generate -n 10 | $ASSAY score -c c.yaml -q || code=$?; echo $code", in: folder)
        #expect(run.lines == ["\(code)"] && run.errors.contains(message), "\(run)")
        #expect(try server.query("SELECT * FROM t") == before)
        #expect(!run.errors.contains(PostgresServer.password))
    }

    @Test("check-config --connect tells of each server and table, changes nothing, and does not wait for long")
    func connect() throws {
        let (server, folder) = (try PostgresServer(), try TemporaryFolder())
        _ = try folder.write("c.yaml", Self.configuration(server, Self.both))
        _ = try server.query("CREATE TABLE alerts (user_id text PRIMARY KEY, id text, score int4, n int8)")
        _ = try server.query("CREATE ROLE guest LOGIN PASSWORD 'guest-password'; GRANT SELECT ON alerts TO guest")
        _ = try folder.write(
            "guest.yaml",
            Self.configuration(server, Self.both).replacing(
                "assay:\(PostgresServer.password)", with: "guest:guest-password"))
        let run = try Binary.shell(
            """
            code=0; $ASSAY check-config c.yaml --connect || code=$?; echo $code
            code=0; $ASSAY check-config guest.yaml --connect 2> guest || code=$?; echo $code
            grep -c 'the user may create no table there' guest
            sed -i 's/127.0.0.1:[0-9]*/127.0.0.1:1/' guest.yaml; start=$SECONDS
            code=0; $ASSAY check-config guest.yaml --connect 2> away || code=$?; echo $code
            [ $((SECONDS - start)) -lt 20 ] && echo soon
            """, in: folder)
        #expect(
            run.lines == [
                "table assessments of PostgreSQL at 127.0.0.1:\(server.port)/postgres: reached", "73", "73", "1", "73",
                "soon",
            ], "\(run)")
        #expect(run.errors.contains("its column 'score' is int4"), "\(run)")
        #expect(
            try server.query("SELECT count(*) FROM pg_class WHERE relname IN ('assessments', 'assay_delivery')") == [
                "0"
            ])
    }

    @Test("A wrong password, another writer and a table that was restored end the run")
    func refusals() throws {
        let (server, folder) = (try PostgresServer(), try TemporaryFolder())
        let good = Self.configuration(server, "    - {postgres: {table: t, columns: {id: transaction_id}}}\n")
        _ = try folder.write("c.yaml", good)
        _ = try folder.write("wrong.yaml", good.replacing(PostgresServer.password, with: "not-the-password"))
        let first = try Binary.shell(
            """
            code=0; $ASSAY generate -n 10 | $ASSAY score -c wrong.yaml -q --state w || code=$?; echo $code
            $ASSAY generate -n 5000 > in; head -n 2000 in > some; $ASSAY score some -c c.yaml -q
            """, in: folder)
        #expect(first.lines == ["73"] && first.errors.contains("password authentication failed"), "\(first)")
        #expect(!first.errors.contains("not-the-password"))
        _ = try server.query("UPDATE assay_delivery SET delivered = 1000")
        let restored = try Binary.shell(
            "cp in some; code=0; $ASSAY score some -c c.yaml -q || code=$?; echo $code", in: folder)
        #expect(restored.lines == ["65"] && restored.errors.contains("is not as checkpoint"), "\(restored)")
        #expect(try server.query("SELECT count(*) FROM t") == ["2000"])
    }

    @Test("Texts come as they are, but for what PostgreSQL cannot hold")
    func texts() throws {
        let (server, folder) = (try PostgresServer(), try TemporaryFolder())
        _ = try folder.write(
            "p.yaml",
            """
            input: {time: t, fields: {t: timestamp, s: string, d: double, m: map, n: int}}
            streams: {rows: {select: {t: t, s: s, d: d, m: m, n: n}}}
            postgres: {uri: "\(server.uri)"}
            outputs: {rows: {postgres: {table: public.rows}}}
            """)
        _ = try folder.write(
            "in",
            #"""
            {"t":"2025-01-02T03:04:05.678Z","s":"tab\tline\nback\\slash \\N 'q' \"é😀","d":1.5,"m":{"a":[1,"\\u0000"]}}
            {"t":1,"s":"zero\u0000here","d":1e300,"m":{"z":"\u0000","b":"\\"},"n":-9223372036854775808}
            {"t":2,"s":"\\.","m":{}}

            """#)
        let run = try Binary.shell("$ASSAY run p.yaml in --state P -q", in: folder)
        #expect(run.code == 0 && run.errors.contains("zero characters"), "\(run)")
        let rows = try server.query(
            """
            SET TimeZone TO 'UTC'; SELECT to_jsonb(r) - 'created_at' FROM rows r ORDER BY t DESC
            """)
        #expect(
            rows == [
                #"{"d": 1.5, "m": {"a": [1, "\\u0000"]}, "n": null, "#
                    + #""s": "tab\tline\nback\\slash \\N 'q' \"é😀", "t": "2025-01-02T03:04:05.678+00:00"}"#,
                #"{"d": null, "m": {}, "n": null, "s": "\\.", "t": "1970-01-01T00:00:02+00:00"}"#,
                #"{"d": "# + "1" + String(repeating: "0", count: 300)
                    + #", "m": {"b": "\\", "z": "�"}, "n": -9223372036854775808, "s": "zero�here", "#
                    + #""t": "1970-01-01T00:00:01+00:00"}"#,
            ], "\(rows)")
    }
}
