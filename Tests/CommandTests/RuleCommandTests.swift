import Foundation
import TestSupport
import Testing

/// Rules as people use them: checked, scored with, reloaded, resumed, explained.
@Suite struct RuleCommandTests {
    private static let rules = """
        lists:
          staff: {file: staff.txt}
        rules:
          - name: small
            when: amount < 30.0 && velocity("payment", "5m") >= 1 && user.transactions > 5
            risk: 0.7
            reason: 'small: %{amount} %{currency}'
          - name: trusted
            when: user_id in lists.staff
            decide: allow
          - name: web
            when: metadata.channel == "web" && distance_km > 50
            risk: 0.5
            decide: block
            shadow: true
          - name: odd
            when: metadata.nothing == 1 || hour == 3
            risk: 0.2

        """

    private static func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        _ = try folder.write("rules.yaml", rules)
        _ = try folder.write("staff.txt", "# people\nu0000003\n\n  u0000004 \r\n")
        return folder
    }

    @Test("check-config says what each rule reads, and shows where a rule goes wrong")
    func checking() throws {
        let run = try Binary.shell(
            """
            $ASSAY check-config rules.yaml
            sed 's/amount </amuont </' rules.yaml > bad.yaml
            $ASSAY check-config bad.yaml 2>&1 || echo $?
            rm staff.txt
            $ASSAY check-config rules.yaml 2>&1 | sed "s|$PWD|DIR|" || true
            """, in: Self.folder())
        #expect(
            run.lines == [
                "rule small reads amount, currency, user.transactions, velocity()", "rule trusted reads user_id",
                "rule web reads distance_km, metadata", "rule odd reads hour, metadata", "rules.yaml: good",
                #"    amuont < 30.0 && velocity("payment", "5m") >= 1 && user.transactions > 5"#, "    ^",
                "assay: error: bad.yaml:5:11: rule 'small': undeclared reference to 'amuont'; did you mean 'amount'?",
                "78",
                "assay: error: rules.yaml:2:10: the list 'staff' cannot be read from 'staff.txt': "
                    + "No such file or directory",
            ], "\(run.lines.joined(separator: "\n")) \(run.errors)")
    }

    @Test("What rules see is what the checks see, on a whole stream")
    func agreementWithChecks() throws {
        let run = try Binary.shell(
            """
            cat > same.yaml <<'END'
            rules:
              - {name: far, when: distance_km > 100.0, risk: 0, shadow: true}
              - {name: amount, when: z_score > 3.0, risk: 0, shadow: true}
              - name: burst
                when: velocity("withdrawal", "5m") >= 5 && transaction_type == "withdrawal"
                risk: 0
                shadow: true
              - {name: hour, when: is_new_hour && user.transactions >= 5, risk: 0, shadow: true}
              - {name: type, when: is_new_type && user.transactions >= 5, risk: 0, shadow: true}
              - {name: night, when: is_night, risk: 0, shadow: true}
              - name: weekend
                when: is_weekend && !user.seen_on_weekend && user.transactions >= 5
                risk: 0
                shadow: true
            END
            $ASSAY generate -n 60000 --users 300 --fraud 0.05 --seed 5 > in
            $ASSAY score in -c same.yaml --no-checkpoints -q -o out
            python3 - <<'END'
            import json
            pairs = {"far": "unusual_location", "amount": "unusual_amount", "hour": "unusual_time",
                     "type": "unusual_transaction_type", "night": "late_night_transaction",
                     "weekend": "weekend_unusual_activity"}
            counts = {}
            for line in open("out"):
                one = json.loads(line)
                factors = {f["type"] for f in one["risk_factors"]}
                bursts = any(f.get("window") == 300 and f["threshold"] == 5 for f in one["risk_factors"])
                shadow = {s["rule"] for s in one.get("shadow", [])}
                for rule, factor in pairs.items():
                    assert (rule in shadow) == (factor in factors), (rule, line)
                    counts[rule] = counts.get(rule, 0) + (rule in shadow)
                assert ("burst" in shadow) == bursts, line
                counts["burst"] = counts.get("burst", 0) + bursts
            print(len(counts), min(counts.values()) > 10, counts if min(counts.values()) <= 10 else "")
            END
            """, in: TemporaryFolder())
        #expect(run.code == 0 && run.lines == ["7 True "], "\(run.lines) \(run.errors)")
    }

    @Test("Each explained line is what would be written next, with rules")
    func explained() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 4000 --users 40 --seed 2 > all
            head -n 3800 all > known
            tail -n 200 all > asked
            $ASSAY score known -c rules.yaml -q -o out
            n=0
            while IFS= read -r line; do
                n=$((n + 1))
                [ $((n % 20)) = 0 ] || continue
                printf '%s\\n' "$line" > one
                rm -rf next; cp -r Checkpoints next
                $ASSAY score one -c rules.yaml -q --state next --input-is new -o one.out --overwrite
                cat one.out >> written
                $ASSAYCTL explain --json < one \\
                    | sed -nE 's/.*"assessment":(\\{.*\\}),"first_transaction".*/\\1/p' >> explained
                $ASSAYCTL explain < one | grep -c '^  rule' >> rules
            done < asked
            cmp written explained
            wc -l < written
            sort -u rules
            echo u0000005 >> staff.txt
            $ASSAYCTL explain < one 2>&1 | grep -c 'is not the one with the digest' || true
            """, in: Self.folder())
        #expect(run.code == 0 && run.lines == ["10", "4", "1"], "\(run.lines) \(run.errors)")
    }

    @Test(
        "SIGHUP takes other rules at a boundary that a resumed run repeats; a bad file changes nothing",
        arguments: 0..<3)
    func reload(_ round: Int) throws {
        let run = try Binary.shell(
            """
            round=\(round)
            $ASSAY generate -n 60000 --users 200 --seed 7 > all
            head -n 25000 all > first
            tail -n +25001 all > second
            mkfifo pipe
            $ASSAY score pipe -c rules.yaml -o out --checkpoint-interval 50ms 2> log & scoring=$!
            exec 3> pipe
            cat first >&3
            for try in $(seq 900); do [ "$(wc -l < out)" = 25000 ] && break; sleep 0.02; done
            echo 'rules: [' > rules.yaml
            kill -HUP $scoring
            for try in $(seq 900); do grep -q 'stay as they were' log && break; sleep 0.02; done
            cat > rules.yaml <<'END'
            rules:
              - {name: other, when: amount > 40.0, risk: 0.6, decide: review}
            END
            kill -HUP $scoring
            for try in $(seq 900); do grep -q reloaded log && break; sleep 0.02; done
            grep -c 'stay as they were' log
            grep -o 'reloaded: 1 rules hold from sequence [0-9]*' log
            if [ $round = 0 ]; then
                cat second >&3
                exec 3>&-
                wait $scoring
            else
                # Killed at some time behind the reload; the second run reads everything again.
                (cat second >&3 || true) 2> /dev/null & writing=$!
                sleep 0.0$((round * 3))
                kill -KILL $scoring
                exec 3>&-
                wait $scoring $writing 2> /dev/null || true
                cat all | $ASSAY score -c rules.yaml -q -o out
            fi
            [ "$(head -n 25000 out | grep -c other || true)" = 0 ]
            [ "$(tail -n +25001 out | grep -c '"decided_by":"trusted"' || true)" = 0 ]
            wc -l < out
            grep -o '"configuration":"[0-9a-f]*"' out | uniq -c | awk '{ print $1 }'
            # The same lines as with the second rules from there on.
            $ASSAY score all -c rules.yaml --no-checkpoints -q -o whole
            tail -n +25001 whole > wanted
            tail -n +25001 out | cmp - wanted
            """, in: Self.folder())
        #expect(
            run.code == 0
                && run.lines == ["1", "reloaded: 1 rules hold from sequence 25001", "60000", "25000", "35000"],
            "\(run.lines) \(run.errors)")
    }

    @Test("A run whose reader goes away while rules are taken ends, and the next one goes on with the new rules")
    func reloadAndClosedOutput() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 60000 --users 200 --seed 7 > all
            mkfifo pipe
            (set +o pipefail
            $ASSAY score pipe -c rules.yaml --checkpoint-interval 20ms 2> log | head -n 40000 > first) &
            exec 3> pipe
            (cat all >&3 || true) 2> /dev/null & writing=$!
            for try in $(seq 900); do [ -s first ] && break; sleep 0.01; done
            for round in $(seq 30); do
                sed -i "s/risk: 0.7[0-9]*/risk: 0.7$round/" rules.yaml
                kill -HUP $(cat Checkpoints/lock) 2> /dev/null || true
                sleep 0.005
            done
            exec 3>&-
            for try in $(seq 500); do
                kill -0 $(cat Checkpoints/lock 2> /dev/null || echo 0) 2> /dev/null || break
                sleep 0.02
            done
            kill $writing 2> /dev/null || true
            wait
            wc -l < first
            """, in: Self.folder())
        #expect(run.code == 0 && run.lines == ["40000"], "\(run.lines) \(run.errors)")
    }

    @Test("Counts of rules go on over restarts, and a change between two runs is told")
    func counts() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 20000 --users 100 --seed 9 > all
            head -n 9000 all > in
            $ASSAY score in -c rules.yaml -q -o out
            before=$(grep -c '"rule":"small"' out)
            cat all > in
            $ASSAY score in -c rules.yaml -o out 2> log
            grep -c "rule 'odd' failed and counts as not fired: no such key: nothing" log || true
            fired=$(grep -c '"rule":"small"' out)
            grep -c "rules fired: odd [0-9,]*, odd:no_such_key [0-9,]*, small $((fired - before))," log
            status=$($ASSAYCTL status --json)
            echo "$status" | grep -c "\\"rule:small\\":$fired,"
            sed -i 's/risk: 0.7/risk: 0.8/; s/name: web/name: net/' rules.yaml
            $ASSAY score in -c rules.yaml -o out 2>&1 | grep -o 'the configuration has changed.*'
            """, in: Self.folder())
        let expected =
            "the configuration has changed since the last checkpoint: rule web is gone, rule small is another, "
            + "rule net is new"
        #expect(run.code == 0 && run.lines == ["1", "1", "1", expected], "\(run.lines) \(run.errors)")
    }

    @Test(
        "A condition on velocity that can never hold is doubted",
        arguments: [
            ("velocity('payment', '1h') > 200", 200), ("velocity('payment', '1h') >= 200", nil),
            ("amount > 1.0 && 201 <= velocity('payment', '5m')", 200), ("velocity('withdrawal', '1h') == 41", 40),
            ("velocity('payment', '1h') < 500", nil), ("velocity(transaction_type, '1h') > 500", nil),
        ] as [(String, Int?)])
    func velocityDoubts(_ condition: String, _ most: Int?) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("c.yaml", "rules: [{name: many, when: \"\(condition)\", risk: 0.5}]\n")
        let run = try Binary.shell("$ASSAY check-config c.yaml", in: folder)
        #expect(run.code == 0 && run.errors.contains("is never above") == (most != nil), "\(run)")
        if let most { #expect(run.errors.contains("is never above \(most),"), "\(run)") }
    }
}
