import Foundation
import TestSupport
import Testing

/// What `assay explain` says of the past against what `assay score` wrote then.
@Suite struct PastExplanationTests {
    /// Explains every 37th line of `out`, and compares with what it says there.
    private static let compare = """
        n=0
        while IFS= read -r line; do
            n=$((n + 1)); [ $((n % 37)) = 0 ] || continue
            id=$(printf '%s' "$line" | cut -d'"' -f4)
            printf '%s\\n' "$line" >> written
            $ASSAY explain $input --id "$id" --json $options > answer
            sed -nE 's/.*"assessment":(\\{.*\\}),"first_transaction".*/\\1/p' answer >> explained
            grep -o '"as_of_checkpoint":[0-9a-z]*' answer >> points
        done < out
        cmp written explained; wc -l < written; sort -u points | wc -l

        """

    @Test("Each past assessment is explained as it was written, from snapshots and from the start")
    func agreement() throws {
        let run = try Binary.shell(
            """
            cat > c.yaml <<'END'
            lists: {staff: [u0000001]}
            rules:
              - {name: busy, when: velocity("payment", "1h") >= 2 && !(user_id in lists.staff), risk: 0.2}
            END
            $ASSAY generate -n 3000 --users 40 --fraud 0.1 > in
            for part in 800 1700 3000; do
                head -n $part in > now; $ASSAY score now -c c.yaml -q -o out
                $ASSAYCTL snapshot create > snapshots
            done
            input=in; options=
            """ + "\n" + Self.compare, in: TemporaryFolder())
        #expect(run.lines == ["81", "3"], "\(run)")
    }

    @Test(
        "CSV and compressed inputs are explained too",
        arguments: [("csv", "--format csv"), ("csv.gz", "--format csv")])
    func csv(_ suffix: String, _ options: String) throws {
        let run = try Binary.shell(
            """
            cat > c.yaml <<'END'
            rules: [{name: far, when: event.shop == "far", risk: 0.2}]
            END
            echo 'transaction_id,user_id,amount,timestamp,shop' > in.csv
            for n in $(seq 600); do
                echo "t$n,u$((n % 7)),$((n * n % 90)),$((1735689600 + 60 * n)),$([ $((n % 3)) = 0 ] && echo far)"
            done >> in.csv
            head -n 400 in.csv > now.csv; $ASSAY score now.csv --format csv -c c.yaml -q -o out
            $ASSAYCTL snapshot create > snapshots
            cp in.csv now.csv; $ASSAY score now.csv --format csv -c c.yaml -q -o out
            gzip -k in.csv; input=in.\(suffix); options='\(options)'
            """ + "\n" + Self.compare, in: TemporaryFolder())
        #expect(run.lines == ["16", "2"], "\(run)")
    }

    @Test("What cannot be explained is said")
    func refusals() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 50 --users 4 > in; $ASSAY score in -q -o out
            code=0; $ASSAY explain in --id nobody || code=$?; echo $code
            code=0; $ASSAY explain in || code=$?; echo $code
            code=0; $ASSAY explain missing --id x || code=$?; echo $code
            code=0; $ASSAY explain - --id x < in || code=$?; echo $code
            $ASSAY explain in --id tx000000007 --state nowhere | head -n 1
            echo '{"transaction_id":"tx000000007","user_id":"v","amount":1,"timestamp":1}' | cat - in > other
            $ASSAY explain other --id tx000000007 | grep -o 'line 1, .*: replayed from the start'
            """, in: TemporaryFolder())
        #expect(run.lines.prefix(4) == ["1", "64", "66", "64"], "\(run)")
        #expect(run.lines.count == 6 && run.lines[4].contains("with nothing known before"), "\(run)")
        #expect(
            run.errors.contains("no transaction 'nobody'") && run.errors.contains("no state of scoring in 'nowhere'"))
    }
}
