import Foundation
import TestSupport
import Testing

/// CSV as people have it.
@Suite struct CSVCommandTests {
    private static func score(_ csv: String, _ options: String = "") throws -> Binary.Result {
        let folder = try TemporaryFolder()
        _ = try folder.write("in.csv", csv)
        return try Binary.shell(
            "code=0; $ASSAY score in.csv --format csv --no-checkpoints -q --rejects bad \(options) || code=$?; "
                + "grep -o '\"message\":\"[^\"]*\"' bad || true; echo $code", in: folder)
    }

    @Test(
        "The delimiter is found from the header, and header names are read without regard to case and blanks",
        arguments: [
            ("transaction_id,user_id,amount,timestamp\na,u,12.5,2025-01-01\n", ""),
            ("Transaction ID;User-ID; Amount ;TIMESTAMP\na;u;12.5;2025-01-01\n", ""),
            ("transaction_id\tuser_id\tamount\ttimestamp\na\tu\t12.5\t2025-01-01\n", ""),
            ("transaction_id;user_id;amount;timestamp\na;u;12,5;2025-01-01\n", "--decimal ,"),
            ("transaction_id,user_id,\"a;b;c;d\",amount,timestamp\na,u,x,12.5,2025-01-01\n", "--delimiter ,"),
            ("\u{FEFF}transaction_id;user_id;amount;timestamp;note\n\"a\";u;12.5;2025-01-01;\"x;y\"\n", ""),
        ])
    func dialects(_ csv: String, _ options: String) throws {
        let run = try Self.score(csv, options)
        #expect(run.lines.count == 2 && run.lines[1] == "0", "\(run)")
        #expect(
            run.lines[0].hasPrefix(#"{"transaction_id":"a","user_id":"u","sequence":1,"timestamp":1735689600,"#),
            "\(run)")
    }

    @Test("A decimal comma gives the amount that the point gives")
    func decimalComma() throws {
        func file(_ comma: String) -> String {
            let rows =
                (0..<8).map { "t\($0);u;1\(comma)\($0 % 3);\(1_735_689_600 + $0)" } + ["x;u;99\(comma)75;1735690000"]
            return "transaction_id;user_id;amount;timestamp\n" + rows.joined(separator: "\n")
        }
        let run = try Self.score(file(","), "--decimal ,")
        #expect(run.lines == (try Self.score(file("."))).lines && run.lines[8].contains(#""amount":99.75"#), "\(run)")
    }

