import Foundation
import TestSupport
import Testing

/// Rules tried out: on cases, and on history.
@Suite struct TrialTests {
    @Test("The cases of the example are as expected, and what is not is told")
    func cases() throws {
        let example = Repository.root.appending(path: "Examples/rules").path
        let run = try Binary.shell(
            """
            cp \(example)/* .
            $ASSAY test-rules rules.yaml cases.yaml | tail -n 1
            sed -i 's/>= 3/>= 4/; s/risk: 0.9/risk: 0.8/; s/decide: allow/decide: review/' rules.yaml
            sed -i 's/fired: \\[impossible_travel\\], decision: block/score: 0.9, decision: allow/' cases.yaml
            $ASSAY test-rules rules.yaml cases.yaml || echo $?
            $ASSAY test-rules rules.yaml cases.yaml --json | python3 -c '
            import json, sys
            answer = json.load(sys.stdin)
            print(answer["failed"], [case["passed"] for case in answer["cases"]])
            ' || true
            """, in: TemporaryFolder())
        #expect(
            run.lines == [
                "7 cases, 0 failed", "FAILED small payments in a row are caught",
                "         card_testing has not fired", "ok     two small payments are nothing",
                "FAILED Tokyo twenty minutes after Paris is blocked", "         score is 1.0, not 0.9",
                "         decision is block, not allow", "ok     staff may do a lot, but not that",
                "ok     a blocked merchant is blocked whoever pays",
                "ok     an expensive night on the web is only noted",
                "ok     without metadata nothing fails", "7 cases, 2 failed", "1",
                "2 [False, True, False, True, True, True, True]",
            ], "\(run.lines.joined(separator: "\n")) \(run.errors)")
    }

    @Test(
        "Cases that say something else than a case does are refused with their place",
        arguments: [
            ("a: b", "cases must be a list"),
            ("- {transaction: {}, expect: {level: low}}", ":1:3: the case has no 'name'"),
            ("- {name: a, expect: {level: low}}", "no 'transaction'"),
            ("- {name: a, transaction: {}}", "expects nothing"),
            ("- {name: a, transaction: {}, expect: {leve: low}}", "did you mean 'level'?"),
            ("- {name: a, transaction: {amount: x}, expect: {level: low}}", "amount must be a finite number"),
            ("- {name: a, given: [{count: 0}], transaction: {}, expect: {level: low}}", "'count' must be"),
            ("- {name: a, given: [{every: x}], transaction: {}, expect: {level: low}}", "'every' must be"),
            ("- {name: a, given: [{timestamp: -1e30}], transaction: {}, expect: {level: low}}", "timestamp must be"),
            ("- {name: a, given: [{every: 106751991167d}], transaction: {}, expect: {level: low}}", "'every' must be"),
            ("- {name: a, transaction: {}, expect: {score: x}}", "'score' must be a number"),
            ("- {name: a, transaction: {}, expect: {fired: x}}", "must be a list of rules"),
        ])
    func badCases(_ yaml: String, _ message: String) throws {
        let folder = try TemporaryFolder()
        let rules = try folder.write("rules.yaml", "rules: [{name: a, when: amount > 5.0, risk: 0.5}]")
        let result = try Binary.run(["test-rules", rules, try folder.write("cases.yaml", yaml)])
        #expect(result.code == 65 && result.errors.contains(message), "\(result.errors)")
    }

    @Test("A backtest counts what an independent count of two runs counts", arguments: ["jsonl", "csv"])
    func backtest(_ format: String) throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 40000 --users 300 --fraud 0.03 --seed 11 --labels labels.csv > all.jsonl
            cat > old.yaml <<'END'
            rules:
              - {name: far, when: distance_km > 50.0, risk: 0.5}
              - {name: large, when: amount > 400.0, decide: review}
              - {name: gone, when: hour == 4, risk: 0.1, shadow: true}
            END
            cat > new.yaml <<'END'
            min_history: 8
            rules:
              - {name: far, when: distance_km > 200.0, risk: 0.6}
              - {name: large, when: amount > 300.0, decide: block}
            END
            if [ \(format) = csv ]; then python3 -c '
            import csv, json, sys
            names = ["transaction_id", "user_id", "amount", "timestamp", "transaction_type", "currency",
                     "location.latitude", "location.longitude"]
            out = csv.writer(sys.stdout)
            out.writerow(names)
            for line in sys.stdin:
                one = json.loads(line)
                place = one.get("location") or {}
                where = [place.get("latitude", ""), place.get("longitude", "")]
                out.writerow([one.get(n, "") for n in names[:6]] + where)
            ' < all.jsonl > in; else cp all.jsonl in; fi
            printf 'nonsense\\n' >> in
            $ASSAY backtest in --format \(format) -c new.yaml --against old.yaml --labels labels.csv --json \\
                --changes changes.jsonl > report.json
            cat in | $ASSAY backtest --format \(format) -c new.yaml --against old.yaml --labels labels.csv --json \\
                | cmp - report.json
            for side in new old; do
                sed 's/, shadow: true//' $side.yaml > loud-$side.yaml
                $ASSAY score in --format \(format) -c $side.yaml --no-checkpoints -q -o $side.out
            done
            python3 \(Repository.root.appending(path: "Tests/CommandTests/check-backtest.py").path)
            $ASSAY backtest in --format \(format) -c new.yaml --against old.yaml --labels labels.csv | grep -c 'far '
            $ASSAY backtest in --format \(format) -c new.yaml | grep '^rejected'
            """, in: TemporaryFolder())
        #expect(
            run.code == 0 && run.lines == ["agreed", "1", "rejected       1       1"], "\(run.lines) \(run.errors)")
    }

    @Test("What rules, trials and their configuration look like is published")
    func schemas() throws {
        let root = Repository.root.path
        let run = try Binary.shell(
            """
            check() { \(Repository.python) \(Repository.validator) \(root)/schemas/$1 "${@:2}" > said || cat said; }
            cp \(root)/Examples/rules/* .
            mv rules.yaml example.yaml
            cp \(root)/tools/bench/rules.yaml .
            check config.schema.json example.yaml
            check config.schema.json rules.yaml
            echo 'rules: [{name: a, when: "true"}]' > bad.yaml
            check config.schema.json bad.yaml | grep -c 'is not valid under any'
            $ASSAY generate -n 30000 --users 300 --fraud 0.05 --labels labels.csv > in
            $ASSAY score in -c rules.yaml --no-checkpoints -q -o out
            check risk-assessment.schema.json out
            grep -c '"type":"rule"' out | awk '{ print ($1 > 100) }'
            grep -c '"shadow":' out | awk '{ print ($1 > 3) }'
            $ASSAY backtest in -c rules.yaml --labels labels.csv --changes changes --json > report
            check backtest.schema.json report report
            head -n 1 changes > change
            check backtest.schema.json change change
            $ASSAY backtest in -c rules.yaml --json > report
            check backtest.schema.json report report
            $ASSAY test-rules example.yaml cases.yaml --json > cases
            check backtest.schema.json cases test_rules
            """, in: TemporaryFolder())
        #expect(run.code == 0 && run.lines == ["1", "1", "1"], "\(run.lines) \(run.errors)")
    }

    @Test("A backtest without what it needs says so")
    func usage() throws {
        #expect(try Binary.run(["backtest", "x"]).code == 64)
        let folder = try TemporaryFolder()
        let rules = try folder.write("rules.yaml", "rules: [{name: a, when: amount > 5.0, risk: 0.5}]")
        #expect(try Binary.run(["backtest", "/does/not/exist", "-c", rules]).code == 66)
        #expect(try Binary.run(["backtest", "-c", rules, "--labels", "/does/not/exist"]).code == 66)
        #expect(try Binary.run(["backtest", "-c", rules, "--against", "/does/not/exist"]).code == 78)
        let history = try folder.write("history.jsonl", "{}\n")
        let over = try Binary.run(["backtest", history, "-c", rules, "--changes", history])
        let kept = try String(contentsOfFile: history, encoding: .utf8)
        #expect(over.code == 64 && kept == "{}\n")
    }
}
