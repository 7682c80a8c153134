import Foundation
import TestSupport
import Testing

/// Runs with several inputs, killed for real: what somebody may have seen of the output stays as it was.
@Suite(.serialized) struct SeveralSourcesTests {
    /// How the two inputs are given.
    enum Inputs: String, CaseIterable, Sendable {
        case files, pipes, both

        /// The names of those that are FIFOs.
        var fifos: [String] {
            switch self {
            case .files: []
            case .pipes: ["a", "b"]
            case .both: ["b"]
            }
        }
    }

    private static let scoring = """
        inputs:
          a: {file: a}
          b: {file: b}
        outputs:
          assessments:
            - {jsonl: out.jsonl}
            - {sqlite: t.db, table: risky, where: 'risk_level in ["high", "critical"]', columns: {id: transaction_id}}

        """

    private static let pipeline = """
        input: {time: timestamp, out_of_order: 10s, fields: {timestamp: timestamp, user_id: string, amount: double}}
        inputs:
          a: {file: a}
          b: {file: b}
        streams:
          hours: {key: user_id, window: {tumbling: 1h}, emit: {n: count(), sum: sum(amount)}, late: late}
          all: {emit_each: {n: count(), sum: sum(amount)}}
        outputs:
          hours: [{jsonl: out.jsonl}, {sqlite: t.db, table: risky}]
          all: {jsonl: all.jsonl}
          late: {jsonl: late.jsonl}

        """

    /// Runs a command until it gets to its end, killed before that at random moments. What stood in the outputs when it
    /// was killed has to be the beginning of what stands there at the end, which is printed.
    private static func script(_ command: String, outputs: [String], _ inputs: Inputs, kills: Int) -> String {
        """
        $ASSAY generate -n 30000 --users 200 --seed 1 > first
        $ASSAY generate -n 30000 --users 200 --seed 2 | sed 's/"tx/"b/' > second
        cp first a; cp second b
        for fifo in \(inputs.fifos.joined(separator: " ")); do rm $fifo; mkfifo $fifo; done
        feeders=
        feed() { for fifo in \(inputs.fifos.joined(separator: " ")); do
          case $fifo in a) source=first;; *) source=second;; esac
          cat $source > $fifo 2>/dev/null & feeders="$feeders $!"; done; }
        # One that waits for its reader would feed the next run too.
        starve() { kill -9 $feeders 2>/dev/null || true; wait $feeders 2>/dev/null || true; feeders=; }
        killed=0
        while :; do
          feed
          \(command) --state s --checkpoint-interval 20ms -q 2> errors & pid=$!
          if [ $killed -lt \(kills) ]; then
            sleep 0.$((RANDOM % 3))$((RANDOM % 10))$((RANDOM % 10))
            if kill -9 $pid 2>/dev/null; then
              wait $pid 2>/dev/null || true
              killed=$((killed + 1))
              for f in \(outputs.joined(separator: " ")); do
                [ -e $f ] && cp $f $f.$killed || true
              done
              starve
              continue
            fi
          fi
          wait $pid && break
          cat errors >&2
          exit 1
        done
        starve
        for f in \(outputs.joined(separator: " ")); do
          for seen in $f.*; do
            [ -e $seen ] || continue
            # Of a line that was cut by the kill nobody can say anything.
            whole=$(($(wc -c < $seen) - $(tail -n 1 $seen | wc -c)))
            cmp -n $whole $seen $f || echo "$seen is not the beginning of $f"
          done
        done
        echo "killed $killed"

        """
    }

