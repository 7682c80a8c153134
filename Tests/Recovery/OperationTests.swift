import Foundation
import TestSupport
import Testing

/// What people do to a run besides killing it.
@Suite struct OperationTests {
    private static func run(_ script: String) throws -> Binary.Result {
        try Binary.shell("$ASSAY generate -n 3000 --users 50 > in\n" + script, in: TemporaryFolder())
    }

    @Test("A finished run whose last lines nobody took writes them again, once they are taken it does not")
    func lastLines() throws {
        let run = try Self.run(
            """
            $ASSAY score in -q --no-checkpoints > expected
            $ASSAY score in -q | (head -c $(($(wc -c < expected) - 20000)) > first; sleep 4) || true
            $ASSAY score in 2> notice | cat > second
            grep -o 'nobody took, are written again' notice
            tail -n $(wc -l < second) expected | cmp - second && [ $(wc -l < second) -gt 10 ] && echo rest
            $ASSAY score in -q | wc -c
            """)
        #expect(run.lines == ["nobody took, are written again", "rest", "0"], "\(run)")
    }

    @Test("A folder that was moved goes on")
    func moved() throws {
        let run = try Self.run(
            """
            $ASSAY score in -q --no-checkpoints -o expected
            mkdir work; head -n 2000 in > work/in
            (cd work; $ASSAY score in -q -o out)
            mv work elsewhere; cp in elsewhere/in
            (cd elsewhere; $ASSAY score in -q -o out; cmp out ../expected && echo same)
            """)
        #expect(run.lines == ["same"], "\(run)")
    }

    @Test("Rejects that are asked for later begin then")
    func laterRejects() throws {
        let run = try Self.run(
            """
            (echo bad; head -n 1000 in) > some; $ASSAY score some -q -o out
            (echo bad; head -n 1000 in; echo worse; tail -n 1000 in) > some
            $ASSAY score some -o out --rejects bad 2> notice
            wc -l < bad; grep -o 'the rejects begin here' notice; wc -l < out
            """)
        #expect(run.lines == ["1", "the rejects begin here", "2000"], "\(run)")
    }

    @Test(
        "A line that is not whole yet waits with --keep-open, and by itself where the file grows",
        arguments: [true, false])
    func growing(_ isAsked: Bool) throws {
        let run = try Self.run(
            isAsked
                ? """
                $ASSAY score in -q --no-checkpoints -o expected
                head -c 100000 in > some; $ASSAY score some --keep-open -q -o out
                cp in some; $ASSAY score some -q -o out; cmp out expected && echo same
                """
                : """
                $ASSAY score in -q --no-checkpoints -o expected
                (for n in $(seq 100); do cat in; done) | sed 's/u000/v/' > big; head -c 40000000 big > some
                (for n in $(seq 300); do head -c $((40000000 + n * 20011)) big | tail -c 20011 >> some; done) &
                sleep 0.05; $ASSAY score some -q -o out || echo failed
                wait; $ASSAY score some -q -o out
                # Its very last line has no end, and nobody is writing any more.
                $ASSAY score some -q --no-checkpoints -o whole; cmp out whole && echo same
                """)
        #expect(run.lines == ["same"], "\(run)")
    }

    @Test("A second engine is kept out, also when the lock file was removed")
    func lock() throws {
        let run = try Self.run(
            """
            mkfifo pipe; $ASSAY score pipe -q -o out & exec 3> pipe; head -n 10 in >&3
            for round in $(seq 900); do [ -s out ] && break; sleep 0.05; done
            code=0; $ASSAY score in -q -o other || code=$?; echo $code
            rm Checkpoints/lock
            code=0; $ASSAY score in -q -o other || code=$?; echo $code
            exec 3>&-; wait; $ASSAY score in -q -o out; wc -l < out
            """)
        #expect(run.lines == ["75", "75", "3000"], "\(run)")
    }

