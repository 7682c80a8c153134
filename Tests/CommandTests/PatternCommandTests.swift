import Foundation
import TestSupport
import Testing

/// Patterns as their users meet them: files, reloads, drawings, and what is open.
@Suite struct PatternCommandTests {
    private static let examples = Repository.root.path + "/Examples/patterns"

    private static func run(_ script: String) throws -> Binary.Result {
        try Binary.shell("E='\(examples)'\n" + script, in: try TemporaryFolder())
    }

    // MARK: Examples

    @Test(
        "The shipped examples find what is in their events",
        arguments: [
            (
                "sequences",
                [
                    #"{"stream":"purchase","user":"ann","item":"lamp","amount":240,"took":"240s"}"#,
                    #"{"stream":"hesitation","user":"bob","left_by":"logout"}"#,
                    #"{"stream":"hesitation","user":"hal","left_by":"cart_abandon"}"#,
                    #"{"stream":"three_clicks","user":"cem","first":"pen","amount":12.5}"#,
                    #"{"stream":"browsing","user":"ann","views":2,"items":["lamp","desk"]}"#,
                    #"{"stream":"browsing","user":"bob","views":1,"items":["chair"]}"#,
                    #"{"stream":"browsing","user":"dia","views":1,"items":["mug"]}"#,
                    #"{"stream":"browsing","user":"hal","views":3,"items":["tent","stove","tent"]}"#,
                ]
            ),
            (
                "spenders",
                [
                    #"{"stream":"rising","user":"eve","from":90,"to":1900}"#,
                    #"{"stream":"rising_premium","user":"pia","from":700,"to":2600}"#,
                    #"{"stream":"frequent_buyers","user":"eve","spent":2050}"#,
                ]
            ),
            (
                "alerts",
                [
                    #"{"stream":"alerts","type":"high_value_purchase","severity":"critical","user":"fay","#
                        + #""at":"2026-03-02T03:02:00Z","amount":3200,"risk":0.9}"#,
                    #"{"stream":"alerts","type":"quick_purchase","severity":"medium","user":"ann","#
                        + #""at":"2026-03-02T09:04:00Z","amount":240,"risk":0.3}"#,
                    #"{"stream":"alerts","type":"quick_purchase","severity":"medium","user":"pia","#
                        + #""at":"2026-03-02T11:01:00Z","amount":700,"risk":0.3}"#,
                    #"{"stream":"alerts","type":"quick_purchase","severity":"medium","user":"eve","#
                        + #""at":"2026-03-02T11:03:00Z","amount":90,"risk":0.3}"#,
                ]
            ),
        ])
    func examples(_ name: String, _ expected: [String]) throws {
        let run = try Self.run("$ASSAY run $E/\(name).yaml $E/events.jsonl -q")
        #expect(run.code == 0, "\(run.errors)")
        // Streams that tell of silence are looked at below.
        let found = run.lines.filter { !$0.contains("given_up") && !$0.contains("still_there") }
        #expect(found.sorted() == expected.sorted())
    }

