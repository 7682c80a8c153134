import Foundation
import TestSupport
import Testing

/// What pipelines do at the edges: other inputs, outputs that somebody changed, odd values and names.
@Suite struct PipelineEdgeTests {
    private static func run(_ files: [String: String], _ script: String) throws -> Binary.Result {
        let folder = try TemporaryFolder()
        for (name, text) in files { _ = try folder.write(name, text) }
        return try Binary.shell(script, in: folder)
    }

    private static func lines(_ count: Int, from start: Int) -> String {
        (0..<count).map { #"{"t":\#(start + $0),"v":\#($0)}"# + "\n" }.joined()
    }

    // MARK: Inputs

    private static let windows = """
        input: {time: t, out_of_order: 0s, fields: {t: timestamp, v: int}}
        streams:
          w: {window: {tumbling: 10s}, late: too_late, emit: {n: count()}}
        outputs: {w: {jsonl: w.jsonl}, too_late: {jsonl: late.jsonl}}

        """

    @Test("Another input begins with a time of its own, also when the run was killed at once, and when it has grown")
    func nextInput() throws {
        let run = try Self.run(
            [
                "p.yaml": Self.windows, "a": Self.lines(100, from: 1_700_000_000),
                "b": Self.lines(100, from: 1_600_000_000),
            ],
            """
            $ASSAY run p.yaml a -q
            timeout -s KILL 0.3 $ASSAY run p.yaml b --follow --checkpoint-interval 1h -q || true
            $ASSAY run p.yaml b -q
            wc -l < w.jsonl
            for i in $(seq 100 120); do echo "{\\"t\\":$((1600000000+i)),\\"v\\":2}" >> b; done
            $ASSAY run p.yaml b -q
            wc -l < w.jsonl
            wc -l < late.jsonl
            $ASSAY run p.yaml b
            """)
        #expect(run.lines == ["20", "23", "0"], "\(run.errors)")
        #expect(run.errors.contains("nothing to do"))
    }

    @Test("What was left open is told by a run that finds nothing more to read")
    func openEnd() throws {
        let run = try Self.run(
            ["p.yaml": Self.windows, "a": Self.lines(25, from: 1_700_000_000)],
            """
            $ASSAY run p.yaml a -q --keep-open
            wc -l < w.jsonl
            $ASSAY run p.yaml a -q
            wc -l < w.jsonl
            """)
        #expect(run.lines == ["2", "3"], "\(run.errors)")
    }

    @Test("Event time goes on without input once the input was idle, and what comes of that is told once")
    func idle() throws {
        let text = Self.windows.replacingOccurrences(of: "out_of_order: 0s", with: "out_of_order: 0s, idle: 200ms")
            .replacingOccurrences(of: "10s", with: "500ms")
        let run = try Self.run(
            ["p.yaml": text, "a": Self.lines(1, from: 1_700_000_000)],
            """
            (cat a; sleep 2; wc -l < w.jsonl >&2) | $ASSAY run p.yaml -q
            wc -l < w.jsonl
            """)
        #expect(run.lines == ["1"], "\(run.errors)")
        #expect(run.errors.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) } == ["1"])
    }

    @Test(
        "Event time that stood at exactly zero stands there again",
        arguments: ["", "inputs: {a: {file: a}, b: {file: b}}\n"])
    func timeZero(_ inputs: String) throws {
        let text = inputs + Self.windows.replacingOccurrences(of: "10s", with: "1ms")
        let argument = inputs.isEmpty ? "a" : ""
        let run = try Self.run(
            ["p.yaml": text, "a": #"{"t":0.001,"v":1}"# + "\n", "b": #"{"t":0.001,"v":1}"# + "\n"],
            """
            $ASSAY run p.yaml \(argument) -q --keep-open
            sqlite3 Checkpoints/p/state.db "SELECT DISTINCT value FROM stage_field WHERE name LIKE 'watermark_ms%'"
            echo '{"t":0,"v":2}' >> a
            $ASSAY run p.yaml \(argument) -q --keep-open
            wc -l < late.jsonl
            """)
        #expect(run.lines == ["0", "1"], "\(run.lines) \(run.errors)")
    }

    @Test("A last line that is still being written is left to the next run")
    func unfinishedLine() throws {
        let run = try Self.run(
            ["p.yaml": Self.windows, "a": #"{"t":1,"v":1}"# + "\n" + #"{"t":2,"v""#],
            """
            $ASSAY run p.yaml a --keep-open
            printf ':2}\\n{"t":3,"v":1e999}\\n' >> a; $ASSAY run p.yaml a --keep-open
            $ASSAY run p.yaml a -q
            cat w.jsonl
            """)
        #expect(run.lines.count == 1 && run.lines[0].hasSuffix(#""n":2}"#), "\(run.lines) \(run.errors)")
        #expect(run.errors.contains("1 lines: accepted 1, late 0, rejected 0"))
        // A number that no double is.
        #expect(run.errors.contains("3 lines: accepted 2, late 0, rejected 1 (invalid_field 1)"), "\(run.errors)")
    }

    @Test("Streams that whoever started the command had closed are faults, not somebody else's files")
    func closedStreams() throws {
        let text = Self.windows.split(separator: "\n").filter { !$0.hasPrefix("outputs") }.joined(separator: "\n")
        let run = try Self.run(
            ["p.yaml": text, "a": Self.lines(25, from: 1_700_000_000)],
            """
            code=0; timeout -s KILL 10 $ASSAY run p.yaml a --state s1 <&- >&- 2> told || code=$?; echo $code
            code=0; timeout -s KILL 10 $ASSAY run p.yaml - --state s2 <&- > /dev/null 2> told || code=$?; echo $code
            code=0; timeout -s KILL 10 $ASSAY score - --state s3 <&- > /dev/null 2> told || code=$?; echo $code
            """)
        #expect(run.lines.suffix(3) == ["74", "74", "74"], "\(run.lines) \(run.errors)")
    }

    @Test("With little memory the rows are the same: keys with a timer stay, and others come back")
    func littleMemory() throws {
        let lines = (0..<300_000).map { number in
            let user = number * 7919 % 100_003
            return
                #"{"t":\#(1_735_689_600 + number / 1000),"u":"a user with a long name \#(user)","v":\#(number % 100)}"#
                + "\n"
        }
        let text = """
            input: {time: t, out_of_order: 1s, fields: {t: timestamp, u: string, v: int}}
            streams:
              w: {key: u, window: {tumbling: 100s}, emit: {n: count(), s: sum(v)}}
              g: {key: u, window: {global: 2}, emit: {n: count(), l: 'collect(u, 3)'}}
              e: {key: u, emit_each: {n: count(), d: distinct(v).count}}

            """
        let run = try Self.run(
            ["p.yaml": text, "a": lines.joined()],
            """
            $ASSAY run p.yaml a -q --memory 64MiB --checkpoint-interval 1s | md5sum
            $ASSAY run p.yaml a -q --no-checkpoints | md5sum
            sqlite3 Checkpoints/p/state.db "SELECT count(*) > 1 FROM checkpoint WHERE reason = 'memory'"
            """)
        #expect(run.code == 0 && run.lines.count == 3, "\(run.lines) \(run.errors)")
        #expect(run.lines[0] == run.lines[1] && run.lines[2] == "1", "\(run.lines)")
    }

    // MARK: Outputs

    @Test("Outputs may change between runs: a new one begins where the run goes on")
    func newOutputs() throws {
        let run = try Self.run(
            ["p.yaml": Self.parts, "a": Self.lines(3, from: 1_700_000_000), "b": Self.lines(4, from: 1_700_000_003)],
            """
            $ASSAY run p.yaml a -q --keep-open
            sed -i 's/outputs: {a: \\[/outputs: {a: [{jsonl: new.jsonl}, {csv: new.csv}, /' p.yaml
            cat b >> a; $ASSAY run p.yaml a -q
            wc -l < new.jsonl; wc -l < new.csv; cat parts/* | wc -l; sqlite3 x.db 'SELECT count(*) FROM a'
            """)
        #expect(run.lines == ["4", "5", "7", "7"], "\(run.errors)")
    }

    private static let parts = """
        input: {time: t, fields: {t: timestamp, v: int}}
        streams: {a: {select: [v]}}
        outputs: {a: [{parts: parts, roll: {count: 10}}, {sqlite: x.db, table: a}]}

        """

    @Test("Parts are rolled by their lines however often the run goes on")
    func rolling() throws {
        let run = try Self.run(
            [
                "p.yaml": Self.parts, "a": Self.lines(6, from: 1_700_000_000),
                "more": Self.lines(19, from: 1_700_000_006),
            ],
            """
            for lines in 6 6 7; do
              timeout -s KILL 0.4 $ASSAY run p.yaml a --follow -q --checkpoint-interval 20ms || true
              head -$lines more >> a
              sed -i "1,${lines}d" more
            done
            $ASSAY run p.yaml a -q
            wc -l parts/* | grep -v total
            sqlite3 x.db 'SELECT count(*), sum(v) FROM a'
            """)
        #expect(
            run.lines.map { $0.trimmingCharacters(in: .whitespaces) } == [
                "10 parts/part-0-0.jsonl", "10 parts/part-0-1.jsonl", "5 parts/part-0-2.jsonl",
                "25|\((0..<6).reduce(0, +) + (0..<19).reduce(0, +))",
            ], "\(run.lines) \(run.errors)")
    }

    @Test(
        "Outputs that are not as the checkpoint left them are told of, and not filled up",
        arguments: [
            ("truncate -s 10 parts/.part-0-0*", "part 0 has 10 bytes where"),
            ("rm parts/.part-0-0*", "restore that part"),
            ("touch parts/part-0-7.jsonl", "is unknown to checkpoint"),
            ("sqlite3 x.db 'DROP TABLE a'", "table 'a' of 'x.db' is not as checkpoint"),
            ("rm x.db*", "table 'a' of 'x.db' is not as checkpoint"),
            ("sqlite3 x.db 'UPDATE assay_delivery SET rows = 1'", "table 'a' of 'x.db' is not as checkpoint"),
        ])
    func tampering(_ change: String, _ message: String) throws {
        let run = try Self.run(
            ["p.yaml": Self.parts, "a": Self.lines(6, from: 1_700_000_000)],
            """
            timeout -s KILL 0.4 $ASSAY run p.yaml a --follow -q --checkpoint-interval 20ms || true
            \(change)
            cat a >> b; cat b >> a
            $ASSAY run p.yaml a -q || echo $?
            $ASSAY run p.yaml a -q --fresh
            cat parts/* | wc -l
            sqlite3 x.db 'SELECT count(*) FROM a'
            """)
        #expect(run.lines == ["65", "12", "12"], "\(run.errors)")
        #expect(run.errors.contains(message), "\(run.errors)")
    }

    @Test("Without checkpoints outputs are brought to their end too")
    func withoutCheckpoints() throws {
        let run = try Self.run(
            ["p.yaml": Self.parts, "a": Self.lines(15, from: 1_700_000_000)],
            """
            $ASSAY run p.yaml a -q --no-checkpoints
            ls -A parts
            sqlite3 x.db 'SELECT count(*) FROM a'
            $ASSAY run p.yaml a -q --no-checkpoints || echo $?
            """)
        #expect(run.lines == ["part-0-0.jsonl", "part-0-1.jsonl", "15", "73"], "\(run.errors)")
    }

    @Test("Outputs that would be in each other's way are refused before anything is made")
    func clashes() throws {
        let text = Self.parts.replacingOccurrences(of: "{sqlite: x.db, table: a}", with: "OTHER")
        for (other, code) in [
            ("{jsonl: parts/part-0-0.jsonl}", "64"), ("{parts: ./parts}", "78"), ("{jsonl: in}", "64"),
            ("{jsonl: p.yaml}", "64"), ("{jsonl: one}, {csv: two}", "64"),
        ] {
            let run = try Self.run(
                [
                    "p.yaml": text.replacingOccurrences(of: "OTHER", with: other),
                    "in": Self.lines(1, from: 1_700_000_000),
                ],
                "ln -s two one; $ASSAY run p.yaml in --overwrite || echo $?; ls")
            let files = ["in", "one", "p.yaml", "shell-stderr"]
            #expect(run.lines == [code] + files, "\(other) \(run.lines) \(run.errors)")
        }
        let cased = Self.parts.replacingOccurrences(of: "select: [v]", with: "select: {V: v, v: v}")
        let run = try Self.run(["p.yaml": cased], "$ASSAY check-config p.yaml 2>&1 || echo $?")
        #expect(run.lines.last == "78" && run.lines.contains { $0.contains("only the case of letters differs") })
    }

    @Test("assayctl looks after a pipeline's state, and explains nothing of it")
    func inspection() throws {
        let run = try Self.run(
            [
                "p.yaml": Self.windows, "a": Self.lines(25, from: 1_700_000_000),
                "b": Self.lines(9, from: 1_700_000_025),
            ],
            """
            $ASSAY run p.yaml a -q --keep-open
            cd Checkpoints/p
            $ASSAYCTL status --state . | grep -E '^(keys|lines|w) ' | tr -s ' '
            $ASSAYCTL verify --deep --state . | sed 's/.*: //'
            $ASSAYCTL snapshot create --state . | cut -c1-10
            cd ../..; cat b >> a; $ASSAY run p.yaml a -q; cp w.jsonl first
            cd Checkpoints/p; $ASSAYCTL restore 2 --state . | cut -c1-31; cd ../..
            $ASSAY run p.yaml a -q; cmp w.jsonl first && echo same
            $ASSAYCTL user u --state Checkpoints/p 2> told || echo $?
            echo '{}' | $ASSAYCTL explain --state Checkpoints/p 2> told || echo $?
            grep -c 'is the state of a pipeline' told
            mv Checkpoints/p Checkpoints/q; echo '{}' | $ASSAY score --state Checkpoints/q 2> other || echo $?
            cat other
            """)
        #expect(
            run.lines == [
                "keys 1", "lines accepted 25, late 0, rejected 0",
                "w 25 in, 2 out, 0 late, 0 failed expressions", "1 keys in 1 pages, checkpoint 2, all whole",
                "snapshot 2", "snapshot 2 is restored: 1 keys,", "same", "1", "64", "1", "64",
                "assay: error: the state in 'Checkpoints/q' is that of pipeline, not of fraud_detection; name another "
                    + "folder with --state",
            ], "\(run.lines.joined(separator: "\n")) \(run.errors)")
    }

    // MARK: Values and names

    /// Each with what its streams make of the lines, without the tag.
    @Test(
        "Odd values are told as they are, or left out where they mean nothing",
        arguments: [
            // A union passed on whole, one of whose sources has columns.
            ("b: {select: [v]}\n  a: {from: [input, b]}", [#"{"t":1,"v":2}"#], [#""v":2"#, #""t":1,"v":2"#]),
            // Values of one line that belong to several windows, in the order in which they were made.
            (
                """
                a: {window: {tumbling: 10s}, emit: {s: sum(v)}}
                  b:
                    from: a
                    window: {sliding: 20s, every: 10s}
                    emit: {all: collect(s), last: last(s), first: first(s)}
                """,
                [#"{"t":1700000000,"v":1}"#, #"{"t":1700000010,"v":2}"#],
                [
                    #""window_start":"2023-11-14T22:13:10Z","window_end":"2023-11-14T22:13:30Z","all":[1],"last":1,"#
                        + #""first":1"#,
                    #""window_start":"2023-11-14T22:13:20Z","window_end":"2023-11-14T22:13:40Z","all":[1,2],"last":2,"#
                        + #""first":1"#,
                    #""window_start":"2023-11-14T22:13:30Z","window_end":"2023-11-14T22:13:50Z","all":[2],"last":2,"#
                        + #""first":2"#,
                ]
            ),
            // What no map has as a key: a number has its text, and what is neither is not counted.
            (
                "a: {window: {count: 9}, emit: {c: count_by(v)}}",
                [#"{"t":1,"v":"x"}"#, #"{"t":1,"v":null}"#, #"{"t":1,"v":1.5}"#, #"{"t":1,"v":"x"}"#],
                [#""window_start":"1970-01-01T00:00:01Z","window_end":"1970-01-01T00:00:01Z","c":{"x":2,"1.5":1}"#]
            ),
            // Numbers beyond all bounds, and none at all.
            (
                "a: {select: {x: double(v) / 0.0, y: event_time}}", [#"{"t":1,"v":1}"#],
                [#""x":null,"y":"1970-01-01T00:00:01Z""#]
            ),
            // Keys of several parts and types, longer than what fits in place.
            (
                "a: {key: [k, v], window: {count: 2}, emit: {n: count()}}",
                [
                    #"{"t":1,"k":"a long key that is \u0000 not inline","v":1}"#,
                    #"{"t":1,"k":"a long key that is \u0000 not inline","v":true}"#,
                    #"{"t":1,"k":"a long key that is \u0000 not inline","v":1}"#,
                ],
                [
                    #""window_start":"1970-01-01T00:00:01Z","window_end":"1970-01-01T00:00:01Z","#
                        + #""k":"a long key that is \u0000 not inline","v":1,"n":2"#,
                    #""window_start":"1970-01-01T00:00:01Z","window_end":"1970-01-01T00:00:01Z","#
                        + #""k":"a long key that is \u0000 not inline","v":true,"n":1"#,
                ]
            ),
            // Deeper than anything should be.
            (
                "a: {select: {x: '\(String(repeating: "[", count: 90))v\(String(repeating: "]", count: 90))'}}",
                [#"{"t":1,"v":\#(String(repeating: "[", count: 120))\#(String(repeating: "]", count: 120))}"#],
                [#""x":null"#]
            ),
        ] as [(String, [String], [String])])
    func values(_ streams: String, _ lines: [String], _ expected: [String]) throws {
        let text = "input: {time: t}\nstreams:\n  \(streams)\n"
        for options in ["", "--no-checkpoints"] {
            let run = try Self.run(
                ["p.yaml": text, "in": lines.joined(separator: "\n")], "$ASSAY run p.yaml in \(options)")
            let found = run.lines.map { line in
                String(line.drop { $0 != "," }.dropFirst().dropLast())
            }
            #expect(found == expected, "\(run.lines) \(run.errors)")
        }
    }

    @Test("A key has a bound, and CSV says infinity where JSON has no word for it")
    func bounds() throws {
        let key = String(repeating: "k", count: 70_000)
        let run = try Self.run(
            [
                "p.yaml": """
                input: {time: t}
                streams:
                  a: {key: k, window: {count: 1}, emit: {n: count()}}
                  b: {key: {x: k + k}, window: {count: 1}, emit: {n: count()}}
                  c: {select: {x: 1.0 / 0.0, y: t, z: dyn(null)}}
                outputs: {a: {jsonl: a}, b: {jsonl: b}, c: {csv: c}}
                """, "in": #"{"t":1,"k":"\#(key)"}"# + "\n" + #"{"t":1,"k":"good"}"#,
            ], "$ASSAY run p.yaml in; wc -l < a; wc -l < b; cat c")
        #expect(run.lines == ["1", "1", "x,y,z", "Infinity,1,", "Infinity,1,"], "\(run.errors)")
        #expect(run.errors.contains("a key of more than 65536 bytes"))
    }

    @Test(
        "Names that would be there twice are refused",
        arguments: [
            ("a: {key: [k, k], window: {count: 1}, emit: {n: count()}}", "'key' has 'k' twice"),
            ("a: {key: {window_start: k}, window: {tumbling: 1s}, emit: {n: count()}}", "give the key another name"),
            ("a: {from: [input, input], select: [k]}", "'from' has 'input' twice"),
            ("a: {key: k, window: {count: 1}, emit: {k: count()}}", "'k' is the key's"),
            ("a: {select: {stream: k}}", "give the column another one"),
        ])
    func twice(_ stream: String, _ message: String) throws {
        let run = try Self.run(
            ["p.yaml": "streams:\n  \(stream)\n"], "$ASSAY check-config p.yaml 2>&1 || echo $?")
        #expect(run.lines.last == "78" && run.lines.contains { $0.contains(message) }, "\(run.lines)")
    }
}
