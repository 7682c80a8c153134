import Foundation
import TestSupport
import Testing

/// What requests are answered.
@Suite struct RequestTests {
    /// A service with nothing in it; `post` sends a body, `ask` gets a path.
    static let start = """
        trap 'kill -KILL $run 2>/dev/null || true' EXIT
        serve() {
            : > notes
            $ASSAY serve --listen 127.0.0.1:0 --state st "$@" 2> notes & run=$!
            for round in $(seq 900); do
                at=$(sed -n 's/^assay: listening at //p' notes)
                [ -n "$at" ] && [ "$(curl -sk -o /dev/null -w '%{http_code}' $at/readyz)" = 200 ] && break
                sleep 0.05
            done
        }
        json='Content-Type: application/json'
        post() { curl -s --max-time 20 -H "$json" -w ' %{http_code}\\n' "$@" $at/v1/assessments; }
        lines() {
            curl -s --max-time 20 $2 -H 'Content-Type: application/x-ndjson' --data-binary @$1 $at/v1/assessments
        }
        ask() { curl -s --max-time 20 -w ' %{http_code}\\n' "$at$1"; }
        $ASSAY generate -n 3000 --users 50 --seed 5 > in
        head -n 1 in > first
        $ASSAY score in --no-checkpoints -q > expected

        """

    static func run(_ script: String) throws -> Binary.Result {
        try Binary.shell(start + script, in: TemporaryFolder())
    }

    @Test("An answer has the very bytes that score writes, and a repetition gets the same")
    func bytes() throws {
        let run = try Self.run(
            """
            serve
            post --data-binary @first; post --data-binary @first -D heads
            grep -ci '^assay-replayed: true' heads
            python3 -c 'import json; all = json.load(open("first")); print(json.dumps(all, indent=2))' > again
            post --data-binary @again
            lines in > out; cmp out expected && echo same
            cat st/journal/*.jsonl | $ASSAY score --no-checkpoints -q | cmp - expected && echo the journal too
            head -n 1 expected
            """)
        let first = run.lines.last ?? ""
        #expect(run.lines == ["\(first) 200", "\(first) 200", "1", "\(first) 200", "same", "the journal too", first])
    }

    @Test(
        "What cannot be taken has its status and its reason",
        arguments: [
            ("post -d '{'", "400", "malformed_json"), ("post -d ''", "400", "malformed_json"),
            ("post -d '[1]'", "422", "not_an_object"), ("post -d '{\"user_id\":\"u\"}'", "422", "missing_field"),
            ("post --data-binary $'{\"user_id\":\"\\xff\"}'", "400", "invalid_utf8"),
            ("sed 's/\"amount\":/\"amount\":-/' first | post --data-binary @-", "422", "invalid_field"),
            (
                "{ printf '{\"a\":\"'; head -c 1100000 /dev/zero | tr '\\0' x; echo '\"}'; } | post --data-binary @-",
                "413", "line_too_long"
            ),
            (
                "post --data-binary @first > 1; sed 's/\"amount\":/\"amount\":1/' first | post --data-binary @-",
                "409", "conflict"
            ),
        ])
    func problems(_ request: String, _ status: String, _ reason: String) throws {
        let run = try Self.run("serve; \(request)")
        let text = run.lines.joined()
        #expect(text.hasSuffix(" \(status)"), "\(run)")
        #expect(text.contains("\"reason\":\"\(reason)\""), "\(run)")
    }

    @Test("Lines are answered in their order, and those that are wrong say so")
    func stream() throws {
        let run = try Self.run(
            """
            serve
            { head -n 2 in; echo; echo nonsense; sed -n 3p in; head -n 1 in | sed 's/"amount":/"amount":1/'; } > mixed
            lines mixed > out
            head -n 2 out | cmp - <(head -n 2 expected) && sed -n 4p out | cmp - <(sed -n 3p expected) && echo in order
            sed -n '3p;5p' out; wc -l < out
            """)
        #expect(run.lines.first == "in order", "\(run)")
        #expect(run.lines[1].hasPrefix("{\"rejected\":{\"line\":4,\"reason\":\"malformed_json\","), "\(run)")
        #expect(run.lines[2].hasPrefix("{\"rejected\":{\"line\":6,\"reason\":\"conflict\","), "\(run)")
        #expect(run.lines[3] == "5", "\(run)")
    }

