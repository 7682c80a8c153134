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
        // A run's file has a name for the moment before it is unlinked, and the kill may come right then.
        let folder = run.lines.dropFirst(4).filter {
            $0 != "killed.unfinished" && !$0.hasPrefix(".assay-sort-")
        }
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
