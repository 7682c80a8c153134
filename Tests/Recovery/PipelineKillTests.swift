import Foundation
import TestSupport
import Testing

/// Pipelines with every kind of window and output, killed for real at moments nobody chose.
@Suite(.serialized) struct PipelineKillTests {
    private static let pipeline = """
        input:
          time: timestamp
          timezone: Asia/Seoul
          out_of_order: 5s
          fields:
            transaction_id: string
            user_id: string
            amount: double
            timestamp: timestamp
            transaction_type: string
        derive:
          cents: int(amount * 100.0)
        streams:
          tumbling:
            key: user_id
            window: {tumbling: 20m, offset: 5m}
            emit: {n: count(), sum: sum(amount), most: max(cents)}
            late: late
          sliding:
            key: {type: transaction_type}
            window: {sliding: 30m, every: 10m}
            lateness: 10s
            emit: {n: count(), users: distinct(user_id).count, median: 'quantile(amount, 0.5)'}
          sessions:
            key: user_id
            window: {session: 20m}
            lateness: 1m
            emit: {n: count(), ids: 'collect(transaction_id, 5)'}
          days: {window: {tumbling: 6h, align: midnight}, emit: {n: count(), types: count_by(transaction_type)}}
          counts: {key: [user_id, transaction_type], window: {count: 7}, emit: {average: avg(amount)}}
          sevenths: {key: transaction_type, window: {global: 700}, emit: {top: 'top(3, user_id)'}}
          totals: {where: cents % 5 == 0, key: transaction_type, emit_each: {id: transaction_id, total: sum(amount)}}
          large: {where: amount > 500.0, select: {id: transaction_id, amount: amount, at: event_time}}
          risk: {score: {config: assay.yaml}}
          risky:
            from: risk
            window: {tumbling: 30m}
            emit: {n: count(), high: 'count_if(risk_level in ["high", "critical"])'}
          both:
            from: [large, sliding]
            window: {tumbling: 1h}
            emit: {large: 'count_if(stream == "large")', busiest: max(n)}
          spree:
            key: user_id
            late: too_late
            pattern:
              within: 2h
              skip: past_last
              timeouts: unfinished
              stages:
                - {name: small, where: amount < 100.0, times: "1+", greedy: true}
                - {name: large, followedBy: 'amount > 100.0 && amount > small.map(s, s.amount).sum()'}
            emit:
              n: size(small)
              first: small[0].transaction_id
              large: large[0].transaction_id
              spent: large[0].cents
          quiet:
            key: {user: user_id, type: transaction_type}
            pattern:
              within: 8h
              stages:
                - {name: large, where: amount > 400.0}
                - {name: more, notFollowedBy: amount > 200.0}
          gone: {from: unfinished, select: {key: key, began: began, n: size(stages.small)}}
          too_late_amounts: {from: too_late, where: amount > 900.0, select: [transaction_id, amount]}
          after_quiet:
            from: [quiet, unfinished]
            window: {tumbling: 12h}
            emit: {n: count(), quiet: 'count_if(stream == "quiet")'}
        outputs:
          spree: {sqlite: tables.db, table: spree}
          gone: {jsonl: gone.jsonl}
          quiet: {jsonl: quiet.jsonl}
          after_quiet: {csv: after_quiet.csv}
          too_late_amounts: {jsonl: too_late.jsonl}
          tumbling: {sqlite: tables.db, table: tumbling, indexes: [user_id]}
          sliding: {jsonl: sliding.jsonl}
          sessions: {csv: sessions.csv}
          days: {jsonl: days.jsonl}
          counts: {parts: counts, roll: {count: 300}}
          sevenths: {jsonl: sevenths.jsonl}
          totals: [{parts: totals, format: csv, roll: {size: 20KiB}}, {jsonl: totals.jsonl}]
          large: {sqlite: tables.db, table: large}
          late: {jsonl: late.jsonl}
          risky: {sqlite: others.db, table: risky}
          both: {csv: both.csv}

        """