    @Test("Columns that are named for a file without a header read as those of a header, also when it is resumed")
    func noHeader() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            cat > csv.yaml <<END
            input: {time: timestamp}
            streams:
              all:
                select: {transaction_id: transaction_id, user_id: user_id, amount: amount, timestamp: timestamp}
            outputs: {all: {csv: with.csv}}
            END
            $ASSAY generate -n 20000 --users 50 | $ASSAY run csv.yaml --no-checkpoints -q
            columns=$(head -n 1 with.csv); tail -n +2 with.csv > without.csv
            $ASSAY score with.csv --format csv --no-checkpoints -q > expected
            for round in 1 2 3; do
                timeout -s KILL 0.1 $ASSAY score without.csv --format csv --columns $columns -o out -q \
                    --checkpoint-interval 5ms 2> /dev/null || true
            done
            $ASSAY score without.csv --format csv --columns $columns -o out -q
            cmp out expected && echo same
            cat > c.yaml <<END
            inputs: {all: {file: without.csv, format: csv, header: false, columns: [${columns//,/, }]}}
            END
            $ASSAY score -c c.yaml --state other -q | cmp - expected && echo same
            printf 'input: {format: csv, time: timestamp}\nstreams: {all: {select: {u: user_id}}}' > p.yaml
            $ASSAY run p.yaml without.csv --columns $columns --no-checkpoints -q | wc -l
            $ASSAY sort without.csv --format csv --columns $columns | cmp - without.csv && echo same
            code=0; $ASSAY score without.csv --format csv --columns a,b --no-checkpoints 2> told || code=$?; echo $code
            grep -c 'lacks transaction_id' told
            """, in: folder)
        #expect(run.lines == ["same", "same", "20000", "same", "65", "1"], "\(run)")
    }

    @Test(
        "A header that nothing can be read under is an error before the first line",
        arguments: [
            ("id,user_id,amount,timestamp\n", "the header lacks transaction_id; it has id, user_id, amount, timestamp"),
            ("transaction_id,user_id,Amount,amount,timestamp\n", "the header has the column 'amount' twice"),
            ("transaction_id,user_id,amount,x,timestamp,x\n", "the header has the column 'x' twice"),
            ("{\"transaction_id\":\"a\"}\n", "it looks like JSON, leave out --format csv"),
        ])
    func headers(_ header: String, _ message: String) throws {
        let run = try Self.score(header + "a,u,1,2025-01-01,1,2\n")
        #expect(run.lines == ["65"] && run.errors.contains(message), "\(run)")
        let folder = try TemporaryFolder()
        _ = try folder.write("in.csv", header)
        let others = try Binary.shell(
            """
            echo 'input: {format: csv, time: when}\nstreams: {all: {}}' > p.yaml
            code=0; $ASSAY run p.yaml in.csv --no-checkpoints -q || code=$?; echo $code
            code=0; $ASSAY sort in.csv --format csv --time when -q || code=$?; echo $code
            code=0; $ASSAY backtest in.csv --format csv -c /dev/null || code=$?; echo $code
            """, in: folder)
        #expect(others.lines == ["65", "65", "65"], "\(others)")
    }

    @Test("UTF-16 is named as such, in files and pipes", arguments: ["UTF-16LE", "UTF-16BE"])
    func utf16(_ encoding: String) throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 10 | sed '1s/^/\\xEF\\xBB\\xBF/' | iconv -f UTF-8 -t \(encoding) > in
            code=0; $ASSAY score in --no-checkpoints -q || code=$?; echo $code
            code=0; cat in | $ASSAY score --no-checkpoints -q || code=$?; echo $code
            """, in: TemporaryFolder())
        #expect(run.lines == ["65", "65"] && run.errors.contains("'in' is UTF-16"), "\(run)")
    }

    @Test("A reject tells the value")
    func values() throws {
        let run = try Self.score("transaction_id,user_id,amount,timestamp\na,u,\"12,50\",1\nb,u,1,soon\n")
        #expect(
            run.lines == [
                #""message":"amount must be a finite number of at least 0, not '12,50'""#,
                #""message":"timestamp must be seconds, milliseconds, microseconds or ISO 8601, from 1970 to 9999, "#
                    + #"not 'soon'""#,
                "0",
            ], "\(run)")
    }

    @Test("A reject of a pipeline or a sort tells the value, too")
    func eventValues() throws {
        let run = try Binary.shell(
            #"""
            cat > p.yaml <<'END'
            input: {time: t, fields: {t: timestamp, n: int, m: map}}
            streams: {s: {select: {n: n}}}
            END
            (echo '{"t":"soon","n":1}'; echo '{"t":1,"n":"one"}'; echo '{"t":1,"n":1.5}'
             echo '{"t":1,"n":1,"m":[1]}'; echo '{"t":-5,"n":1}') > in
            $ASSAY run p.yaml in --no-checkpoints -q --rejects bad > out
            grep -o ", not '[^']*'" bad
            printf 't,n\nsoon,1\n1,one\n' > in.csv; sed -i 's/time: t,/time: t, format: csv,/' p.yaml
            $ASSAY run p.yaml in.csv --no-checkpoints -q --rejects bad --overwrite > out
            grep -o ", not '[^']*'" bad
            $ASSAY sort in --time t -q --rejects bad --overwrite > out; grep -o ", not '[^']*'" bad
            """#, in: TemporaryFolder())
        #expect(
            run.lines == [
                ", not 'soon'", ", not 'one'", ", not '1.5'", ", not '[1]'", ", not '-5'", ", not 'soon'",
                ", not 'one'",
                ", not 'soon'", ", not '-5'",
            ], "\(run)")
    }

    @Test("A run over CSV with semicolons that was killed ends with the same bytes")
    func resumed() throws {
        let run = try Binary.shell(
            """
            echo 'transaction_id;user_id;amount;timestamp' > in.csv
            for n in $(seq 4000); do echo "t$n;u$((n % 7));$n,5;$((1735689600 + n))"; done >> in.csv
            $ASSAY score in.csv --format csv --decimal , --no-checkpoints -q -o expected
            head -n 2000 in.csv > some.csv; $ASSAY score some.csv --format csv --decimal , -q -o out
            cp in.csv some.csv; $ASSAY score some.csv --format csv --decimal , -q -o out
            cmp out expected && wc -l < out
            """, in: TemporaryFolder())
        #expect(run.lines == ["4000"], "\(run)")
    }
}
