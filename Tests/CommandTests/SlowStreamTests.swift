import Foundation
import TestSupport
import Testing

/// Lines that come slowly through a pipe are read, scored and written by one thread.
@Suite struct SlowStreamTests {
    /// Sends lines one by one, each after the answer to the one before, and counts how often threads were woken.
    private static let client = """
        import glob, subprocess, sys
        lines = open("in", "rb").read().splitlines(keepends=True)
        engine = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        def waits():
            found = {}
            for path in glob.glob(f"/proc/{engine.pid}/task/*/status"):
                for line in open(path):
                    if line.startswith("voluntary_ctxt_switches"):
                        found[path] = int(line.split()[1])
            return found
        answers = []
        for number, line in enumerate(lines):
            if number == 100:
                before = waits()
            engine.stdin.write(line)
            engine.stdin.flush()
            answers.append(engine.stdout.readline())
        after = waits()
        more = sorted(after[path] - before.get(path, 0) for path in after)
        engine.stdin.close()
        answers.append(engine.stdout.read())
        open("out", "wb").write(b"".join(answers))
        # The thread that reads waits for each line.
        print(engine.wait(), more[-1], sum(more[:-1]))
        """

    @Test("No thread is woken for a line but the one that reads it", arguments: ["--state st", "--no-checkpoints"])
    func oneThread(_ option: String) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("client.py", Self.client)
        let run = try Binary.shell(
            """
            $ASSAY generate -n 1100 --users 30 > in
            python3 client.py $ASSAY score - -q \(option)
            $ASSAY score in -q --no-checkpoints | cmp - out && echo same
            """, in: folder)
        let numbers = (run.lines.first ?? "").split(separator: " ").compactMap { Int($0) }
        try #require(numbers.count == 3 && numbers[0] == 0 && run.lines.last == "same", "\(run)")
        // Where every line woke the others it would be two thousand; a few times the reader finds one of them at work.
        #expect(numbers[2] < 400, "\(run)")
    }

    @Test("Pieces of any size at any time give what a file gives, while checkpoints come and the reader is slow")
    func pieces() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write(
            "pieces.py",
            """
            import os, random, sys, time
            seed = random.randrange(1 << 32)
            print("seed", seed, file=sys.stderr)
            random.seed(seed)
            data = open(sys.argv[1], "rb").read()
            place = 0
            while place < len(data):
                size = random.choice((1, 40, 300, 400, 3000, 20000, 200000))
                os.write(1, data[place:place + size])
                place += size
                if random.random() < 0.3: time.sleep(random.choice((0, 0.0001, 0.001, 0.01)))
            """)
        let run = try Binary.shell(
            """
            $ASSAY generate -n 40000 --users 2000 > all; (cat all; echo nonsense; head -n 3 all) > in
            mkfifo one two; head -n 20000 all > first; tail -n +20001 all > second
            $ASSAY score in -q --no-checkpoints --rejects expected.rejects > expected
            python3 pieces.py in | $ASSAY score - -q --state s --checkpoint-interval 10ms --rejects rejects |
                (sleep 0.3; cat) > out
            cmp out expected && cmp rejects expected.rejects && echo same
            python3 pieces.py first > one & python3 pieces.py second > two &
            printf 'inputs: {a: {file: one}, b: {file: two}}' > c.yaml
            $ASSAY score -c c.yaml -q --state t --checkpoint-interval 10ms > both; wait
            wc -l < both; cut -d, -f1 both | sort > ids; cut -d, -f1 all | sort | cmp - ids && echo all
            """, in: folder)
        #expect(run.lines == ["same", "40000", "all"], "\(run)")
    }
}
