import Foundation
import TestSupport
import Testing

/// What `assayctl explain` says against what `assay score` does.
@Suite struct ExplanationTests {
    private struct Explanation: Decodable {
        struct Check: Decodable {
            struct Comparison: Decodable {
                let `true`: Bool
                let risk: Double
            }
            let check: String
            let risk: Double
            let comparisons: [Comparison]
        }
        struct Assessment: Decodable {
            struct Factor: Decodable {
                let type: String
                let risk_score: Double
            }
            let risk_score: Double
            let risk_factors: [Factor]
        }
        let assessment: Assessment?
        let checks: [Check]?
    }

    private struct Answer: Decodable {
        let explanations: [Explanation]
    }

    @Test(
        "Each explained line is what would be written next, and its checks add up to it",
        arguments: ["ordinary", "edges"])
    func agreement(_ stream: String) throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            grep -v duplicate-me \(Repository.golden("\(stream).jsonl")) > all || true
            total=$(wc -l < all)
            head -n $((total * 3 / 4)) all > known
            tail -n $((total / 4)) all > asked
            $ASSAY score known -q -o out --rejects r
            $ASSAYCTL explain asked --json > answer.json
            n=0
            while IFS= read -r line; do
                n=$((n + 1))
                [ $((n % 23)) = 0 ] || continue
                rm -rf next; cp -r Checkpoints next
                printf '%s\\n' "$line" > one
                $ASSAY score one -q --state next --input-is new -o one.out --overwrite --rejects one.r 2>/dev/null
                cat one.out >> written
                printf '%s\\n' "$line" | $ASSAYCTL explain --json \
                    | sed -nE 's/.*"assessment":(\\{.*\\}),"first_transaction".*/\\1/p' >> explained
                rm -f one.out one.r
            done < asked
            cmp written explained
            wc -l < written
            """, in: folder)
        try #require(run.code == 0, "\(run.errors)")
        #expect(try #require(run.lines.last.flatMap { Int($0) }) > 20)

        let data = try Data(contentsOf: folder.url.appending(path: "answer.json"))
        let answer = try JSONDecoder().decode(Answer.self, from: data)
        var fired: Set<String> = []
        for explanation in answer.explanations {
            guard let assessment = explanation.assessment, let checks = explanation.checks else { continue }
            let risks = checks.flatMap(\.comparisons).filter(\.true).map { ($0.risk * 1e6).rounded() / 1e6 }
            #expect(risks == assessment.risk_factors.map(\.risk_score))
            let innocence = checks.reduce(1.0) { $0 * (1 - $1.risk) }
            #expect(abs(1 - innocence - assessment.risk_score) < 1e-6)
            for factor in assessment.risk_factors { fired.insert(factor.type) }
        }
        // A comparison that never came true would have shown nothing.
        #expect(fired.count >= 5, "\(fired)")
    }

    @Test("A changed transaction is explained as changed")
    func changes() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            for n in $(seq 20); do
                echo '{"transaction_id":"t'$n'","user_id":"u","amount":10,"timestamp":1767225600,"currency":"EUR"}'
            done > in
            $ASSAY score in -q -o out
            echo '{"transaction_id":"new","user_id":"u","amount":10,"timestamp":1767225660,"currency":"EUR"}' > one
            $ASSAYCTL explain one --json | grep -c '"unusual_amount"' || true
            $ASSAYCTL explain one --set amount=50000 --json | grep -c '"unusual_amount"'
            $ASSAYCTL explain one --set amount=50000 --set currency=USD --json | grep -c '"unusual_amount"' || true
            $ASSAYCTL explain one --set location.latitude=1.5 --set location.longitude=-3 --json | grep -c '1.5, -3.0'
            $ASSAYCTL explain one --set transaction_id=t20 | grep -c duplicate
            $ASSAYCTL explain one --set amount=-1 | grep -c 'rejected, invalid_field'
            $ASSAYCTL explain one --set timestamp=2026-01-01T03:00:00Z --json | grep -c late_night
            """, in: folder)
        #expect(run.code == 0 && run.lines == ["0", "1", "0", "1", "1", "1", "1"], "\(run.lines) \(run.errors)")
    }

    @Test("explain sets single members, and refuses fields that there are not")
    func explainSet() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 3000 --users 50 > in
            echo 'rules: [{name: web, when: metadata.channel == "web" && metadata.x == 7, risk: 0.5}]' > c.yaml
            $ASSAY score in -q -o out -c c.yaml
            tail -n 1 in > last
            # Several at once, one after the other.
            $ASSAYCTL explain last --set transaction_id=n --set metadata.x=7 --set metadata.channel=web \\
                --set location.latitude=10 --json | python3 -c '
            import json, sys
            answer = json.load(sys.stdin)
            found = answer["explanations"][0]
            print(answer["as_of_sequence"], found["rules"][0]["outcome"], found["checks"][1]["inputs"]["location"][:4])
            '
            $ASSAYCTL explain last | head -n 1 | grep -o 'after transaction 3,000'
            for field in amont=1 location.latitud=1 metadata.=1; do
                code=0; $ASSAYCTL explain last --set $field > log || code=$?; echo $code
            done
            """, in: TemporaryFolder())
        #expect(
            run.lines == ["3000 fired 10.0", "after transaction 3,000", "64", "64", "64"]
                && run.errors.contains("did you mean 'amount'?"), "\(run)")
    }
}
