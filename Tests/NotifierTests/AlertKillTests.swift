import Foundation
import TestSupport
import Testing

/// Alerts across crashes.
@Suite struct AlertKillTests {
    private static var rounds: Int {
        ProcessInfo.processInfo.environment["ASSAY_FAULT_ROUNDS"].flatMap { Int($0) } ?? 1
    }

    private struct Told {
        let id: String
        let key: String
        let time: Double
    }

    private static func told(_ line: String) throws -> Told {
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let key = try #require((object["key"] as? [String: Any])?["user_id"] as? String)
        let result = try #require(object["result"] as? [String: Any])
        return Told(
            id: try #require(object["id"] as? String), key: key, time: try #require(result["timestamp"] as? Double))
    }

    @Test("Killed again and again while a channel fails half the time, every alert arrives, and quiet times hold")
    func killed() throws {
        let seed = Int.random(in: 1...1_000_000)
        let receivers = try Receivers()
        let quiet = 300.0
        let rules = """
              rules:
                - name: blocked
                  on: assessments
                  where: risk_level == "critical" && transaction.amount > 2000
                  key: [user_id]
                  quiet: 5m
                  to: [CHANNELS]
              limits: {per_minute: 1000000}

            """
        func file(_ name: String, _ channels: String, _ to: String) throws {
            _ = try receivers.folder.write(
                name, "alerts:\n  channels:\n" + channels + rules.replacing("CHANNELS", with: to))
        }
        try file("once.yaml", "    lines: {file: once.jsonl}\n", "lines")
        let coin = "    coin: {webhook: {url: '\(receivers.web("coin"))'}}\n    lines: {file: told.jsonl}\n"
        try file("assay.yaml", coin, "coin, lines")
        let run = try receivers.shell(
            """
            RANDOM=\(seed)
            trap 'kill -KILL $run 2>/dev/null || true' EXIT
            $ASSAY generate -n 400000 --users 2000 --fraud 0.002 --seed \(seed) > in
            $ASSAY score in -c once.yaml -o once -q --state once-state
            go() { $ASSAY score in -c assay.yaml -o out -q --checkpoint-interval 40ms 2>> notes & run=$!; }
            kills=0
            while [ $kills -lt \(10 * Self.rounds) ]; do
                go
                sleep $(awk -v r=$RANDOM 'BEGIN { print 0.05 + 0.25 * r / 32768 }')
                kill -KILL $run 2>/dev/null && kills=$((kills + 1)) || true
                wait $run 2>/dev/null || true
            done
            for i in $(seq 60); do
                go; wait $run
                $ASSAYCTL alerts --json | grep -q '"waiting":0' && break
                sqlite3 Checkpoints/alerts.db "UPDATE sending SET due_ms = 0 WHERE state = 0"
            done
            cmp once out
            $ASSAYCTL alerts --json | grep -o '"waiting":[0-9]*,"sent":[0-9]*,"failed":[0-9]*'
            """)
        #expect(run.code == 0, "seed \(seed): \(run)")
        let once = try String(contentsOfFile: receivers.folder.path("once.jsonl"), encoding: .utf8)
            .split(separator: "\n").map { try Self.told(String($0)) }
        let lines = try String(contentsOfFile: receivers.folder.path("told.jsonl"), encoding: .utf8)
            .split(separator: "\n").map { try Self.told(String($0)) }
        let wanted = Set(once.map(\.id))
        #expect(wanted.count == once.count && wanted.count > 20, "seed \(seed): \(once.count) alerts")
        #expect(Set(lines.map(\.id)) == wanted, "seed \(seed)")
        let received = try receivers.received.filter { $0.path == "/coin" }
        let accepted = received.filter { $0.code == 200 }.compactMap(\.id)
        #expect(Set(accepted) == wanted, "seed \(seed)")
        // A channel that never fails shows nothing, and neither do kills that repeat nothing.
        #expect(received.count > wanted.count, "seed \(seed)")
        for (key, of) in Dictionary(grouping: once, by: \.key) {
            let times = of.map(\.time).sorted()
            #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= quiet }, "seed \(seed): \(key)")
        }
        #expect(run.lines.last?.hasPrefix("\"waiting\":0,") == true, "seed \(seed): \(run)")
    }

    @Test("The same input makes the same alerts, in whatever pieces and with however many runs")
    func replay() throws {
        let receivers = try Receivers()
        let rules = """
            alerts:
              channels: {lines: {file: NAME}}
              rules:
                - {name: high, on: assessments, where: risk_score > 0.5, key: [user_id], to: [lines]}
              limits: {per_minute: 1000000}

            """
        for name in ["one", "two"] {
            _ = try receivers.folder.write("\(name).yaml", rules.replacing("NAME", with: name))
        }
        let run = try receivers.shell(
            """
            $ASSAY generate -n 20000 --users 300 --disorder 900 > in
            $ASSAY score in -c one.yaml -o a -q --state S1
            (head -c 1000001 in; sleep 0.1; tail -c +1000002 in) | $ASSAY score - -c two.yaml -o b -q --state S2 \
                --checkpoint-every 1000 --threads 1
            cmp one two && wc -l < one
            $ASSAY score in -c one.yaml -o a -q --state S1 --fresh --overwrite
            cmp one two && echo same
            """)
        #expect(run.code == 0, "\(run)")
        #expect(run.lines.first.flatMap { Int($0) } ?? 0 > 100, "\(run)")
        #expect(run.lines.last == "same", "what was told is not told again by a state that starts over: \(run)")
    }

    @Test("More alerts than a rule may make a minute are one, with a count and the first ten")
    func burst() throws {
        let receivers = try Receivers()
        _ = try receivers.folder.write(
            "assay.yaml",
            """
            alerts:
              channels: {lines: {file: told.jsonl}}
              rules:
                - {name: high, on: assessments, where: risk_score > 0.5, quiet: 0s, to: [lines]}
              limits: {per_minute: 5}

            """)
        let run = try receivers.shell(
            """
            $ASSAY generate -n 3000 --users 50 > in
            $ASSAY score in -c assay.yaml -o out -q 2> notes
            wc -l < told.jsonl
            sqlite3 Checkpoints/alerts.db "UPDATE sending SET due_ms = 0"
            $ASSAY score in -c assay.yaml -o out -q
            wc -l < told.jsonl
            grep -c . out > /dev/null
            grep -o '"risk_score":[01.0-9]*,"risk_factors"' out | tr -c '0-9.\\n' ' ' | awk '$1 > 0.5' | wc -l
            tail -n 1 told.jsonl
            """)
        #expect(run.code == 0, "\(run)")
        #expect(run.lines.prefix(2) == ["5", "6"], "\(run)")
        let all = try #require(Int(run.lines[2]))
        let last = try #require(
            try JSONSerialization.jsonObject(with: Data((run.lines.last ?? "").utf8)) as? [String: Any])
        #expect(last["count"] as? Int == all - 5, "\(run)")
        #expect((last["first"] as? [Any])?.count == 10)
    }