    @Test("Scoring two inputs, every transaction is there once, and what was seen stays", arguments: Inputs.allCases)
    func scores(_ inputs: Inputs) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("c.yaml", Self.scoring)
        let run = try Binary.shell(
            Self.script("$ASSAY score --config c.yaml", outputs: ["out.jsonl"], inputs, kills: 8)
                + """
                wc -l < out.jsonl
                grep -o '"transaction_id":"[^"]*"' out.jsonl | sort -u | wc -l
                grep -o '"sequence":[0-9]*' out.jsonl | cut -d: -f2 | sort -n -c && echo ordered
                grep -cE '"risk_level":"(high|critical)"' out.jsonl > risky
                sqlite3 t.db 'SELECT count(*) FROM risky' | cmp - risky
                """, in: folder)
        #expect(run.code == 0, "\(run.lines) \(run.errors)")
        let lines = run.lines
        #expect(lines.count == 4 && lines.suffix(3) == ["60000", "60000", "ordered"], "\(lines)")
    }

    @Test("A pipeline over two inputs has each row once, and what was seen stays", arguments: Inputs.allCases)
    func streams(_ inputs: Inputs) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("p.yaml", Self.pipeline)
        let run = try Binary.shell(
            Self.script(
                "$ASSAY run p.yaml", outputs: ["out.jsonl", "all.jsonl", "late.jsonl"], inputs, kills: 8)
                    + """
                    wc -l < all.jsonl
                    tail -n 1 all.jsonl | grep -o '"n":[0-9]*'
                    sqlite3 t.db 'SELECT sum(n) FROM risky' > windowed
                    echo $(($(cat windowed) + $(wc -l < late.jsonl)))
                    wc -l < out.jsonl > rows
                    sqlite3 t.db 'SELECT count(*) FROM risky' | cmp - rows
                    """, in: folder)
        #expect(run.code == 0, "\(run.lines) \(run.errors)")
        // Every event is in a window or late, and no source made the other late by being read faster.
        #expect(run.lines.suffix(3) == ["60000", #""n":60000"#, "60000"], "\(run.lines)")
    }

    @Test("An input that has become shorter than what was taken of it is refused, and nothing is touched")
    func shorter() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("c.yaml", Self.scoring)
        let run = try Binary.shell(
            """
            $ASSAY generate -n 3000 --users 20 > a
            $ASSAY generate -n 3000 --users 20 --seed 2 | sed 's/"tx/"b/' > b
            $ASSAY score --config c.yaml --state s -q
            cp out.jsonl before
            head -n 1000 a > c; mv c a
            $ASSAY score --config c.yaml --state s -q || echo $?
            cmp before out.jsonl
            $ASSAY score a --config c.yaml || echo $?
            """, in: folder)
        #expect(run.lines == ["65", "64"], "\(run.lines) \(run.errors)")
    }

    @Test("A rejected line says of which input it is")
    func rejects() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("c.yaml", Self.scoring)
        let run = try Binary.shell(
            """
            $ASSAY generate -n 10 --users 2 > a
            { $ASSAY generate -n 10 --users 2 --seed 2 | sed 's/"tx/"b/'; echo no; } > b
            $ASSAY score --config c.yaml --no-checkpoints -q --rejects bad.jsonl
            cut -c 1-23 bad.jsonl
            $ASSAY score --config c.yaml --no-checkpoints --overwrite 2>&1 | grep -o "input 'b', line 11 rejected"
            $ASSAY score --config c.yaml --no-checkpoints --overwrite --strict -q 2>&1 | grep -o "input 'b', line 11 at"
            """, in: folder)
        #expect(
            run.lines == [#"{"source":"b","line":11"#, "input 'b', line 11 rejected", "input 'b', line 11 at"],
            "\(run.lines) \(run.errors)")
    }

    @Test("A source that gives nothing holds the others back no longer than 'idle' says")
    func idle() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write(
            "p.yaml", Self.pipeline.replacingOccurrences(of: "input: {", with: "input: {idle: 200ms, "))
        let run = try Binary.shell(
            """
            $ASSAY generate -n 3000 --users 20 > first
            mkfifo a b
            # One is open and silent, the other gives all that it has and stays open.
            sleep 20 > b & silent=$!
            (cat first; sleep 20) > a & giving=$!
            $ASSAY run p.yaml --state s -q & pid=$!
            for i in $(seq 900); do sleep 0.1; [ -s out.jsonl ] && break; done
            [ -s out.jsonl ] && echo fired
            kill -TERM $pid; wait $pid
            kill $silent $giving 2>/dev/null || true
            """, in: folder)
        #expect(run.lines.first == "fired", "\(run.lines) \(run.errors)")
    }
}
