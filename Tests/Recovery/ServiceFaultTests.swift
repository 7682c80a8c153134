import Foundation
import TestSupport
import Testing

/// The service with a disk that fails, and after power cuts: what was answered stays as it was answered.
@Suite(.serialized, .enabled(if: !Scenario.isSanitized)) struct ServiceFaultTests {
    private static let start = """
        trap 'kill -KILL $run 2>/dev/null || true' EXIT
        $ASSAY generate -n 240 --users 12 --seed 3 > in; $ASSAY score in --no-checkpoints -q > expected
        split -l 20 -d in part.
        # Starts the service, with faults if there are some; `at` stays empty where it ends at once.
        serve() {
            at=; : > stderr
            env "$@" $ASSAY serve --listen 127.0.0.1:0 --state st -o out --checkpoint-every 50 \\
                --checkpoint-interval 100ms 2> stderr & run=$!
            for round in $(seq 100); do
                at=$(sed -n 's/^assay: listening at //p' stderr)
                if [ -n "$at" ] && curl -sf -o ready $at/readyz; then return; fi
                kill -0 $run 2>/dev/null || return 0
                sleep 0.02
            done
        }
        # Sends the parts one after the other, until one is not answered.
        send() {
            : > $1
            [ -n "$at" ] || return 0
            for part in part.*; do
                curl -sf --max-time 5 -H 'Content-Type: application/x-ndjson' --data-binary @$part \\
                    $at/v1/assessments > answer || return 0
                cat answer >> $1
            done
        }
        # Everything is asked again of a service without faults.
        check() {
            serve NONE=; send all
            kill -TERM $run; wait $run || echo "$1: ended $?"
            cmp all expected || echo "$1: other answers"
            cmp out expected || echo "$1: another output"
            head -c $(wc -c < got) expected | cmp - got || echo "$1: another answer before"
            cat st/journal/*.jsonl | $ASSAY score --no-checkpoints -q | cmp - expected || echo "$1: another journal"
        }

        """

    @Test("Whichever call fails, is torn or is the last, nothing that was answered changes")
    func everyCall() throws {
        let run = try Binary.shell(
            Self.start
                + """
                stopped=0 tried=0
                for kind in eio enospc torn kill torn_kill; do
                    for call in $(seq $((1 + tried % 4)) \(Scenario.rounds > 1 ? 1 : 7) 90); do
                        rm -rf st out
                        serve LD_PRELOAD=\(Scenario.shim) FAULTY_ROOT=$(pwd -P) FAULTY_AT=$call FAULTY_KIND=$kind
                        send got
                        kill -TERM $run 2>/dev/null || true
                        wait $run 2>/dev/null || stopped=$((stopped + 1))
                        check "$kind $call"
                        tried=$((tried + 1))
                    done
                done
                echo "tried $tried, stopped $stopped"
                """, in: TemporaryFolder())
        #expect(run.code == 0 && run.lines.count == 1, "\(run)")
        let figures = run.lines.last?.split { !$0.isNumber }.compactMap { Int($0) } ?? []
        #expect(figures.count == 2 && figures[0] > 60 && figures[1] > 20, "\(run)")
    }

    @Test("After a power cut at any call what was answered is there, whatever of the unsynced bytes is lost")
    func powerCuts() throws {
        let folder = try TemporaryFolder()
        let root = folder.url.resolvingSymlinksInPath()
        let traces = try TemporaryFolder()
        let first = try Binary.shell(
            Self.start
                + """
                serve LD_PRELOAD=\(Scenario.shim) FAULTY_ROOT=$(pwd -P) FAULTY_TRACE=\(traces.path("trace"))
                send got; kill -TERM $run; wait $run; cmp got expected && echo same
                """, in: folder)
        try #require(first.lines == ["same"], "\(first)")
        let trace = try DiskTrace(path: traces.path("trace"))
        var random = Random(state: Scenario.seed)
        var cuts = 0
        for call in stride(from: 1, through: trace.calls.count, by: Scenario.rounds > 1 ? 1 : 5) {
            let losses = Scenario.rounds > 1 ? DiskTrace.Loss.allCases : [.anySubset]
            for loss in losses {
                _ = try Binary.shell("rm -rf st out", in: folder)
                try trace.materialize(upTo: call, losing: loss, &random, in: root)
                // A part whose answer had left comes before another one is written to the journal.
                let written = trace.calls[..<call].count { kind in
                    if case .write(let path, _, _) = kind { path.contains("/journal/") } else { false }
                }
                let answered = max(0, written - 2) * 20
                let again = try Binary.shell(
                    Self.start.split(separator: "\n").filter { !$0.hasPrefix("$ASSAY generate") }.joined(
                        separator: "\n")
                            + """

                            head -n \(answered) expected > got
                            cat st/journal/*.jsonl > kept 2>/dev/null || true
                            for part in $(ls part.* | head -n \(answered / 20)); do
                                head -n 1 $part | grep -qFf - kept || echo "$part is lost"
                            done
                            check "cut before call \(call)"
                            """, in: folder)
                #expect(
                    again.code == 0 && again.lines.isEmpty, "seed \(Scenario.seed), call \(call), \(loss): \(again)")
                cuts += 1
            }
        }
        print("power cuts of the service: \(cuts) at \(trace.calls.count) calls")
        #expect(cuts > 10)
    }
}