    /// Everything that the outputs say, but when rows were put into tables.
    private static let dump = """
        dump() { (
          cd $1
          for f in *.jsonl *.csv; do echo "== $f"; cat $f; done
          for folder in counts totals; do
            ls -A $folder | grep -v '^part-0-[0-9]*[.]' && echo "unfinished parts"
            ls $folder | sort -t- -k3 -n | while read part; do echo "== $folder/$part"; cat $folder/$part; done
          done
          sqlite3 tables.db 'SELECT rowid, window_start, window_end, user_id, n, sum, most FROM tumbling' \\
            'SELECT rowid, id, amount, at FROM large' 'SELECT rowid, n, first, large, spent FROM spree'
          sqlite3 others.db 'SELECT rowid, window_start, n, high FROM risky'
        ) }

        """

    private static func makeFolder(seed: UInt64) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        _ = try folder.write("all.yaml", pipeline)
        _ = try folder.write("assay.yaml", "levels: {high: 0.5}\n")
        let made = try Binary.shell(
            dump + """
                $ASSAY generate --transactions 60000 --users 150 --days 2 --disorder 60 --seed \(seed) > in
                sed -i '100~5000s/^/x/' in
                mkdir whole killed
                $ASSAY run all.yaml in --output-folder whole --no-checkpoints -q 2> told
                dump whole > expected
                wc -l < expected
                wc -l < whole/late.jsonl
                wc -l < whole/quiet.jsonl
                sqlite3 whole/tables.db 'SELECT count(*) FROM spree'
                """, in: folder)
        try #require(made.code == 0, "\(made.errors)")
        // Otherwise it would show nothing.
        try #require(
            made.lines.count == 4 && Int(made.lines[0])! > 20_000
                && made.lines.dropFirst().allSatisfy { Int($0)! > 100 }, "\(made.lines)")
        return folder
    }

    /// What differs from the run that nobody disturbed.
    private static func difference(_ folder: TemporaryFolder) throws -> String {
        let run = try Binary.shell(
            dump + "dump killed > found || true\ncmp expected found || diff expected found | head -20 || true",
            in: folder)
        return String(decoding: run.output, as: UTF8.self) + run.errors
    }

    @Test(
        "Killed at any moment, again and again, all outputs are those of one uninterrupted run",
        arguments: [
            (false, ["--checkpoint-interval", "5ms"]), (true, ["--checkpoint-interval", "5ms"]),
            (false, ["--checkpoint-every", "3000", "--checkpoint-interval", "1h"]),
        ])
    func killed(_ throughPipe: Bool, _ options: [String]) throws {
        var kills = 0
        for round in 0..<UInt64(Scenario.rounds) {
            let seed = Scenario.seed &+ round
            var random = Random(state: seed)
            let folder = try Self.makeFolder(seed: seed & 0xFFFF)
            var longest: UInt64 = 60
            var isDone = false
            while !isDone {
                let input = throughPipe ? "-" : "in"
                let arguments = ["run", "all.yaml", input, "--output-folder", "killed", "-q"] + options
                let code = try TimedRun.run(
                    arguments, in: folder, fed: throughPipe ? "in" : nil,
                    killedAfter: 1000 + random.below(longest * 1000))
                if let code {
                    let told = try String(contentsOfFile: folder.path("stderr"), encoding: .utf8)
                    try #require(code == 0, "\(told)")
                    isDone = true
                } else {
                    kills += 1
                }
                longest += longest / 20 + 1
            }
            let difference = try Self.difference(folder)
            #expect(difference.isEmpty, "ASSAY_TEST_SEED=\(seed) \(options) \(difference)")
        }
        print("killed \(kills) times (\(throughPipe ? "pipe" : "file"), \(options.joined(separator: " ")))")
        #expect(kills >= 5)
    }

    @Test("Stopped politely, the next run goes on, and time does not end before the input does")
    func stopped() throws {
        let folder = try Self.makeFolder(seed: 7)
        let run = try Binary.shell(
            """
            run() { $ASSAY run all.yaml - --output-folder killed "$@"; }
            # Slowly, so that a signal finds it in the middle.
            (head -20000 in; sleep 5) | run &
            sleep 0.7
            kill -TERM $(pgrep -n -f "run all.yaml - --output-folder killed")
            wait || true
            run < in
            """, in: folder)
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.errors.contains("resuming at byte"), "\(run.errors)")
        #expect(try Self.difference(folder).isEmpty)
    }
}