    @Test("Where more wait than may, the oldest of the lowest severity is dropped, counted and told")
    func full() throws {
        let receivers = try Receivers()
        _ = try receivers.folder.write(
            "assay.yaml",
            """
            alerts:
              channels: {never: {webhook: {url: '\(receivers.web("never"))', timeout: 1s}}}
              rules:
                - name: any
                  on: assessments
                  severity: 'risk_level == "critical" ? "critical" : "info"'
                  key: [transaction_id]
                  to: [never]
              limits: {outbox: 50, per_minute: 1000000}

            """)
        let run = try receivers.shell(
            """
            $ASSAY generate -n 2000 --users 50 --seed 3 > in
            $ASSAY score in -c assay.yaml -o out -q 2>&1
            sqlite3 Checkpoints/alerts.db "SELECT count(*), min(severity), max(severity) FROM alert WHERE waiting > 0"
            grep -c '"risk_level":"critical"' out
            """)
        #expect(run.code == 0, "\(run)")
        let text = run.lines.joined(separator: "\n")
        #expect(text.contains("50 alerts wait to be sent, the most that 'alerts.limits.outbox' allows"), "\(text)")
        let critical = try #require(run.lines.last.flatMap { Int($0) })
        #expect(run.lines.dropLast().last == (critical >= 50 ? "50|2|2" : "50|0|2"), "\(text)")
    }
}