    @Test("What begins and does not end is told, with when, and so is what did not come")
    func silence() throws {
        let run = try Self.run("$ASSAY run $E/sequences.yaml $E/events.jsonl -q")
        let given = run.lines.filter { $0.contains(#""stream":"given_up""#) }
        #expect(given.count == 6)
        #expect(
            given.contains {
                $0.contains(#""key":"bob","began":"2026-03-02T09:05:00Z","ended":"2026-03-02T09:15:00Z""#)
            })
        let there = run.lines.filter { $0.contains("still_there") }
        #expect(there.count == 6 && !there.contains { $0.contains("chair") }, "\(there)")
    }

    // MARK: Files

    private static let two = """
        input: {time: t, out_of_order: 0ms}
        streams:
          ab: {key: k, pattern: {stages: [{name: a, where: x == "a"}, {name: b, followedBy: x == "b"}]}, emit: {k: key}}
          ac: {key: k, pattern: {stages: [{name: a, where: x == "a"}, {name: c, followedBy: x == "c"}]}, emit: {k: key}}

        """

    @Test("Conditions may have commas and brackets of their own inside flow maps, wherever they stand")
    func flow() throws {
        let run = try Self.run(
            #"""
            cat > p.yaml <<'END'
            input: {time: t, out_of_order: 0ms}   # {not, this}
            lists: {some: [u1, "u,2"]}
            streams:
              found:
                key: k
                pattern:
                  for: k in lists.some || k.matches('u[3-4]{1,2}') # and those
                  stages: [{name: a, where: x in ["a", "b, or }"]},
                    {name: b, next: y > a.map(e, {"v": e.y})[0].v && size([1, 2]) == 2 && x != ": # {", times: [1, 2]}]
                emit: {k: key, first: a[0].y, all: b.map(e, e.y), text: "'1, 2'"}
            END
            $ASSAY run p.yaml -q <<'END'
            {"k":"u1","t":1,"x":"a","y":1}
            {"k":"u,2","t":2,"x":"b, or }","y":5}
            {"k":"u1","t":3,"x":"z","y":2}
            {"k":"u,2","t":4,"x":": # {","y":7}
            {"k":"nobody","t":5,"x":"a","y":1}
            END
            """#)
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.lines == [#"{"stream":"found","k":"u1","first":1,"all":[2],"text":"1, 2"}"#])
    }

    @Test("Patterns are told and drawn, one or all, and the drawing is XML")
    func drawn() throws {
        let run = try Self.run(
            """
            $ASSAY patterns $E/sequences.yaml
            $ASSAY patterns $E/sequences.yaml --draw --name still_there
            for name in purchase hesitation still_there three_clicks browsing; do
                $ASSAY patterns $E/sequences.yaml --name $name --svg $name.svg > /dev/null
                python3 -c "
            import xml.etree.ElementTree as tree, sys
            print(len(tree.parse(sys.argv[1]).getroot().findall('{http://www.w3.org/2000/svg}rect')))" $name.svg
            done
            """)
        #expect(run.code == 0, "\(run.errors)")
        #expect(
            run.lines == [
                "purchase: login, view, purchase; within 10m", "hesitation: login, exit; within 10m; skip past_last",
                "still_there: view, logout; within 5m", "three_clicks: clicks, purchase",
                "browsing: views, purchase; within 1h; skip past_last",
                "still_there: view, logout; within 5m", "  conditions", "    view    action == \"view\"",
                "    logout  action == \"logout\"", "  states", "    view (waits for the first event)",
                "      takes view  → logout", "    logout (found when the time is over)", "      ends at logout",
                "      passes over not logout  stays", "4", "3", "3", "5", "5",
            ], "\(run.lines)")
        let wrong = try Self.run("$ASSAY patterns $E/sequences.yaml --name brwosing")
        #expect(wrong.code == 64 && wrong.errors.contains("did you mean 'browsing'?"), "\(wrong.errors)")
    }

    @Test("What is open is shown by key: where it stands, what it waits for, when it ends")
    func open() throws {
        let run = try Self.run(
            """
            head -n 12 $E/events.jsonl > some
            $ASSAY run $E/sequences.yaml some --keep-open --state S -q > /dev/null
            $ASSAYCTL patterns bob --state S
            $ASSAYCTL patterns --state S --json > answer.json
            \(Repository.python) \(Repository.validator) \(Repository.root.path)/schemas/assayctl.schema.json \\
                answer.json patterns
            $ASSAYCTL patterns nobody --state S || echo $?
            """)
        #expect(run.lines.contains("  purchase  began 2026-03-02 09:05:00Z, ends 2026-03-02 09:15:00Z"), "\(run.lines)")
        #expect(run.lines.contains("      has login, view, stands at purchase"))
        #expect(run.lines.contains("      waits for purchase"))
        #expect(run.lines.last == "1", "\(run.errors)")
    }

    // MARK: Reloads

    @Test("Patterns that changed end and the others live on, when asked to and when run again; all else is refused")
    func reload() throws {
        let run = try Self.run(
            """
            cat > p.yaml <<'END'
            \(Self.two)END
            mkfifo pipe
            $ASSAY run p.yaml pipe --state S > out 2> log & running=$!
            exec 3> pipe
            printf '%s\\n' '{"k":"u","t":1,"x":"a"}' '{"k":"v","t":2,"x":"a"}' '{"k":"w","t":3,"x":"."}' >&3
            sleep 0.3
            sed -i 's/x == "c"/x == "c" \\&\\& y > 5/' p.yaml
            kill -HUP $running
            for try in $(seq 900); do grep -q 'have ended' log && break; sleep 0.02; done
            sed 's/k: key}}$/k: key, more: 1}}/' p.yaml > q.yaml; cp p.yaml good.yaml; cp q.yaml p.yaml
            kill -HUP $running
            for try in $(seq 900); do grep -q 'stay as they were' log && break; sleep 0.02; done
            cp good.yaml p.yaml
            printf '%s\\n' '{"k":"u","t":4,"x":"b"}' '{"k":"u","t":5,"x":"c","y":9}' '{"k":"v","t":6,"x":"a"}' \\
                '{"k":"v","t":7,"x":"c","y":1}' '{"k":"v","t":8,"x":"c","y":9}' >&3
            exec 3>&-
            wait $running
            cat out
            grep -v ' s, ' log
            # And when the file changed in between.
            printf '%s\\n' '{"k":"z","t":11,"x":"a"}' '{"k":"z","t":12,"x":"."}' > more
            $ASSAY run p.yaml more --state S --keep-open -q
            sed -i 's/y > 5/y > 6/' p.yaml
            echo '{"k":"z","t":13,"x":"b"}' >> more
            $ASSAY run p.yaml more --state S -q 2>&1
            """)
        #expect(run.code == 0, "\(run.errors)")
        #expect(
            run.lines == [
                #"{"stream":"ab","k":"u"}"#, #"{"stream":"ac","k":"v"}"#, #"{"stream":"ab","k":"z"}"#,
            ] || run.lines.contains(#"{"stream":"ac","k":"v"}"#), "\(run.lines)")
        #expect(run.lines.contains { $0.contains("reloaded: the patterns hold from event 4 on; changed: ac") })
        #expect(run.lines.contains { $0.contains("'ac': its pattern has changed, and 2 open sequences") })
        #expect(
            run.lines.contains { $0.contains("a reload takes patterns alone, and this file differs in 'stream ab'") })
        #expect(
            run.lines.contains { $0.contains("'ac': its pattern has changed, and 1 open sequences") }, "\(run.lines)"
        )
        // That of 'ab' that began before both changes.
        #expect(run.lines.contains(#"{"stream":"ab","k":"u"}"#) && run.lines.contains(#"{"stream":"ab","k":"z"}"#))
        #expect(run.lines.count { $0.contains(#""stream":"ac""#) } == 1)
    }

    @Test("A reload may name fields that nothing named before, of JSON and of CSV, and finds them by name")
    func newFields() throws {
        for (format, events) in [
            ("jsonl", (#"{"k":"v","x":"a","t":5,"z":5,"y":71}"#, #"{"k":"v","x":"b","t":6,"z":5,"y":71}"#)),
            ("csv", ("v,a,5,5,71", "v,b,6,5,71")),
        ] {
            let run = try Self.run(
                """
                cat > p.yaml <<'END'
                input: {format: \(format), time: t, out_of_order: 0ms}
                streams:
                  s: {key: k, pattern: {stages: [{name: a, where: x == "a"}, {name: b, followedBy: x == "b"}]}}
                END
                mkfifo pipe
                $ASSAY run p.yaml pipe --state S > out 2> log & running=$!
                exec 3> pipe
                if [ \(format) = csv ]; then echo k,x,t,z,y >&3; echo v,a,1,0,0 >&3; else
                    echo '{"k":"v","x":"a","t":1}' >&3; fi
                sleep 0.3
                sed -i 's/x == "b"/x == "b" \\&\\& y == 71 \\&\\& z == 5/' p.yaml
                kill -HUP $running
                for try in $(seq 900); do grep -q 'have ended' log && break; sleep 0.02; done
                grep -o '0 open sequences.*' log
                echo '\(events.0)' >&3; echo '\(events.1)' >&3
                exec 3>&-
                wait $running
                wc -l < out
                """)
            #expect(
                run.lines == [
                    "0 open sequences of it have ended, 1 waiting events with them", "1",
                ], "\(format) \(run.lines) \(run.errors)")
        }
    }

    @Test("Keys that are gone are not listed, those that are null are, and what has ended does not come back")
    func goneAndBack() throws {
        let run = try Self.run(
            #"""
            cat > p.yaml <<'END'
            input: {time: t, out_of_order: 0ms}
            streams:
              s:
                key: {a: k, b: j}
                pattern: {within: 20s, stages: [{name: a, where: x == "a"}, {name: b, followedBy: x == "b"}]}
                emit: {k: key}
            END
            echo '{"k":"u","j":1,"t":1,"x":"a"}' > in
            echo '{"k":null,"j":null,"t":2,"x":"a"}' >> in
            echo '{"k":"w","j":2,"t":3,"x":"."}' >> in
            $ASSAY run p.yaml in --state S --keep-open -q
            $ASSAYCTL patterns --state S | grep -v '^  '
            cp p.yaml old.yaml
            sed -i 's/x == "b"/x == "b" \&\& true/' p.yaml
            echo '{"k":"w","j":2,"t":4,"x":"."}' >> in
            $ASSAY run p.yaml in --state S --keep-open -q 2>&1 | grep -o '2 open sequences of it have ended'
            cp old.yaml p.yaml
            echo '{"k":"u","j":1,"t":5,"x":"b"}' >> in
            $ASSAY run p.yaml in --state S -q
            $ASSAYCTL patterns --state S
            """#)
        #expect(
            run.lines == [
                "null, null", "u, 1", "2 of 2 keys", "2 open sequences of it have ended", "0 of 0 keys",
            ], "\(run.lines) \(run.errors)")
    }

    // MARK: In the score

    private static let scored = """
        patterns:
          - name: testing
            within: 1h
            with: {much: 500.0}
            stages:
              - {name: small, where: amount < 5.0, times: "2+"}
              - {name: large, followedBy: amount > much && amount > small.map(s, s.amount).sum() * 10.0}
            risk: 0.8
          - name: twice
            shadow: true
            risk: 0.5
            stages: [{name: x, where: amount < 5.0}, {name: y, next: amount < 5.0}]
          - name: home
            decide: allow
            for: user_id == "u2"
            stages: [{name: x, where: transaction_type == "refund"}]

        """

    private static let transactions: String = {
        let all = [("t1", "u1", 1.5), ("t2", "u1", 2), ("t3", "u2", 3), ("t4", "u1", 30), ("t5", "u1", 600)]
        let lines = all.enumerated().map { number, transaction in
            let (id, user, amount) = transaction
            let type = user == "u2" ? #","transaction_type":"refund""# : ""
            return #"{"transaction_id":"\#(id)","user_id":"\#(user)","amount":\#(amount),"#
                + #""timestamp":\#(1_735_689_600 + number)\#(type)}"#
        }
        return lines.joined(separator: "\n") + "\n"
    }()

    @Test("A pattern is a factor of the transaction that completes it, decides, or is shown alone, also when run again")
    func scored() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("p.yaml", Self.scored)
        _ = try folder.write("in", Self.transactions)
        let run = try Binary.shell(
            """
            $ASSAY score in -c p.yaml --no-checkpoints -q -o whole
            head -n 4 in > part
            $ASSAY score part -c p.yaml -q -o out
            $ASSAYCTL explain --state Checkpoints < <(tail -n 1 in) | grep -A 4 'pattern testing'
            $ASSAYCTL explain --state Checkpoints < <(tail -n 1 in) | grep '^  score'
            $ASSAYCTL patterns u1 | grep -A 2 testing | head -3
            $ASSAYCTL export > exported
            tail -n 1 in >> part
            $ASSAY score part -c p.yaml -q -o out
            cmp out whole
            tail -n 1 out
            head -n 3 out | tail -n 1 | grep -o '"decided_by":"home"'
            head -n 2 out | tail -n 1 | grep -o '"shadow":.*]'
            \(Repository.python) \(Repository.validator) \(Repository.root.path)/schemas/risk-assessment.schema.json out
            # The same from what was exported.
            mkdir other; cp part p.yaml other; cd other
            $ASSAYCTL import ../exported > /dev/null
            $ASSAY score <(tail -n 1 part) -c p.yaml -q | cut -d, -f4- > again
            tail -n 1 ../whole | cut -d, -f4- | cmp - again
            # And as CSV.
            cd ..; head -n 4 in > four; mkdir third
            $ASSAY score four -c p.yaml -q --state T -o fourth
            $ASSAYCTL export --format csv --state T > exported.csv
            cd third; $ASSAYCTL import --format csv ../exported.csv > /dev/null
            $ASSAY score <(tail -n 1 ../in) -c ../p.yaml -q | cut -d, -f4- | cmp - ../other/again
            """, in: folder)
        #expect(run.code == 0, "\(run.errors) \(run.lines)")
        #expect(
            run.lines.contains("  pattern testing fired, risk 0.8000: completed by [\"t1\",\"t2\",\"t5\"]"),
            "\(run.lines)")
        #expect(run.lines.contains("  score     1 − (1 − 0.8000) = 0.800000"), "\(run.lines)")
        #expect(run.lines.contains("      has small × 2, stands at small 4"), "\(run.lines)")
        #expect(
            run.lines.contains {
                $0.contains(
                    #"[{"type":"pattern","pattern":"testing","transactions":["t1","t2","t5"],"risk_score":0.8}]"#)
            }, "\(run.lines)")
        #expect(run.lines.contains(#""decided_by":"home""#))
        #expect(
            run.lines.contains(#""shadow":[{"pattern":"twice","risk_score":0.5,"transactions":["t1","t2"]}]"#),
            "\(run.lines)")
    }

    @Test("Conditions that fail do not hold; they are counted and said once, and limits that are exceeded too")
    func failing() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write(
            "p.yaml",
            """
            patterns:
              - name: web
                risk: 0.1
                stages: [{name: a, where: metadata.channel == "web"}, {name: b, next: metadata.channel == "web"}]
              - name: open
                risk: 0.1
                limits: {runs: 2}
                stages: [{name: a, where: amount > 1.0}, {name: b, followedBy: amount < 0.0}]
            """)
        _ = try folder.write("in", Self.transactions)
        let run = try Binary.shell("$ASSAY score in -c p.yaml --no-checkpoints -o out 2>&1", in: folder)
        #expect(run.lines.count { $0.contains("rule 'web' failed and counts as not fired") } == 1, "\(run.lines)")
        #expect(run.lines.count { $0.contains("pattern 'open': a user has more open") } == 1)
        #expect(
            run.lines.contains {
                $0.contains("open 0") && $0.contains("open:dropped 2") && $0.contains("web:no_such_key 10")
            }, "\(run.lines)")
    }

    @Test("Backtests count patterns, test cases expect them, and a reload that drops one ends what it has begun")
    func tried() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("p.yaml", Self.scored)
        _ = try folder.write("in", Self.transactions)
        _ = try folder.write(
            "cases.yaml",
            """
            - name: small ones and a large one
              given: [{amount: 1, count: 3, every: 1m}]
              transaction: {amount: 700}
              expect: {fired: [testing], shadow: []}
            """)
        let run = try Binary.shell(
            """
            printf 'rules: []\\n' > old.yaml
            $ASSAY backtest in --config p.yaml --against old.yaml | grep -E '^(testing|twice|home) '
            $ASSAY test-rules p.yaml cases.yaml
            mkfifo pipe
            $ASSAY score pipe -c p.yaml > out 2> log & scoring=$!
            exec 3> pipe
            head -n 4 in >&3
            for try in $(seq 900); do [ "$(wc -l < out)" = 4 ] && break; sleep 0.02; done
            sed -i 's/name: testing/name: probing/; s/amount < 5.0, times/amount < 6.0, times/' p.yaml
            kill -HUP $scoring
            for try in $(seq 900); do grep -q 'have ended' log && break; sleep 0.02; done
            tail -n 1 in >&3
            exec 3>&-
            wait $scoring
            grep -c '"type":"pattern"' out || true
            grep -o '[0-9]* sequences have ended' log
            """, in: folder)
        #expect(run.code == 0, "\(run.errors)")
        #expect(
            run.lines.map { $0.split(separator: " ").prefix(3).joined(separator: " ") } == [
                "testing 1 0", "twice 1 0", "home 1 0", "ok small ones", "1 cases, 0", "0", "4 sequences have",
            ], "\(run.lines)")
    }
}
