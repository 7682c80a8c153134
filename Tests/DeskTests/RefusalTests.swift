import Foundation
import TestSupport
import Testing

/// What the desk refuses, and what it keeps whatever comes.
@Suite struct RefusalTests {
    /// Gives a script in Python `ask(path, body, **headers)`, which returns a status and a document, with a session.
    private static let client = """
        import json, sys, urllib.error, urllib.request
        at, jar = sys.argv[1], {}
        def ask(path, body=None, **headers):
            request = urllib.request.Request(at + path, data=body and json.dumps(body).encode())
            if body: request.add_header("Content-Type", "application/json")
            for name, value in {**jar, **headers}.items(): request.add_header(name.replace("_", "-"), value)
            try:
                with urllib.request.urlopen(request) as answer:
                    if answer.headers["Set-Cookie"]: jar["Cookie"] = answer.headers["Set-Cookie"].split(";")[0]
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)
        jar["X-CSRF-Token"] = ask("/v1/session")[1]["csrf"]
        def judge(entry, version, verdict, key):
            return ask("/v1/judgements", {"entry": entry, "version": version, "verdict": verdict, "key": key})

        """

    private static func run(_ script: String, _ checks: String) throws -> Binary.Result {
        try Desk.run(
            "serve\n$ASSAY generate -n 3000 --users 30 --days 3 > in\nsend < in\nsleep 0.5\n" + script
                + "\n/usr/bin/python3 - $at <<'END'\n" + client + checks + "\nprint('right')\nEND\n")
    }

    @Test("A key stands for one judgement: sent again it changes nothing, for another one it is refused")
    func keys() throws {
        let run = try Self.run(
            "",
            """
            assert judge(1, 0, "fraud", "the-same-key")[0] == 200
            assert judge(1, 0, "fraud", "the-same-key")[0] == 200
            assert judge(2, 0, "legitimate", "the-same-key")[0] == 422
            assert ask("/v1/review/2")[1]["verdict"] == "open"
            assert len(ask("/v1/review/1")[1]["history"]) == 1
            assert judge(1, 0, "unsure", "another-key")[0] == 409
            assert judge(1, 1, "nonsense", "another-key")[0] == 422
            assert judge(10**12, 0, "fraud", "another-key")[0] == 404
            """)
        #expect(run.code == 0 && run.lines == ["right"], "\(run)")
    }

    @Test("Pages of other names and other sites change nothing, nor what shows no proof")
    func origins() throws {
        let run = try Self.run(
            "",
            """
            body = {"entry": 1, "version": 0, "verdict": "fraud", "key": "12345678"}
            port = at.rsplit(":", 1)[1]
            assert ask("/v1/session", Host="evil.example:" + port)[0] == 403
            assert ask("/v1/session", Host="localhost:" + port)[0] == 200
            assert ask("/v1/judgements", body, Origin="http://evil.example")[0] == 403
            assert ask("/v1/judgements", body, Origin=at.replace("127", "126"))[0] == 403
            assert ask("/v1/judgements", body, X_CSRF_Token="0" * 64)[0] == 403
            assert ask("/v1/judgements", body, Cookie="")[0] == 403
            assert ask("/v1/session", {"name": " "})[0] == 422 and ask("/v1/session", {"name": "a\\u202eb"})[0] == 422
            assert ask("/v1/review/1")[1]["verdict"] == "open"
            assert ask("/v1/judgements", body, Origin=at)[0] == 200
            """)
        #expect(run.code == 0 && run.lines == ["right"], "\(run)")
    }

    @Test("An explanation as of then is of the entry's own user, and a query that cannot be read is no other query")
    func queries() throws {
        let run = try Self.run(
            """
            echo '{"transaction_id":"p","user_id":"a+b c","timestamp":1767225600,"amount":900}' | send; sleep 0.5
            """,
            """
            [entry] = ask("/v1/review?user_id=a%2Bb+c")[1]["entries"]
            assert entry["user_id"] == "a+b c"
            assert ask("/v1/review?user_id=%zz")[0] == 400 and ask("/v1/review?verdict=none")[0] == 400
            assert ask("/v1/review?least=much")[0] == 400 and ask("/v1/explanations?entry=%zz", {"a": 1})[0] == 400
            case = ask(f"/v1/review/{entry['entry']}")[1]
            assert ask(f"/v1/explanations?entry={entry['entry']}", case["transaction"])[0] == 200
            assert ask("/v1/explanations?entry=1", case["transaction"])[0] == 422
            """)
        #expect(run.code == 0 && run.lines == ["right"], "\(run)")
    }

    @Test("A while without a queue, and a state that begins anew, lose nothing that waits and repeat nothing")
    func kept() throws {
        let run = try Desk.run(
            """
            serve; $ASSAY generate -n 6000 --users 30 --days 3 > in; head -n 3000 in | send; sleep 0.5
            count() { sqlite3 Checkpoints/review.db "SELECT count(*), count(DISTINCT sequence) FROM entry"; }
            count > before
            kill -TERM $run; wait $run
            mv desk.yaml kept.yaml; sed '/^review/d' kept.yaml > desk.yaml
            serve; sed -n 3001,4000p in | send; sleep 0.5; kill -TERM $run; wait $run
            mv kept.yaml desk.yaml
            serve; count > between; cmp before between && echo kept
            kill -TERM $run; wait $run; rm -rf Checkpoints/state.db* Checkpoints/journal Checkpoints/answers
            serve; head -n 3000 in | send; sleep 1; kill -TERM $run; wait $run
            count > after; cmp before after && echo once
            """)
        #expect(run.code == 0 && run.lines == ["kept", "once"], "\(run)")
    }

    @Test(
        "What 'review' says wrongly is found before it runs",
        arguments: ["{where: '1 + 1'}", "{where: nosuch}", "{limit: 0}", "{keep: soon}", "{unknown: 1}", "[]"])
    func settings(_ review: String) throws {
        let run = try Desk.run("$ASSAY check-config desk.yaml || echo $?", configuration: "review: \(review)\n")
        #expect(run.lines.last == "78", "\(run)")
    }
}
