import Foundation
import TestSupport
import Testing

/// The page in Debian's Chromium.
@Suite(.serialized) struct BrowserTests {
    private static func expectFine(_ run: Binary.Result, _ location: SourceLocation = #_sourceLocation) {
        #expect(run.code == 0 && run.lines.last == "fine", "\(run.lines) \(run.errors)", sourceLocation: location)
    }

    /// Where pictures of the views go; the documentation has those of `make screenshots`.
    private static var pictures: String { ProcessInfo.processInfo.environment["DESK_PICTURES"] ?? "" }

    @Test("Every view shows real data, readably, at any size, without asking anybody else")
    func views() throws {
        Self.expectFine(
            try Desk.run(
                """
                serve
                $ASSAY generate -n 20000 --users 300 --days 3 > in
                send < in
                sleep 2
                use views \(Self.pictures)
                """))
    }

    @Test("A state that has nothing says so in every view")
    func empty() throws {
        Self.expectFine(try Desk.run("serve\nuse empty", configuration: "review: {}\n"))
    }

    @Test("Fifty of ten thousand entries are judged by keyboard alone")
    func keyboard() throws {
        Self.expectFine(
            try Desk.run(
                """
                serve
                $ASSAY generate -n 33000 --users 300 --days 3 > in
                send < in
                sleep 1
                [ $(curl -s "$at/v1/review?limit=1" | grep -o '"total":[0-9]*' | cut -d: -f2) -ge 10000 ]
                use keyboard 50
                """))
    }

    @Test("Two analysts never judge the same entry unknowingly")
    func two() throws {
        Self.expectFine(
            try Desk.run(
                """
                serve
                $ASSAY generate -n 3000 --users 30 --days 3 > in
                send < in
                sleep 1
                use two
                """))
    }

    @Test("Ids that want to be markup, turn the text around or hide are shown as text")
    func hostile() throws {
        Self.expectFine(
            try Desk.run(
                """
                serve
                /usr/bin/python3 - > in <<'END'
                import json
                ids = ["<script>window.broken=1</script>", "<img src=x onerror=window.broken=1>",
                       "a\\u202egnp.exe", "zero\\u200bwidth", "bell\\u0007", "%2e%2e%2f/../x", "'\\"><b>bold</b>",
                       "#/system", "../../v1/status"]
                for index, id in enumerate(ids):
                    for turn in range(2):
                        print(json.dumps({
                            "transaction_id": f"{id}{turn}", "user_id": id, "timestamp": 1767225600 + index,
                            "amount": 900, "currency": id[:3], "transaction_type": id, "merchant_id": id,
                            "metadata": {id: id},
                            "location": {"latitude": 1.0, "longitude": 2.0}}))
                END
                send < in
                sleep 1
                use hostile
                """))
    }

    @Test("Events that break go on after the engine has come back")
    func broken() throws {
        let run = try Desk.run(
            """
            serve
            $ASSAY generate -n 3000 --users 30 > in
            send < in
            use broken > seen & browser=$!
            for round in $(seq 400); do grep -q ready seen && break; sleep 0.1; done
            kill -KILL $run; wait $run 2>/dev/null || true
            for round in $(seq 400); do grep -q seen seen && break; sleep 0.1; done
            serve
            wait $browser
            tail -n 1 seen
            """)
        Self.expectFine(run)
    }

    @Test("Who may only read has nothing to judge with, and who has no token sees nothing")
    func guarded() throws {
        Self.expectFine(
            try Desk.run(
                """
                token() { $ASSAY serve --new-token $1 --scopes $2 > made; sed -n 's/^line: *//p' made >> tokens
                    sed -n 's/^token: *//p' made; }
                reader=$(token reader read); judge=$(token judge read,review,admin); sender=$(token sender score)
                OPTIONS="--tokens tokens"
                serve
                $ASSAY generate -n 3000 --users 30 --days 3 > in
                curl -s -H "Authorization: Bearer $sender" -H 'Content-Type: application/x-ndjson' --data-binary @in \\
                    $at/v1/assessments > answers
                sleep 1
                use guarded $reader $judge
                """))
    }
}
