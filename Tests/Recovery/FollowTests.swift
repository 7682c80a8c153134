import Foundation
import TestSupport
import Testing

/// `--follow` over what happens to logs.
@Suite struct FollowTests {
    private static let start = """
        await() { for round in $(seq 900); do [ "$(cat out | wc -l)" = $1 ] && return; sleep 0.05; done; echo "no $1"; }
        $ASSAY generate -n 3000 --users 50 > all
        $ASSAY score all --no-checkpoints -q -o expected
        head -n 1000 all > log

        """

    private static func run(_ script: String) throws -> Binary.Result {
        try Binary.shell(start + script, in: TemporaryFolder())
    }

    @Test("A log that is renamed is read to its end, then the new one from its start")
    func renamed() throws {
        let run = try Self.run(
            """
            $ASSAY score log --follow -o out 2> notes & await 1000
            mv log log.1; head -n 1500 all | tail -n 500 >> log.1; await 1500
            tail -n 1500 all > log; await 3000
            kill -TERM $!; wait $!
            cmp out expected && grep -c 'another file now' notes
            """)
        #expect(run.lines == ["1"], "\(run)")
    }

    @Test("A log that is cut is reported, and read from its start")
    func cut() throws {
        let run = try Self.run(
            """
            $ASSAY score log --follow -o out 2> notes & await 1000
            : > log; sleep 0.2; tail -n 2000 all >> log; await 3000
            kill -TERM $!; wait $!
            cmp out expected && grep -c 'was cut' notes
            """)
        #expect(run.lines == ["1"], "\(run)")
    }

    @Test("A last line without its end in the old log is a line")
    func unfinished() throws {
        let run = try Self.run(
            """
            printf %s "$(head -n 1000 all)" > log
            $ASSAY score log --follow -q -o out & sleep 0.3
            mv log log.1; tail -n 2000 all > log; await 3000
            kill -TERM $!; wait $!
            cmp out expected && echo same
            """)
        #expect(run.lines == ["same"], "\(run)")
    }

    @Test(
        "A run that is killed around a rotation goes on in the old log and then in the new one", arguments: [0, 1, 2])
    func killed(_ moment: Int) throws {
        let run = try Self.run(
            """
            $ASSAY score log --follow -q -o out \(moment == 0 ? "" : "--checkpoint-every 100") & await 1000
            if [ \(moment) = 0 ]; then kill -9 $!; wait $! || true; fi
            head -n 1500 all | tail -n 500 >> log; mv log log.1
            if [ \(moment) = 1 ]; then await 1500; kill -9 $!; wait $! || true; fi
            tail -n 1500 all > log
            if [ \(moment) = 2 ]; then await 3000; kill -9 $!; wait $! || true; fi
            $ASSAY score log --follow -q -o out &
            # What was written before is cut back first.
            sleep 1; await 3000
            kill -TERM $!; wait $!
            cmp out expected && echo same
            """)
        #expect(run.lines == ["same"], "\(run)")
    }

    @Test("Each log of CSV has a header of its own")
    func csv() throws {
        let run = try Self.run(
            """
            row() { for n in $(seq $1 $2); do echo "t$n,u$((n % 7)),$n,$((1735689600 + n))"; done; }
            header=transaction_id,user_id,amount,timestamp
            (echo $header; row 1 2000) > all.csv
            $ASSAY score all.csv --format csv --no-checkpoints -q -o expected --overwrite
            (echo $header; row 1 1000) > log
            $ASSAY score log --follow --format csv -q -o out & await 1000
            mv log log.1
            other() { for n in $(seq 1001 2000); do echo "$n,$((1735689600 + n)),u$((n % 7)),t$n"; done; }
            (echo amount,timestamp,user_id,transaction_id; other) > log
            await 2000; kill -TERM $!; wait $!
            cmp out expected && echo same
            """)
        #expect(run.lines == ["same"], "\(run)")
    }
}
