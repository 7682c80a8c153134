import Foundation
import TestSupport
import Testing

/// What any run answers over HTTP with `--listen`.
@Suite struct PageTests {
    /// Scores a growing file, and ends the run with the script.
    private static let start = """
        trap 'kill -KILL $run 2>/dev/null' EXIT
        $ASSAY generate -n 3000 --users 50 > in; : > notes
        $ASSAY score in --follow -o out --listen 127.0.0.1:0 --checkpoint-interval 100ms 2> notes & run=$!
        for round in $(seq 900); do
            at=$(sed -n 's/^assay: listening at //p' notes)
            [ -n "$at" ] && [ "$(curl -s -o /dev/null -w '%{http_code}' $at/readyz)" = 200 ] && break
            sleep 0.05
        done
        for round in $(seq 900); do curl -s $at/metrics | grep -q 'lines_total.* 3000$' && break; sleep 0.05; done

        """

    private static func run(_ script: String) throws -> Binary.Result {
        try Binary.shell(start + script, in: TemporaryFolder())
    }

    @Test("Prometheus finds nothing wrong with the figures, and they are right")
    func metrics() throws {
        let run = try Self.run(
            """
            echo not JSON >> in
            for round in $(seq 900); do curl -s $at/metrics | grep -q 'malformed_json"} 1$' && break; sleep 0.05; done
            curl -s $at/metrics > page
            promtool check metrics < page && echo checked
            grep '^assay.*\\(malformed_json"}\\|_state_users \\|_sink_rows_total\\|_ready \\|_input_lines\\)' page
            grep '^assay_transactions_total' page | awk '{ all += $2 } END { print all }'
            """)
        #expect(
            run.lines == [
                "checked", "assay_ready 1", "assay_rejected_total{reason=\"malformed_json\"} 1",
                "assay_input_lines_total{source=\"transactions\",partition=\"\"} 3001", "assay_state_users 50",
                "assay_sink_rows_total{sink=\"assessments\"} 3000", "3000",
            ], "\(run)")
    }

    @Test("After a restart counters begin with the process")
    func countersOfProcess() throws {
        let run = try Self.run(
            """
            kill -KILL $run; wait $run 2>/dev/null || true
            head -n 500 in | sed 's/"tx/"other/' >> in
            $ASSAY score in --follow -o out --listen 127.0.0.1:0 2> notes & run=$!
            for round in $(seq 900); do
                at=$(sed -n 's/^assay: listening at //p' notes)
                [ -n "$at" ] && curl -s $at/metrics | grep -q 'lines_total.* [1-9][0-9]*$' && break; sleep 0.05
            done
            sleep 0.3
            curl -s $at/metrics | grep '^assay_transactions_total' | awk '{ all += $2 } END { print (all < 3000) }'
            """)
        #expect(run.lines == ["1"], "\(run)")
    }

    @Test("Status is what assayctl prints")
    func status() throws {
        let run = try Self.run(
            """
            sleep 0.3
            curl -s $at/v1/status > one; $ASSAYCTL status --json > two
            cut -c 1-40 one; cmp <(tr , '\\n' < one | grep -v bytes) <(tr , '\\n' < two | grep -v bytes) && echo same
            """)
        #expect(run.lines.last == "same", "\(run)")
    }

    @Test("Events come each second, and go on behind the last one that was seen")
    func events() throws {
        let run = try Self.run(
            """
            curl -sN --max-time 2.6 $at/v1/events > first || true
            curl -sN --max-time 1.5 -H 'Last-Event-ID: 1' $at/v1/events > again || true
            grep -c '^event: counts' first; head -n 1 first; head -n 1 again
            grep -o '"accepted":[0-9]*' first | head -n 1
            """)
        #expect(run.lines.count == 4 && (Int(run.lines[0]) ?? 0) >= 2, "\(run)")
        #expect(run.lines.dropFirst() == ["id: 1", "id: 2", "\"accepted\":3000"], "\(run)")
    }

    @Test(
        "What is not there, or not so, is a problem with a sentence",
        arguments: [
            ("$at/nothing", "404 application/problem+json"),
            ("-X POST -d x $at/metrics", "405 application/problem+json"),
            ("-X PUT $at/v1/status", "405 application/problem+json"),
            ("--path-as-is $at/../x", "404 application/problem+json"),
            ("-H 'Content-Length: 99999999999' $at/metrics", "413 application/problem+json"),
            ("-I $at/healthz", "200 text/plain"),
        ])
    func problems(_ request: String, _ expected: String) throws {
        let run = try Self.run("curl -s --max-time 5 -o /dev/null -w '%{http_code} %{content_type}\\n' \(request)")
        #expect(run.lines.last == expected, "\(run)")
    }

    @Test("Everybody may not listen, and an address that is taken is an error")
    func addresses() throws {
        let run = try Self.run(
            """
            $ASSAY score in --no-checkpoints --listen 0.0.0.0:0 -q || echo $?
            $ASSAY score in --no-checkpoints --listen nonsense -q || echo $?
            $ASSAY score in --no-checkpoints --listen ${at#http://} -q -o other || echo $?
            kill $run; wait $run && echo $?
            """)
        #expect(run.lines == ["64", "64", "74", "0"], "\(run)")
    }
}
