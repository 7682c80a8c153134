import Foundation
import TestSupport
import Testing

@Suite struct SortCommandTests {
    @Test("Sorting is stable, and the same in memory and in runs", arguments: ["64MiB", "8MiB"])
    func stable(_ memory: String) throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 120000 --users 500 > all
            python3 -c '
            import random
            random.seed(5)
            lines = open("all").read().splitlines()
            random.shuffle(lines)
            # Many have equal times, and some none.
            lines = [line.replace("\\"timestamp\\":17", "\\"timestamp\\":1.7e9,\\"was\\":17") if i % 3 == 0 else line
                     for i, line in enumerate(lines)]
            lines[7] = "{\\"timestamp\\":\\"soon\\"}"
            lines[8] = "nothing"
            open("in", "w").write("\\n".join(lines))
            '
            $ASSAY sort in -o out --memory \(memory) --rejects bad -q
            grep -o '"reason":"[a-z_]*"' bad
            python3 -c '
            import json
            lines = [line for i, line in enumerate(open("in").read().splitlines()) if i not in (7, 8)]
            lines.sort(key=lambda line: json.loads(line)["timestamp"])
            print(lines == open("out").read().splitlines())
            '
            ls -A | grep -v shell
            """, in: TemporaryFolder())
        #expect(
            run.lines == [
                #""reason":"invalid_field""#, #""reason":"malformed_json""#, "True", "all", "bad", "in", "out",
            ], "\(run.lines) \(run.errors)")
    }

    @Test("CSV keeps its header and its records of several lines")
    func csv() throws {
        let run = try Binary.shell(
            #"""
            printf 'a,at\n"x\ny",2025-01-02\nz,2025-01-01\n\n"q","2024-12-31T23:59"\n' > in.csv
            $ASSAY sort in.csv --format csv --time at -q
            """#, in: TemporaryFolder())
        #expect(run.lines == ["a,at", #""q","2024-12-31T23:59""#, "z,2025-01-01", #""x"#, #"y",2025-01-02"#], "\(run)")
    }

    @Test(
        "The name of the output says whether it is compressed", arguments: [("gz", "gzip -dc"), ("zst", "zstd -dcq")])
    func compressed(_ suffix: String, _ command: String) throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 20000 --users 50 > all
            tac all > in
            $ASSAY sort in -o out.\(suffix) -q
            \(command) out.\(suffix) | $ASSAY sort -q | cmp - out.plain 2> log || true
            \(command) out.\(suffix) > decompressed
            $ASSAY sort in -o plain -q
            cmp decompressed plain && echo same
            # Compressed inputs are read as what they were.
            $ASSAY sort out.\(suffix) -q | cmp - plain && echo same
            """, in: TemporaryFolder())
        #expect(run.lines == ["same", "same"], "\(run.lines) \(run.errors)")
    }

    @Test("The input and what is there are not written over, and a whole output is in place or none")
    func safe() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 300000 --users 50 > in; ln in linked; cp in copy; echo x > there
            for target in in linked there; do
                code=0; $ASSAY sort in -o $target -q || code=$?; echo $code
            done
            code=0; $ASSAY sort in -o new -q --temporary-folder /nowhere --memory 8MiB || code=$?; echo $code
            $ASSAY sort in -o killed -q --memory 8MiB & sleep 0.05; kill -9 $! || true; wait || true
            ls -A | grep -v shell; cmp in copy
            """, in: TemporaryFolder())
        let folder = run.lines.dropFirst(4).filter { $0 != "killed.unfinished" }
        #expect(run.lines.prefix(4) == ["64", "64", "73", "74"], "\(run.lines) \(run.errors)")
        #expect(folder == ["copy", "in", "linked", "there"] || folder.contains("killed"), "\(run.lines)")
    }

    @Test("A closed output ends it without a word")
    func closed() throws {
        let run = try Binary.shell(
            "$ASSAY generate -n 100000 --users 50 | $ASSAY sort -q | head -n 1 | wc -l", in: TemporaryFolder())
        #expect(run.lines == ["1"] && run.errors.isEmpty, "\(run)")
    }
}

@Suite struct CompressedInputTests {
    private static let commands = [("gz", "gzip -c"), ("zst", "zstd -cq")]

    @Test("A compressed file and a compressed pipe score as what they were", arguments: commands)
    func same(_ suffix: String, _ command: String) throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 30000 --users 300 > in
            # Two compressed streams, one after the other.
            (head -n 10000 in | \(command); tail -n +10001 in | \(command)) > in.\(suffix)
            $ASSAY score in --no-checkpoints -q -o plain
            $ASSAY score in.\(suffix) --no-checkpoints -q -o a
            cat in.\(suffix) | $ASSAY score - --no-checkpoints -q -o b
            $ASSAY score --no-checkpoints -q -o c < in.\(suffix)
            dd if=in.\(suffix) bs=1 count=3000 status=none > start
            (cat start; tail -c +3001 in.\(suffix)) | $ASSAY score - --no-checkpoints -q -o d
            for output in a b c d; do cmp plain $output && echo same; done
            $ASSAY backtest in.\(suffix) -c /dev/null 2>&1 | head -n 1
            """, in: TemporaryFolder())
        #expect(
            run.lines == ["same", "same", "same", "same", "30,000 transactions"],
            "\(run.lines) \(run.errors)")
    }

    @Test("A run over a compressed input that was killed ends with the same bytes", arguments: commands)
    func killed(_ suffix: String, _ command: String) throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 200000 --users 300 > in
            \(command) in > in.\(suffix)
            $ASSAY score in --no-checkpoints -q -o plain
            for wait in 0.05 0.1 0.2; do
                $ASSAY score in.\(suffix) -q -o out --checkpoint-every 5000 &
                sleep $wait; kill -9 $! || true; wait || true
            done 2> log
            $ASSAY score in.\(suffix) -q -o out
            cmp plain out && echo same
            """, in: TemporaryFolder())
        #expect(run.lines == ["same"], "\(run.lines) \(run.errors)")
    }

    @Test("Compressed data that is damaged or cut is an error, and what came before is scored", arguments: commands)
    func damaged(_ suffix: String, _ command: String) throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 30000 --users 300 > in
            \(command) in > in.\(suffix)
            head -c 20000 in.\(suffix) > cut
            (head -c 20000 in.\(suffix); head -c 4000 /dev/zero | tr '\\0' x; tail -c +24001 in.\(suffix)) > damaged
            for input in cut damaged; do
                code=0; $ASSAY score $input --no-checkpoints -q -o $input.out 2> error || code=$?
                echo $code; grep -o 'compressed data.*' error
            done
            """, in: TemporaryFolder())
        #expect(
            run.lines == ["65", "compressed data ends in the middle", "65", "compressed data is damaged"],
            "\(run.lines) \(run.errors)")
    }

    @Test("A text that begins like compressed bytes is a text")
    func lookalike() throws {
        let run = try Binary.shell(
            #"""
            (printf '('; sleep 0.1; printf 'a,timestamp\n1,2025-01-01\n') | $ASSAY sort --format csv -q
            code=0; $ASSAY score --follow x.gz -q 2> error || code=$?; echo $code
            printf '\x1f\x8b' > x.gz; code=0; $ASSAY score --follow x.gz -q 2> error || code=$?; echo $code
            """#, in: TemporaryFolder())
        #expect(run.lines == ["(a,timestamp", "1,2025-01-01", "66", "64"], "\(run.lines) \(run.errors)")
    }
}
