import Foundation
import TestSupport
import Testing

/// Inputs that gzip or zstd has compressed.
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
