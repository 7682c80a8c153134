import Foundation
import TestSupport
import Testing

/// Scoring for those who wait, under load, killed again and again.
@Suite struct ServiceKillTests {
    /// Compares what sixteen clients were answered with what the journal alone gives. `ROUNDS` kills come in between.
    private static let script = """
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        trap 'kill -KILL $run $clients 2>/dev/null || true' EXIT
        $ASSAY generate -n $LINES --users 400 --seed $SEED > in
        start() { $ASSAY serve --listen 127.0.0.1:$port --state st -o out -q --checkpoint-interval 150ms $OPTIONS \\
            2>> notes & run=$!; }
        start
        python3 $CLIENTS $port in answers 16 > seen & clients=$!
        kills=0
        while kill -0 $clients 2>/dev/null; do
            sleep $(awk -v r=$RANDOM 'BEGIN { print 0.05 + 0.35 * r / 32768 }')
            [ $kills -lt $ROUNDS ] || continue
            kill -KILL $run; wait $run 2>/dev/null || true
            kills=$((kills + 1))
            start
        done
        wait $clients 2>/dev/null || true
        until curl -sf -o /dev/null http://127.0.0.1:$port/readyz; do sleep 0.05; done
        kill -TERM $run; wait $run
        cat seen; echo kills $kills
        cat st/journal/*.jsonl | $ASSAY score --no-checkpoints -q > alone
        cmp out alone && echo "the output is what the journal gives"
        sort answers > one; sort alone > two; cmp one two && echo "the answers are what the journal gives"
        grep -c '"transaction_id"' alone
        $ASSAYCTL status --state st --json | grep -o '"sequence":[0-9]*' | head -n 1
        cat notes >&2

        """

    private static func run(lines: Int, kills: Int, options: String = "") throws -> (Binary.Result, seed: Int) {
        let seed = Int.random(in: 1...1_000_000)
        let clients = Repository.root.appending(path: "Tests/ServiceTests/retrying-clients.py").path
        let settings =
            "LINES=\(lines)\nROUNDS=\(kills)\nSEED=\(seed)\nCLIENTS=\(clients)\nOPTIONS='\(options)'\nRANDOM=\(seed)\n"
        return (try Binary.shell(settings + script, in: TemporaryFolder()), seed)
    }

    private static var rounds: Int {
        ProcessInfo.processInfo.environment["ASSAY_FAULT_ROUNDS"].flatMap { Int($0) } ?? 1
    }

    @Test(
        "Every answer is what the journal alone gives, each transaction counts once, and none is missing",
        arguments: ["", "--durable memory"])
    func killed(_ options: String) throws {
        let lines = 6000 * Self.rounds
        let (run, seed) = try Self.run(lines: lines, kills: 12 * Self.rounds, options: options)
        #expect(run.code == 0, "seed \(seed): \(run)")
        let text = run.lines.joined(separator: "\n")
        #expect(text.contains("the output is what the journal gives"), "seed \(seed): \(run)")
        #expect(text.contains("the answers are what the journal gives"), "seed \(seed): \(run)")
        #expect(text.contains("unlike 0"), "seed \(seed): \(run)")
        #expect(run.lines.suffix(2) == ["\(lines)", "\"sequence\":\(lines)"], "seed \(seed): \(run)")
        // A test in which nothing was in the way shows nothing.
        #expect(!text.contains("failed 0 ") && !text.contains("replayed 0 "), "seed \(seed): \(text)")
    }
}
