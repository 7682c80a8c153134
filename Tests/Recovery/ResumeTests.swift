import Foundation
import TestSupport
import Testing

/// What happens when the same command, or nearly the same, is run again.
@Suite struct ResumeTests {
    private static func run(_ script: String) throws -> Binary.Result {
        let folder = try TemporaryFolder()
        return try Binary.shell(
            """
            $ASSAY generate -n 3000 --users 50 --seed 3 > all
            head -n 1000 all > in
            tail -n +1001 all > more
            $ASSAY score all -q --no-checkpoints > expected
            score() { $ASSAY score "$@"; }
            """ + "\n" + script, in: folder)
    }

    @Test("A finished input is finished, and when it has grown the rest is scored")
    func grown() throws {
        let run = try Self.run(
            """
            score in -o out
            score in -o out
            cat more >> in
            score in -o out
            cmp out expected
            """)
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.errors.contains("the input was scored to its end already (1000 lines); nothing to do"))
        #expect(run.errors.contains("line 1001, from checkpoint"))
    }

    @Test("Another input carries the state on, its output is appended")
    func newInput() throws {
        let run = try Self.run(
            """
            score in -o out
            score more -o out
            cmp out expected
            """)
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.errors.contains("the input is new and read from its start; the state of "))
    }

    @Test("Standard output is continued with >> and refused with >")
    func standardOutput() throws {
        let run = try Self.run(
            """
            cp all in
            $ASSAY score in --checkpoint-interval 1ms > out & sleep 0.02; kill -9 $! 2> /dev/null || true
            wait $! || true
            score in >> out
            cmp out expected
            cp out kept
            score in --fresh >> out
            cmp out expected
            cat more >> in
            score in > out || echo $?
            """)
        #expect(run.code == 0 && run.lines == ["65"], "\(run.errors)")
        #expect(run.errors.contains("standard output has 0 bytes where checkpoint"))
        #expect(run.errors.contains("append to it with >>, or start over with --fresh"))
    }

    @Test("A pipe is read again up to the checkpoint, and says which lines come twice")
    func replayedPipe() throws {
        let run = try Self.run(
            """
            cat in | score -q | cat > first
            cat in more | score | cat > second
            cat first second | cmp - expected
            (cat in; echo changed; cat more) | score > /dev/null || echo $?
            cat more in | score | cat > third
            wc -l < third
            """)
        #expect(run.code == 0 && run.lines == ["65", "3000"], "\(run.errors)")
        #expect(run.errors.contains("lines from sequence 1001 on may come out a second time"))
        #expect(run.errors.contains("the input begins like the one of the checkpoint but differs"))
    }

    @Test("Nothing is touched when the output is another one")
    func otherOutput() throws {
        let run = try Self.run(
            """
            score in -o out
            cat more >> in
            echo precious > other
            score in -o other || echo $?
            score in -o absent || echo $?
            cat other
            [ ! -e absent ]
            score in -o other --overwrite || echo $?
            score in -o other --fresh || echo $?
            score in -o other --fresh --overwrite
            cmp other expected
            """)
        #expect(run.code == 0 && run.lines == ["65", "65", "precious", "65", "73"], "\(run.errors)")
        #expect(run.errors.contains("'other' is not the output of checkpoint 2; name that file ('"))
    }

    @Test("A last line without a newline may get one later, but no more text")
    func unterminatedLine() throws {
        let run = try Self.run(
            """
            head -c -1 in > open
            score open -o out --rejects rejects
            (echo; echo bad; cat more) >> open
            score open -o out --rejects rejects
            cmp out expected
            grep -o '"line":[0-9]*' rejects
            printf 'x' >> open
            score open -o out --rejects rejects
            echo 'y' >> open
            score open -o out --rejects rejects || echo $?
            """)
        #expect(run.code == 0 && run.lines == [#""line":1001"#, "65"], "\(run.errors)")
        #expect(run.errors.contains("had no newline when it was scored and has been continued since"))
    }

    @Test("CSV is resumed with its header")
    func csv() throws {
        let run = try Self.run(
            """
            echo transaction_id,user_id,amount,timestamp > a.csv
            for i in $(seq 500); do echo t$i,u$((i%7)),$i,1767225600; done >> a.csv
            score a.csv --format csv --no-checkpoints -q -o expected.csv
            head -n 200 a.csv > b.csv
            score b.csv --format csv -o out
            tail -n +201 a.csv >> b.csv
            score b.csv --format csv -o out
            cmp out expected.csv
            score b.csv -o out || echo $?
            """)
        #expect(run.code == 0 && run.lines == ["64"], "\(run.errors)")
    }

    @Test("A changed setting is a warning that names it")
    func changedConfiguration() throws {
        let run = try Self.run(
            """
            score in -o out
            cat more >> in
            echo 'combine: max' > c.yaml
            score in -o out -c c.yaml
            """)
        #expect(run.code == 0)
        #expect(
            run.errors.contains(
                "warning: the configuration has changed since the last checkpoint: combine from "
                    + "noisy_or to max"))
    }

    @Test("A second process on the same state is told whose it is")
    func secondProcess() throws {
        let run = try Self.run(
            """
            mkfifo pipe
            score pipe -o out 2> /dev/null &
            exec 3> pipe
            for round in $(seq 900); do [ -s Checkpoints/lock ] && break; sleep 0.05; done
            score in -o other 2> errors || echo $?
            grep -c "in use by process $(cat Checkpoints/lock);" errors
            cat in >&3
            exec 3>&-
            wait
            wc -l < out
            """)
        #expect(run.code == 0 && run.lines == ["75", "1", "1000"], "\(run.errors)")
    }

    @Test("SIGUSR1 takes a checkpoint, SIGTERM the last one; both leave nothing to do twice")
    func signals() throws {
        let run = try Self.run(
            """
            mkfifo pipe
            $ASSAY score pipe -o out 2> log &
            exec 3> pipe
            cat in >&3
            for round in $(seq 900); do [ "$(wc -l < out)" = 1000 ] && break; sleep 0.05; done
            kill -USR1 $!
            last="SELECT reason || ' ' || sequence FROM checkpoint ORDER BY id DESC LIMIT 1"
            query() { sqlite3 Checkpoints/state.db "$last"; }
            for round in $(seq 900); do [ "$(query)" = "signal 1000" ] && break; sleep 0.05; done
            query
            kill -TERM $!
            wait $!
            query
            exec 3>&-
            cat all | $ASSAY score -o out
            cmp out expected
            """)
        #expect(run.code == 0 && run.lines == ["signal 1000", "end 1000"], "\(run.errors)")
    }

    @Test("When the reader goes away, a checkpoint says what was delivered, and the next run goes on behind it")
    func closedOutput() throws {
        let run = try Self.run(
            """
            $ASSAY generate -n 200000 --users 50 --seed 3 > big
            score big -q --no-checkpoints > expected
            score big -q | head -n 50000 > first || [ $? = 141 ]
            sqlite3 Checkpoints/state.db 'SELECT reason FROM checkpoint ORDER BY id DESC LIMIT 1'
            delivered=$(sqlite3 Checkpoints/state.db 'SELECT max(sequence) FROM checkpoint')
            [ $delivered -gt 40000 ]
            score big -q | cat > second
            # What stood in the pipe was taken by nobody, and comes again.
            start=$(head -n 1 second | grep -o '"sequence":[0-9]*' | cut -d : -f 2)
            [ $start -le $((delivered + 1)) ]
            head -n $((start - 1)) expected | cat - second | cmp - expected
            """)
        #expect(run.code == 0 && run.lines == ["closed"], "\(run.errors)")
    }

    @Test("Snapshots are whole and the oldest go")
    func snapshots() throws {
        let run = try Self.run(
            """
            score all -o out --checkpoint-every 200 --snapshot-interval 1ms --snapshots-keep 2
            ls Checkpoints/snapshots | wc -l
            for file in Checkpoints/snapshots/*.db; do sqlite3 $file 'PRAGMA integrity_check'; done
            snapshot=$(ls Checkpoints/snapshots/*.db | head -n 1)
            rm Checkpoints/state.db*
            cp $snapshot Checkpoints/state.db
            score all -o out
            cmp out expected
            """)
        #expect(run.code == 0 && run.lines == ["2", "ok", "ok"], "\(run.errors)")
    }
}