    @Test("Requests of one transaction at the same time get one answer")
    func concurrent() throws {
        let run = try Self.run(
            """
            serve
            senders=
            for number in $(seq 30); do post --data-binary @first > answer.$number & senders="$senders $!"; done
            wait $senders
            cat answer.* | sort -u | wc -l; ask /metrics | grep '^assay_sink_rows_total' | grep -o '[0-9]*$'
            """)
        #expect(run.lines == ["1", "1"], "\(run)")
    }

    @Test("A user, a remembered answer and an explanation are as of now, and ids may have any characters")
    func questions() throws {
        let run = try Self.run(
            """
            serve
            sed 's|"transaction_id":"[^"]*"|"transaction_id":"a/b%\\\\u0000c"|' first > part
            sed 's|"user_id":"[^"]*"|"user_id":"ü/?"|' part > odd
            post --data-binary @odd > answer
            ask /v1/assessments/a%2Fb%25%00c | cmp - answer && echo remembered
            ask '/v1/assessments/a%2Fb%25%00c?user_id=%C3%BC%2F%3F' | cmp - answer && echo remembered
            ask '/v1/assessments/a%2Fb%25%00c?user_id=other' | grep -o '[0-9]*$'
            ask /v1/users/%C3%BC%2F%3F | grep -o '"transactions":1,\\|[0-9]*$'
            ask /v1/users/nobody | grep -o '[0-9]*$'; ask /v1/users/%zz | grep -o '[0-9]*$'
            kill $run; wait $run
            $ASSAYCTL user 'ü/?' --state st --json > one; serve
            curl -s $at/v1/users/%C3%BC%2F%3F | cmp - one && echo as assayctl shows
            sed 's/"transaction_id":"/&new/' odd > new
            after() { sed 's/.*"explanations"//'; }
            curl -s -H "$json" --data-binary @new $at/v1/explanations | after > two
            $ASSAYCTL explain new --state st --json | after | cmp - two && echo as assayctl explains
            """)
        #expect(
            run.lines == [
                "remembered", "remembered", "404", "\"transactions\":1,", "200", "404", "400", "as assayctl shows",
                "as assayctl explains",
            ], "\(run)")
    }

    @Test("Another configuration is a mark in the journal, and what was scored before it stays as it was")
    func marks() throws {
        let run = try Self.run(
            """
            printf 'velocity:\\n  other_thresholds: [1, 2, 3]\\n' > one.yaml
            printf 'rules:\\n  - {name: every, when: "amount > 0.0", risk: 0.5}\\n' > two.yaml
            cp one.yaml now.yaml
            serve --config now.yaml; head -n 1000 in > part; lines part > out
            kill -KILL $run; wait $run 2>/dev/null || true
            cp two.yaml now.yaml; serve --config now.yaml; sed -n 1001,2000p in > part; lines part >> out
            printf 'rules:\\n  - {name: every, when: "amount > 10.0", risk: 0.9}\\n' > now.yaml
            kill -HUP $run; sleep 0.5
            sed -n 2001,3000p in > part; lines part >> out
            kill -KILL $run; wait $run 2>/dev/null || true
            serve --config now.yaml; lines in | cmp - out && echo remembered
            cat st/journal/*.jsonl > all; grep -c '^{"assay_configuration"' all
            $ASSAY score all --config one.yaml --no-checkpoints -q | cmp - out && echo scored alone
            $ASSAY score all --no-checkpoints -q -o pieces.all
            head -n 1700 all > piece; $ASSAY score piece --state again -q -o pieces
            cp all piece; $ASSAY score piece --state again -q -o pieces; cmp pieces out && echo in pieces
            grep -c every out
            """)
        #expect(run.lines.prefix(4) == ["remembered", "3", "scored alone", "in pieces"], "\(run)")
        #expect((run.lines.last.flatMap { Int($0) } ?? 0) > 1000, "\(run)")
    }

    @Test("Nobody outside can write a mark")
    func forgedMark() throws {
        let run = try Self.run(
            """
            serve
            sed 's/^{/{"assay_configuration":"rules: []",/' first > forged
            post --data-binary @forged > answer; cat answer | grep -o '[0-9]*$'
            cat st/journal/*.jsonl | $ASSAY score --no-checkpoints -q | wc -l
            """)
        #expect(run.lines == ["200", "1"], "\(run)")
    }

    @Test("Tokens let in who has the scope, and are never told")
    func tokens() throws {
        let run = try Self.run(
            """
            $ASSAY serve --new-token shop --scopes score > new; token=$(sed -n 's/^token: //p' new)
            sed -n 's/^line: *//p' new > tokens
            printf %s "$token" | sha256sum | cut -d ' ' -f 1 | grep -cf - tokens
            serve --tokens tokens
            post --data-binary @first | grep -o '[0-9]*$'
            post --data-binary @first -H "Authorization: Bearer wrong" -D heads | grep -o '[0-9]*$'
            grep -ci '^www-authenticate: bearer' heads
            post --data-binary @first -H "Authorization: Bearer $token" | grep -o '[0-9]*$'
            curl -s -o /dev/null -w '%{http_code}\\n' -H "Authorization: Bearer $token" $at/metrics
            ask /healthz | grep -o '[0-9]*$'
            : > tokens; kill -HUP $run; sleep 0.3
            post --data-binary @first -H "Authorization: Bearer $token" | grep -o '[0-9]*$'
            cat notes st/journal/* heads | grep -c "$token" || true
            $ASSAY serve --listen 0.0.0.0:0 --state other || echo $?
            """)
        #expect(run.lines == ["1", "401", "401", "1", "200", "403", "200", "401", "0", "64"], "\(run)")
    }

    @Test("Encrypted it answers the same")
    func encrypted() throws {
        let run = try Self.run(
            """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out certificate \\
                -subj /CN=localhost -days 2 2>/dev/null
            serve --tls-certificate certificate --tls-key key
            echo $at | cut -c 1-8
            lines in -k | cmp - expected && echo same
            $ASSAY serve --listen 127.0.0.1:0 --state other --tls-certificate in --tls-key key -q || echo $?
            """)
        #expect(run.lines == ["https://", "same", "64"], "\(run)")
    }

    @Test("A stop answers what is under way, takes nothing new, and leaves nothing to repeat")
    func stop() throws {
        let run = try Self.run(
            """
            serve
            { head -c 200 first; sleep 1; tail -c +201 first; } | curl -s -T - -X POST -H 'Transfer-Encoding:' \\
                -H "Content-Length: $(wc -c < first)" -H "$json" $at/v1/assessments > late & slow=$!
            sleep 0.4; kill -TERM $run; sleep 0.2
            curl -s -o /dev/null --max-time 2 $at/healthz || echo refused
            wait $slow; wait $run && echo ended
            cmp late <(head -n 1 expected | tr -d '\\n') && echo answered
            $ASSAYCTL status --state st --json | grep -o '"sequence":[0-9]*'
            """)
        #expect(run.lines == ["refused", "ended", "answered", "\"sequence\":1"], "\(run)")
    }

    @Test("systemd gives it a socket, and is told that it is ready, that it lives, and that it ends")
    func supervised() throws {
        let supervisor = Repository.root.appending(path: "Tests/ServiceTests/supervisor.py").path
        let run = try Self.run("python3 \(supervisor) $ASSAY serve --state st")
        #expect(run.lines == ["READY=1 WATCHDOG=1", "ready", "STOPPING=1", "0"], "\(run)")
    }

    @Test("Rejected lines are appended to their file")
    func rejects() throws {
        let run = try Self.run("serve --rejects bad; post -d '{' > /dev/null; post -d nonsense > /dev/null; cat bad")
        #expect(
            run.lines.count == 2 && run.lines[0].hasPrefix("{\"line\":1,\"offset\":0,\"reason\":\"malformed_json\""),
            "\(run)")
    }
}
