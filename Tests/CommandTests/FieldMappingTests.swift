import Foundation
import TestSupport
import Testing

/// Fields that are elsewhere or otherwise in the input.
@Suite struct FieldMappingTests {
    @Test("A field may be inside of other members, in any order, with fields beside and around it")
    func nested() throws {
        let run = try Binary.shell(
            #"""
            cat > c.yaml <<'END'
            fields:
              data.object.id: transaction_id
              data.object.user: user_id
              data.amount: amount
              created: timestamp
              metadata.shop: merchant_id
              data.place.lat: location.latitude
              data.place.lon: location.longitude
            rules:
              - name: seen
                when: merchant_id == "m" && metadata.shop == "m" && location.latitude == 1.0 && event.data.amount == 4.0
                decide: review
            END
            (echo '{"data":{"amount":4,"object":{"id":"a","user":"u","n":[1,{"a":2}]},"place":{"lat":1,"lon":2}},
                "created":1700000000,"metadata":{"shop":"m"}}' | tr -d '\n'; echo
             echo '{"created":1700000001,"metadata":{"shop":"m"},"data":{"place":{"lon":2,"lat":1},"object":
                {"user":"u","id":"\u0062"},"amount":4}}' | tr -d '\n'; echo
             echo '{"data.object.id":"c","data":{"object":{"user":"u"},"amount":4},"created":1700000002}'
             echo '{"d\u0061ta":{"amount":4,"object":{"id":"d","user":"u"}},"created":1700000002}'
             echo '{"other":{"amount":4,"object":{"id":"d","user":"u"}},"created":1700000002}'
             echo '{"data":{"amount":4,"object":{"id":"e","user":"u"}},"created":1700000002}'
             echo '{"a_name_that_is_far_too_long_to_be_remembered":1,"data":{"amount":4,"object":
                {"id":"f","user":"u"}},"created":1700000002}' | tr -d '\n'; echo
             echo '{"data":{"amount":4,"object":{"id":"g","user":"u"}},"created":1700000002}'
             echo '{"data":null,"created":1700000003}'
             echo '{"data":{"object":7,"amount":4},"created":1700000003}'
             echo '{"data":{"object":{"id":"x","user":"u"},"amount":"four"},"created":1700000003}') > in
            $ASSAY score in -c c.yaml --no-checkpoints -q --rejects bad |
                grep -o '"transaction_id":"."\|"decided_by":"[a-z]*"'
            grep -o '"message":"[^"]*"' bad
            $ASSAY sort in -c c.yaml -q | wc -l
            """#, in: TemporaryFolder())
        #expect(
            run.lines == [
                #""transaction_id":"a""#, #""decided_by":"seen""#, #""transaction_id":"b""#, #""decided_by":"seen""#,
                #""transaction_id":"c""#, #""decided_by":"level""#,
            ] + ["d", "e", "f", "g"].flatMap { [#""transaction_id":"\#($0)""#, #""decided_by":"level""#] } + [
                #""message":"transaction_id is missing""#, #""message":"transaction_id is missing""#,
                #""message":"transaction_id is missing""#,
                #""message":"amount must be a finite number of at least 0, not 'four'""#, "11",
            ], "\(run)")
    }

    @Test("What is nested too deeply inside of a mapped member is refused as anywhere")
    func deep() throws {
        func line(_ levels: Int) -> String {
            let nested = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
            return #"{"data":{"id":"a","x":"# + nested + #"},"user_id":"u","amount":1,"timestamp":1}"#
        }
        let folder = try TemporaryFolder()
        _ = try folder.write("in", line(126) + "\n" + line(127) + "\n")
        _ = try folder.write(
            "c.yaml",
            "fields: {data.id: transaction_id, data.x: account_id}\nrules: [{name: r, when: size(event) > 1, "
                + "decide: review}]\n")
        _ = try folder.write(
            "d.yaml",
            "fields: {data.id: transaction_id}\nrules: [{name: r, when: size(event) > 1, decide: review}]\n")
        let run = try Binary.shell(
            """
            for c in c d; do
                $ASSAY score in -c $c.yaml --no-checkpoints -q --overwrite --rejects bad | wc -l
                grep -o '"reason":"[a-z_]*"' bad
            done
            """, in: folder)
        #expect(
            run.lines == [
                "0", #""reason":"invalid_field""#, #""reason":"malformed_json""#, "1", #""reason":"malformed_json""#,
            ], "\(run)")
    }

    @Test(
        "Negative amounts are what 'amount_sign' says, in JSON and CSV and in pipelines",
        arguments: [
            ("reject", ["+10 payment"]), ("absolute", ["+10 payment", "+4 payment"]),
            ("refund", ["+10 payment", "+4 refund"]),
        ])
    func refunds(_ sign: String, _ expected: [String]) throws {
        let run = try Binary.shell(
            """
            cat > c.yaml <<END
            amount_sign: \(sign)
            rules:
              - {name: r, when: 'true', risk: 0.1, reason: '+%{amount} %{transaction_type}'}
            END
            echo '{"transaction_id":"a","user_id":"u","amount":10,"timestamp":1}' > in
            echo '{"transaction_id":"b","user_id":"u","amount":-4,"timestamp":2}' >> in
            printf 'transaction_id,user_id,amount,timestamp\\na,u,10,1\\nb,u,-4,2\\n' > in.csv
            printf 'input: {time: timestamp, format: %s}\\nstreams: {s: {score: {config: c.yaml}}}\\n' jsonl > p.yaml
            $ASSAY score in -c c.yaml --no-checkpoints -q > 1
            $ASSAY score in.csv --format csv -c c.yaml --no-checkpoints -q > 2
            $ASSAY run p.yaml in --no-checkpoints -q > 3
            sed -i 's/jsonl/csv/' p.yaml; $ASSAY run p.yaml in.csv --no-checkpoints -q > 4
            for n in 1 2 3 4; do grep -o '+[0-9]* [a-z]*' $n; done
            """, in: TemporaryFolder())
        #expect(run.lines == expected + expected + expected + expected, "\(run)")
    }

    @Test("A configuration without refunds is recorded as it was before there were any")
    func recorded() throws {
        let run = try Binary.shell(
            """
            for sign in reject refund; do
                echo "amount_sign: $sign" > c.yaml
                $ASSAY generate -n 10 | $ASSAY score -c c.yaml --state $sign -q > /dev/null
                sqlite3 $sign/state.db 'SELECT configuration FROM checkpoint' | grep -c amount_sign || true
            done
            """, in: TemporaryFolder())
        #expect(run.lines.first == "0" && run.lines.last != "0", "\(run)")
    }

    @Test("A rejected refund is told what to do")
    func refundReject() throws {
        let run = try Binary.shell(
            #"echo '{"transaction_id":"b","user_id":"u","amount":-4,"timestamp":2}' | $ASSAY score --no-checkpoints"#,
            in: TemporaryFolder())
        #expect(run.errors.contains("amount must be at least 0 unless 'amount_sign' takes refunds, not '-4'"))
    }

    @Test("Rules read the columns of CSV as 'event' and 'metadata', numbers as numbers")
    func columns() throws {
        let run = try Binary.shell(
            #"""
            cat > c.yaml <<'END'
            rules:
              - name: r
                when: >-
                  event.country == "NG" && metadata.card == 7 && metadata.kind == "x" && event.score > 1.5
                  && event.note == "x \"y\", z" && !has(event.empty) && event["metadata.card"] == 7
                  && metadata.size() == 2 && event.amount == 5
                decide: review
              - {name: missing, when: 'event.nothing == 1', decide: block}
            END
            printf 'transaction_id,user_id,amount,timestamp,country,metadata.card,score,note,empty,metadata\r\n' > in
            printf 'a,u,5,1,NG,7,2.5,"x ""y"", z",,"{""kind"":""x"",""card"":8}"\r\n' >> in
            printf 'b,u,5,2,DE,7,2.5,,\r\n' >> in
            $ASSAY score in --format csv -c c.yaml --no-checkpoints -q | grep -o '"decided_by":"[a-z]*"'
            tr ',' ';' < in | sed 's/2\.5/2,5/; s/""y""; z/""y"", z/; s/;""card""/,""card""/' > semicolons
            $ASSAY score semicolons --format csv --decimal , -c c.yaml --no-checkpoints -q |
                grep -o '"decided_by":"[a-z]*"'
            printf 'input: {time: timestamp, format: csv}\nstreams: {s: {score: {config: c.yaml}}}\n' > p.yaml
            $ASSAY run p.yaml in --no-checkpoints -q | grep -o '"decided_by":"[a-z]*"'
            """#, in: TemporaryFolder())
        let once = [#""decided_by":"r""#, #""decided_by":"level""#]
        #expect(run.lines == once + once + once, "\(run)")
    }
}