    @Test("Three former states are kept, and any of them can be restored")
    func formerStates() throws {
        let run = try Self.run(
            """
            for n in 1000 1500 2000 2500; do
                head -n $n in > some; $ASSAY score some -q -o out --fresh
            done
            ls Checkpoints | grep old
            $ASSAYCTL restore Checkpoints/state.db.old.2 > log
            $ASSAYCTL status | grep -o '1,000 accepted'
            ls Checkpoints | grep -c old
            $ASSAYCTL snapshot prune > log; ls Checkpoints | grep -c old || true
            code=0; $ASSAYCTL restore nothing || code=$?; echo $code
            """)
        #expect(
            run.lines == [
                "state.db.old", "state.db.old.1", "state.db.old.2", "1,000 accepted", "3", "0", "66",
            ], "\(run)")
    }

    @Test("Snapshots that were never finished are removed at the next start")
    func unfinishedSnapshots() throws {
        let run = try Self.run(
            """
            mkdir -p Checkpoints/snapshots; touch Checkpoints/snapshots/7.db.unfinished
            $ASSAY score in -q -o out; ls Checkpoints/snapshots | wc -l
            """)
        #expect(run.lines == ["0"], "\(run)")
    }

    @Test("A trigger in the state is found", arguments: ["", "--deep"])
    func trigger(_ option: String) throws {
        let run = try Self.run(
            """
            $ASSAY score in -q -o out; $ASSAYCTL verify \(option) > log; echo $?
            sqlite3 Checkpoints/state.db 'CREATE TRIGGER t AFTER INSERT ON tally BEGIN DELETE FROM tally; END'
            code=0; $ASSAYCTL verify \(option) > log || code=$?; echo $code; grep -o "trigger 't'" log
            """)
        #expect(run.lines == ["0", "65", "trigger 't'"], "\(run)")
    }

    @Test("Signals say how far the run was, and the exit code is as asked", arguments: ["", "--exit-on-signal 9"])
    func signals(_ option: String) throws {
        let run = try Self.run(
            """
            mkfifo pipe; $ASSAY score pipe \(option) -o out 2> log & exec 3> pipe; head -n 10 in >&3
            for round in $(seq 900); do [ -s out ] && break; sleep 0.05; done
            code=0; kill -TERM $!; wait $! || code=$?; echo $code
            grep -o 'stopped by a signal after 10 lines of this run; the same command continues there' log
            """)
        #expect(
            run.lines == [
                option.isEmpty ? "0" : "9",
                "stopped by a signal after 10 lines of this run; the same command continues there",
            ], "\(run)")
    }

    @Test("Rules are not taken away by a file that has become empty", arguments: ["", "# nothing", "rules: []"])
    func emptied(_ content: String) throws {
        let run = try Self.run(
            """
            echo 'rules: [{name: all, when: "true", risk: 0.5}]' > c.yaml
            mkfifo pipe; $ASSAY score pipe -c c.yaml -o out 2> log & exec 3> pipe; head -n 10 in >&3
            for round in $(seq 900); do [ -s out ] && break; sleep 0.05; done
            printf '\(content)' > c.yaml; kill -HUP $!
            for round in $(seq 900); do grep -q 'reloaded\\|stay as they were' log && break; sleep 0.05; done
            tail -n 10 in >&3; exec 3>&-; wait $!
            grep -c '"rule":"all"' out
            """)
        #expect(run.lines == [content == "rules: []" ? "10" : "20"], "\(run)")
    }

    @Test("A state in a folder that nobody may write is read")
    func readOnly() throws {
        let run = try Self.run(
            """
            $ASSAY score in -q -o out
            [ $(id -u) = 0 ] && as='setpriv --reuid=65534 --clear-groups' || as=
            chmod 755 .; chmod 555 Checkpoints; chmod 444 Checkpoints/state.db
            $as $ASSAYCTL users --limit 1 | tail -n 1; chmod 755 Checkpoints
            """)
        #expect(run.lines == ["1 of 50"], "\(run)")
    }
}
