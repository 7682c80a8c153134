import Foundation
import TestSupport
import Testing

/// What `assay score` writes of its assessments, and how.
@Suite struct OutputOptionTests {
    @Test("--min-level writes this level and above, with the numbers that they have among all")
    func leastLevel() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 20000 --users 50 > in
            $ASSAY score in --no-checkpoints -q > all
            for level in low medium high critical; do
                $ASSAY score in --no-checkpoints -q --min-level $level > $level
            done
            grep -E '"risk_level":"(high|critical)"' all | cmp - high && cmp all low
            grep -E '"risk_level":"critical"' all | cmp - critical
            grep -vE '"risk_level":"low"' all | cmp - medium
            wc -l < high
            """, in: TemporaryFolder())
        #expect((Int(run.lines.first ?? "") ?? 0) > 10, "\(run)")
    }

    @Test("--output-format csv writes the columns of assessments, and a killed run ends with the same bytes")
    func csv() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 100000 --users 300 > in
            $ASSAY score in --no-checkpoints -q --output-format csv --min-level medium -o once
            for wait in 0.05 0.1 0.2; do
                $ASSAY score in -q --output-format csv --min-level medium -o out --checkpoint-every 5000 &
                sleep $wait; kill -9 $! || true; wait || true
            done 2> log
            $ASSAY score in -q --output-format csv --min-level medium -o out
            cmp once out && head -n 1 out
            printf 'outputs: {assessments: {jsonl: x}}' > c.yaml
            code=0; $ASSAY score in -c c.yaml --no-checkpoints --min-level high || code=$?; echo $code
            """, in: TemporaryFolder())
        #expect(
            run.lines == [
                "transaction_id,user_id,sequence,timestamp,risk_level,risk_score,risk_factors,recommendation,decision,"
                    + "decided_by,shadow", "64",
            ], "\(run)")
    }

    @Test("A safe CSV file marks texts that a spreadsheet would take for formulas, and numbers stay")
    func safe() throws {
        let run = try Binary.shell(
            """
            cat > p.yaml <<'END'
            input: {time: t, fields: {t: timestamp, a: string, n: int}}
            streams: {s: {select: {a: a, n: n}}}
            outputs: {s: [{csv: safe.csv, safe: true}, {csv: plain.csv}, {parts: parts, format: csv, safe: true}]}
            END
            for text in '=1+1' '+x' '-5' '@a' 'x=1' "'q" '=a,b'; do
                echo "{\\"t\\":1,\\"a\\":\\"$text\\",\\"n\\":-5}"
            done | $ASSAY run p.yaml --no-checkpoints -q
            cat safe.csv; cat plain.csv | sed -n 2p; cmp safe.csv parts/*.csv && echo same
            """, in: TemporaryFolder())
        #expect(
            run.lines == [
                "a,n", "'=1+1,-5", "'+x,-5", "'-5,-5", "'@a,-5", "x=1,-5", "'q,-5", "\"'=a,b\",-5", "=1+1,-5", "same",
            ], "\(run)")
    }
}
