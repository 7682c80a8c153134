import Foundation
import TestSupport
import Testing

/// Inputs that are not one object or record on each line.
@Suite struct InputFormTests {
    private static let array = """
        [
          {"transaction_id": "a", "user_id": "u", "amount": "12,50",
           "timestamp": 1700000000},
          {"transaction_id": "b", "user_id": "u", "amount": 1, "timestamp": 1700000001,
           "location": {"latitude": 1e9, "longitude": 3}}, 17, oops,
          {"transaction_id": "c", "user_id": "u", "amount": 5, "timestamp": 1700000003}
        ]
        """

    @Test("The elements of a JSON array are the lines that are counted, and rejects tell their values")
    func elements() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("in.json", Self.array)
        let run = try Binary.shell(
            """
            $ASSAY score in.json --format json --no-checkpoints -q --rejects bad | grep -o '"transaction_id":"."'
            grep -o '"line":[0-9]*\\|"message":"[^"]*"' bad
            gzip in.json; $ASSAY score in.json.gz --format json --no-checkpoints -q | wc -l
            (gzip -dc in.json.gz; sleep 0.2) | $ASSAY score --format json --no-checkpoints -q | wc -l
            $ASSAY sort in.json.gz --format json -q | wc -l
            code=0; $ASSAY score in.json.gz --format json --follow 2> error || code=$?; echo $code
            """, in: folder)
        #expect(
            run.lines == [
                #""transaction_id":"c""#,
                #""line":1"#, #""message":"amount must be a finite number of at least 0, not '12,50'""#,
                #""line":2"#, #""message":"location.latitude must be a number from -90 to 90, not '1e9'""#,
                #""line":3"#, #""message":"the line is JSON, but not an object""#,
                #""line":4"#, #""message":"a value was expected at byte 1 of the line""#,
                "1", "1", "3", "64",
            ], "\(run)")
    }

    @Test(
        "The first reject proposes the format that the input seems to have",
        arguments: [
            ("[\n{\"transaction_id\":\"a\"}\n]\n", "an array of JSON; the format json reads its elements"),
            ("[{\"transaction_id\":\"a\"}]\n", "an array of JSON; the format json reads its elements"),
            ("{\n\"transaction_id\":\"a\"\n}\n", "the line ends inside an object; the format json reads objects"),
            ("transaction_id,user_id,amount\n1,2,3\n", "looks like CSV; give the format csv"),
            ("id;user;amount\n1;2;3\n", "looks like CSV; give the format csv"),
        ])
    func proposals(_ input: String, _ message: String) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("in", input)
        let run = try Binary.shell(
            """
            $ASSAY score in --no-checkpoints 2> error; grep -c '\(message)' error
            echo 'streams: {all: {}}' > p.yaml; $ASSAY run p.yaml in --no-checkpoints 2> error
            grep -c '\(message)' error
            """, in: folder)
        #expect(run.lines == ["1", "1"], "\(run)")
    }

    @Test("Without a guess, the first reject says what is wrong")
    func noGuess() throws {
        let run = try Binary.shell(
            "echo '{\"a\":1' | $ASSAY score --no-checkpoints; echo '{\"a\":oops}' | $ASSAY score --no-checkpoints",
            in: TemporaryFolder())
        #expect(run.errors.contains("line ends inside an object") && run.errors.contains("a value was expected"))
    }

    @Test("A run over a JSON array that was killed ends with the same bytes")
    func killed() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 100000 --users 300 > lines
            $ASSAY score lines --no-checkpoints -q -o plain
            (echo '['; sed 's/,"user_id"/,\\n "user_id"/; $!s/$/,/' lines; echo ']') > in.json
            for wait in 0.05 0.1 0.2; do
                $ASSAY score in.json --format json -q -o out --checkpoint-every 5000 &
                sleep $wait; kill -9 $! || true; wait || true
            done 2> log
            $ASSAY score in.json --format json -q -o out
            cmp plain out && echo same
            """, in: TemporaryFolder())
        #expect(run.lines == ["same"], "\(run.lines) \(run.errors)")
    }

    @Test("Lines of a file may end in carriage returns alone, also when it is read again")
    func returns() throws {
        let run = try Binary.shell(
            """
            (echo 'transaction_id,user_id,amount,timestamp,note'
             for n in $(seq 500); do echo "t$n,u$((n % 7)),$n,$((1735689600 + n)),\\"a
            b\\""; done) > lines.csv
            $ASSAY score lines.csv --format csv --no-checkpoints -q -o plain
            sed ':a;N;$!ba;s/"\\n/"\\r/g;s/note\\n/note\\r/' lines.csv | head -c -1 > in.csv
            $ASSAY score in.csv --format csv --no-checkpoints -q -o once
            head -c 9000 in.csv > some.csv; $ASSAY score some.csv --format csv --keep-open -q -o out
            cp in.csv some.csv; $ASSAY score some.csv --format csv -q -o out
            cmp plain once && cmp plain out && wc -l < out
            $ASSAY generate -n 100 --users 3 > lines; tr '\\n' '\\r' < lines > in
            $ASSAY score lines --no-checkpoints -q -o before; $ASSAY score in --no-checkpoints -q -o again
            cmp before again && echo same
            printf '{"transaction_id":"a",\\r"user_id":"u","amount":1,"timestamp":1}\\n' > in
            $ASSAY score in --no-checkpoints -q | wc -l
            """, in: TemporaryFolder())
        #expect(run.lines == ["500", "same", "1"], "\(run.lines) \(run.errors)")
    }
}
