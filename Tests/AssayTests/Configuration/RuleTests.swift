import CivilTime
import Testing

@testable import Assay
@testable import AssayCore

/// Rules beside the checks: what they see, what they add, and what they decide.
@Suite struct RuleTests {
    private static func configuration(_ yaml: String) throws -> Configuration {
        try Configuration.parse(Array(yaml.utf8), path: "rules.yaml")
    }

    /// The lines scored with the rules of a configuration.
    private static func score(_ yaml: String, _ lines: [String]) throws -> [String] {
        let resolved = try configuration(yaml).resolve(path: "rules.yaml")
        var harness = ScoringHarness(settings: resolved.scoring, fields: resolved.fields, zone: resolved.zone)
        harness.stage.install(resolved.rules)
        return harness.score(lines.joined(separator: "\n") + "\n").assessments
    }

    private static func line(_ id: Int, _ rest: String = "", amount: String = "10", user: String = "u") -> String {
        #"{"transaction_id":"t\#(id)","user_id":"\#(user)","amount":\#(amount),"#
            + #""timestamp":\#(1_767_129_015 + id)\#(rest)}"#
    }

    private static func ending(_ line: String) -> Substring {
        line[(line.range(of: "\"risk_factors\"")?.lowerBound ?? line.startIndex)...]
    }

    @Test("A rule that holds is a factor behind the checks', and takes part in the score")
    func factor() throws {
        let lines = try Self.score(
            """
            rules:
              - {name: a, when: 'amount > 5.0', risk: 0.5, reason: '%{amount} %{currency}/%{user.transactions}'}
              - {name: b, when: 'amount > 7.0', risk: 0.25}
              - {name: c, when: 'amount > 100.0', risk: 1}
            """, [Self.line(1, #","currency":"USD""#), Self.line(2, amount: "6.5"), Self.line(3, amount: "1")])
        #expect(
            lines[0].contains(
                #""risk_score":0.5,"risk_factors":[{"type":"rule","rule":"a","risk_score":0.5,"reason":"10 USD/0"},"#
                    + #"{"type":"rule","rule":"b","risk_score":0.25,"reason":"b"}]"#),
            "the greatest counts: \(lines[0])")
        #expect(lines[1].contains(#""reason":"6.5 /1"}],"recommendation""#))
        #expect(lines[2].contains(#""risk_score":0,"risk_factors":[],"#))
        let night = try Self.score(
            "rules: [{name: a, when: 'is_night', risk: 0.5}]",
            [#"{"transaction_id":"t","user_id":"u","amount":1,"timestamp":"2025-12-30T03:00:00Z"}"#])
        #expect(night[0].contains(#""risk_score":0.6,"risk_factors":[{"type":"late_night_transaction""#), "\(night[0])")
    }

    @Test("Block beats allow, allow beats review, and the first of several says so; without one the level decides")
    func decisions() throws {
        let yaml = """
            rules:
              - {name: r, when: 'amount >= 1.0', decide: review}
              - {name: a1, when: 'amount >= 2.0', decide: allow}
              - {name: a2, when: 'amount >= 2.0', decide: allow}
              - {name: b, when: 'amount >= 3.0', decide: block, risk: 0.3}
              - {name: grave, when: 'amount >= 50.0 && amount < 100.0', risk: 0.9}
              - {name: serious, when: 'amount >= 200.0', risk: 0.7}
            """
        let expected = [
            ("0.5", "allow", "level"), ("1", "review", "r"), ("2", "allow", "a1"), ("3", "block", "b"),
        ]
        for (amount, decision, by) in expected {
            let line = try Self.score(yaml, [Self.line(1, amount: amount)])[0]
            #expect(line.contains(#""decision":"\#(decision)","decided_by":"\#(by)","#), "\(line)")
        }
        let levels = "rules: [{name: g, when: 'amount >= 3.0', risk: 0.9}, {name: s, when: 'amount >= 2.0', risk: 0.7}]"
        for (amount, decision) in [("3", "block"), ("2", "review"), ("1", "allow")] {
            let line = try Self.score(levels, [Self.line(1, amount: amount)])[0]
            #expect(line.contains(#""decision":"\#(decision)","decided_by":"level","#), "\(line)")
        }
        let decidedDown = try Self.score(yaml, [Self.line(1, amount: "60", user: "x")])[0]
        #expect(decidedDown.contains(#""risk_level":"critical""#) && decidedDown.contains(#""decided_by":"b""#))
    }

    @Test("A shadow rule is shown and changes nothing else")
    func shadows() throws {
        let lines = try Self.score(
            """
            rules:
              - {name: s, when: 'amount > 5.0', risk: 0.9, decide: block, shadow: true, reason: 'a "quote"'}
              - {name: t, when: 'amount > 5.0', decide: review, shadow: true}
            """, [Self.line(1), Self.line(2, amount: "1")])
        #expect(
            Self.ending(lines[0]).hasPrefix(
                #""risk_factors":[],"recommendation":"Low risk, normal processing","decision":"allow","#
                    + #""decided_by":"level","#
                    + #""shadow":[{"rule":"s","risk_score":0.9,"decide":"block","reason":"a \"quote\""},"#
                    + #"{"rule":"t","decide":"review","reason":"t"}],"configuration":""#), "\(lines[0])")
        #expect(lines[1].contains(#""decided_by":"level","configuration":""#))
    }

    @Test("Without rules assessments are what they always were")
    func none() throws {
        #expect(
            try Self.score("rules: []", [Self.line(1)])[0].hasSuffix(
                #""recommendation":"Low risk, normal processing"}"#))
    }

    @Test("A rule that fails does not fire, is counted by cause, and told of once")
    func failures() throws {
        let yaml = """
            rules:
              - {name: web, when: 'metadata.channel == "web"', risk: 0.5}
              - {name: ratio, when: '10 / user.transactions > 3', risk: 0.5}
            """
        let resolved = try Self.configuration(yaml).resolve(path: "rules.yaml")
        var harness = ScoringHarness()
        harness.stage.install(resolved.rules)
        let metadata = [#","metadata":{"channel":"web"}"#, "", #","metadata":{}"#, #","metadata":{"channel":7}"#]
        let lines = metadata.enumerated().map { Self.line($0, $1) }.joined(separator: "\n")
        let assessments = harness.score(lines + "\n").assessments
        #expect(assessments.map { $0.contains(#""rule":"web""#) } == [true, false, false, false])
        #expect(assessments.map { $0.contains(#""rule":"ratio""#) } == [false, true, true, false])
        #expect(
            harness.stage.ruleTallies == [
                "rule:web": 1, "rule:web:no_such_key": 2, "rule:ratio": 2, "rule:ratio:division_by_zero": 1,
            ])
        let told = harness.stage.takeRuleFailures().map(\.rule)
        #expect(told == ["ratio", "web"])
        _ = harness.score(Self.line(9) + "\n")
        #expect(harness.stage.takeRuleFailures().isEmpty)
    }

    @Test(
        "Every variable is what the transaction and the user's past make it",
        arguments: [
            (#"transaction_id == "t3" && user_id == "u" && amount == 30.5"#, true),
            (#"timestamp == timestamp("2025-12-30T21:10:18Z")"#, true),
            (#"transaction_type == "payment" && currency == "" && account_id == "" && merchant_id == """#, true),
            (#"has(location.latitude) && location.latitude == 52.5 && location["longitude"] == 13.25"#, true),
            (#"size(location) == 2 && !has(location.altitude)"#, true),
            (#"metadata.a.b[1] == 2 && metadata.text == "é\"" && metadata.n == null && metadata.f == 1.5"#, true),
            (#"has(metadata.a) && !has(metadata.z) && size(metadata) == 4"#, true),
            (#"event.extra == "unknown" && event.user_id == user_id"#, true),
            ("user.transactions == 2 && !user.is_new", true),
            (#"user.last_timestamp == timestamp - duration("1s") && user.seconds_since_last == 1.0"#, true),
            (#"user.types == ["payment"] && user.hours == [21] && user.places == 1"#, true),
            (#"user.currencies == [""] && user.amount_count == 2 && user.average_amount == 15.0"#, true),
            ("user.amount_deviation > 7.0 && user.amount_deviation < 7.1 && z_score == 0.0", true),
            ("distance_km > 6300.0 && distance_km < 6500.0", true),
            ("hour == 21 && weekday == 1 && !is_night && !is_weekend && !is_new_hour && !is_new_type", true),
            (
                #"velocity("payment", "5m") == 2 && velocity(transaction_type, "2s") == 1"#
                    + #" && velocity("payment", "1s") == 0"#,
                true
            ),
            (#"velocity("transfer", "1h") == 0"#, true),
            (#"user_id in lists.staff && !("x" in lists.staff) && metadata.text in lists.odd"#, true),
            (#"size(lists.staff) == 2 && lists.staff.exists(s, s == user_id)"#, true),
        ])
    func variables(_ expression: String, _ expected: Bool) throws {
        let rest = #","location":{"latitude":40.5,"longitude":-74.25}"#
        let last =
            #","location":{"latitude":52.5,"longitude":13.25},"#
            + #""metadata":{"a":{"b":[1,2]},"text":"é\"","n":null,"f":1.5},"#
            + #""extra":"unknown""#
        let lines = try Self.score(
            "lists:\n  staff: [u, v]\n  odd: ['é\"']\n"
                + "rules: [{name: asked, risk: 0.5, when: \(JSON.string(expression).text)}]",
            [Self.line(1, rest), Self.line(2, amount: "20"), Self.line(3, last, amount: "30.5")])
        #expect(lines[2].contains(#""rule":"asked""#) == expected, "\(lines[2])")
    }

    @Test("What nobody knows yet is zero, empty or an error, as documented")
    func firstTransaction() throws {
        let expression =
            #"user.is_new && user.transactions == 0 && user.seconds_since_last == double("Infinity") "#
            + #"&& user.types == [] && user.hours == [] && user.average_amount == 0.0 "#
            + #"&& z_score == 0.0 && distance_km == 0.0 "#
            + #"&& is_new_hour && is_new_type && velocity("payment", "5m") == 0 "#
            + #"&& size(location) == 0 && size(metadata) == 0"#
        let yaml = "rules: [{name: asked, risk: 0.5, when: \(JSON.string(expression).text)}]"
        #expect(try Self.score(yaml, [Self.line(1)])[0].contains(#""rule":"asked""#))
    }

    @Test(
        "A rule that cannot be taken is refused with its place in the file",
        arguments: [
            ("rules:\n  - name: a\n    when: amuont > 5.0\n    risk: 1", 3, 11, "did you mean 'amount'?"),
            ("rules:\n  - name: a\n    when: 'amount > 5.0 && x'\n    risk: 1", 3, 28, "undeclared reference to 'x'"),
            ("rules:\n  - name: a\n    when: 'amount > 1.0 && ''x'' > y'\n    risk: 1", 2, 5, "at 1:23 of its 'when'"),
            ("rules:\n  - name: a\n    when: amount > 1.0\n      && y\n    risk: 1", 2, 5, "reference to 'y'"),
            ("rules:\n  - name: a\n    when: user_id.matches('(')\n    risk: 1", 3, 27, "bad pattern"),
            ("lists: {a: {file: /dev/null}}\nrules: [{name: a, when: 'true', risk: 1}]", 1, 12, "not a regular file"),
            ("rules:\n  - name: a\n    when: amount\n    risk: 1", 3, 11, "a bool was expected, not double"),
            ("rules:\n  - name: a\n    when: amount * 2 > 5.0\n    risk: 1", 3, 18, "write the int as a double"),
            ("rules:\n  - name: a\n    when: user.transaction > 5\n    risk: 1", 3, 11, "'user' has amount_count"),
            ("rules:\n  - name: a\n    when: 'velocity(\"p\", \"2h\") > 5'\n    risk: 1", 3, 12, "windows of 1s to 1h"),
            ("rules:\n  - name: a\n    when: 'velocity(\"p\", user_id) > 5'\n    risk: 1", 3, 12, "as a text"),
            (
                "rules:\n  - name: a\n    when: user_id in lists.x\n    risk: 1", 3, 22,
                "undeclared reference to 'lists'"
            ),
            ("rules:\n  - name: a\n    when: true\n    risk: 2", 4, 11, "from 0 to 1"),
            ("rules:\n  - name: a\n    when: true", 2, 5, "needs 'risk' or 'decide'"),
            ("rules:\n  - when: true\n    risk: 1", 2, 5, "has no 'name'"),
            ("rules:\n  - name: a\n    risk: 1", 2, 5, "has no 'when'"),
            ("rules:\n  - {name: a, when: 'true', decide: deny}", 2, 37, "allow, review or block"),
            ("rules:\n  - {name: a, wen: 'true', risk: 1}", 2, 15, "did you mean 'when'?"),
            ("rules:\n  - {name: 'a b', when: 'true', risk: 1}", 2, 12, "letters, digits"),
            ("rules:\n  - {name: level, when: 'true', risk: 1}", 2, 12, "is not 'level'"),
            ("rules:\n  - {name: a, when: 'true', risk: 1}\n  - {name: a, when: 'true', risk: 1}", 3, 5, "two rules"),
            ("rules:\n  - {name: a, when: 'true', risk: 1, reason: '%{amount'}", 2, 47, "closing '}'"),
            ("rules:\n  - {name: a, when: 'true', risk: 1, reason: 'x %{amont}'}", 2, 51, "did you mean 'amount'?"),
            ("lists: {a: {file: /does/not/exist}}\nrules: [{name: a, when: 'true', risk: 1}]", 1, 12, "cannot be read"),
            ("lists: {'a-b': [x]}", 1, 9, "letters, digits"),
            ("rules: {a: b}", 1, 8, "must be a list, not a map"),
            ("rule: []", 1, 1, "did you mean 'rules'?"),
        ])
    func refusals(_ yaml: String, _ line: Int, _ column: Int, _ message: String) {
        do throws(ConfigurationError) {
            _ = try Configuration.parse(Array(yaml.utf8), path: "rules.yaml").resolve(path: "rules.yaml")
            Issue.record("it was taken")
        } catch {
            #expect(error.message.contains(message), "\(error.message)")
            #expect(error.position == TextPosition(line: line, column: column), "\(error.description)")
        }
    }

    @Test("What checkpoints record of rules and lists reads back as the same")
    func recording() throws {
        let yaml = """
            lists: {staff: [u1, "odd \\" name", "3"], none: []}
            rules:
              - {name: a.b-c, when: "amount > 1.5 && user_id in lists.staff", risk: 0.25, decide: block, shadow: true}
              - {name: e, when: "true", risk: 1, reason: "\\x7f \\x85 \\u2028 \\ufeff \\x9f \\x1b"}
              - {name: d, when: "transaction_id == '''x\\ny'''", decide: review, reason: "tab \\t %{amount}"}
            """
        let first = ReferenceConfiguration.yaml(try Self.configuration(yaml), commented: false)
        #expect(ReferenceConfiguration.yaml(try Configuration.recorded(first), commented: false) == first)
        #expect(try Configuration.recorded(first).resolve(path: "x").rules != nil)
    }

    @Test("Each change of a rule, a list or a setting has another digest; comments and layout have not")
    func digests() throws {
        let texts = [
            "rules: [{name: a, when: 'true', risk: 0.5}]", "rules: [{name: a, when: 'true', risk: 0.6}]",
            "rules: [{name: b, when: 'true', risk: 0.5}]", "rules: [{name: a, when: 'true || false', risk: 0.5}]",
            "rules: [{name: a, when: 'true', risk: 0.5}]\nlists: {x: [y]}",
            "rules: [{name: a, when: 'true', risk: 0.5}]\nmin_history: 6",
        ]
        let digests = try texts.map { try #require(try Self.configuration($0).resolve(path: "x").rules).digest }
        #expect(Set(digests).count == texts.count)
        let same = "# comment\nrules:\n  - name: a\n    risk: 0.5\n    when: \"true\"\n"
        #expect(try Self.configuration(same).resolve(path: "x").rules?.digest == digests[0])
    }

    @Test(
        "A record of CSV is an event, whatever it begins with, and a line may begin with space",
        arguments: [InputFormat.csv, .jsonl])
    func events(_ format: InputFormat) throws {
        let yaml = "rules: [{name: a, when: 'has(event.x) || event.user_id == \"u\"', risk: 0.5}]"
        let resolved = try Self.configuration(yaml).resolve(path: "rules.yaml")
        var harness = ScoringHarness(format: format)
        harness.stage.install(resolved.rules)
        let text =
            format == .csv
            ? "transaction_id,user_id,amount,timestamp\n{1,u,5,1735732800\n" : "  \t" + Self.line(1) + "\n"
        let lines = harness.score(text).assessments
        #expect(lines.count == 1 && lines[0].contains("\"rule\":\"a\""), "\(lines)")
    }

    @Test("Names are members by their bytes, not by what they look like")
    func canonicalEquivalence() throws {
        let metadata = #","metadata":{"\u00e9":1,"e\u0301":2}"#
        let yaml = #"rules: [{name: a, when: 'metadata["é"] == 1 && size(metadata) == 2', risk: 0.5}]"#
        #expect(try Self.score(yaml, [Self.line(1, metadata)])[0].contains("\"rule\":\"a\""))
    }

    @Test("Looking into a large object again and again is too costly, and stops nothing")
    func costlyMembers() throws {
        let items = (0..<20_000).map { _ in "{\"p\":1}" }.joined(separator: ",")
        let event = #","metadata":{"pad":"\#(String(repeating: "x", count: 400_000))"},"items":[\#(items)]"#
        let yaml = "rules: [{name: a, when: 'event.items.exists(i, i.p > metadata.limit)', risk: 0.5}]"
        let resolved = try Self.configuration(yaml).resolve(path: "rules.yaml")
        var harness = ScoringHarness()
        harness.stage.install(resolved.rules)
        let time = ContinuousClock().measure {
            #expect(harness.score(Self.line(1, event) + "\n").assessments.count == 1)
        }
        #expect(harness.stage.ruleTallies["rule:a:too_costly"] == 1 && time < .seconds(2), "\(time)")
    }

    @Test("Templates are texts and expressions in turn")
    func templates() throws {
        #expect(
            try TextTemplate.parts("a %{x} b%{ {'}': 1}['}'] }") == [
                .text("a "), .expression("x", offset: 4), .text(" b"), .expression(" {'}': 1}['}'] ", offset: 10),
            ])
        #expect(try TextTemplate.parts("100% %%{x} %") == [.text("100% %{x} %")])
        #expect(try TextTemplate.parts("") == [.text("")])
        let line = try Self.score(
            "rules: [{name: a, when: 'true', risk: 0.5, "
                + #"reason: "%{metadata.x} %{[1, 2]} %{timestamp} %{100.0 / 3.0}"}]"#,
            [Self.line(0)])[0]
        #expect(line.contains(#""reason":"? [1, 2] 2025-12-30T21:10:15Z 33.333333""#), "\(line)")
    }

    @Test("A text that is too long is cut at a character")
    func longReasons() throws {
        let metadata = #","metadata":{"x":"\#(String(repeating: "é", count: 5000))"}"#
        let line = try Self.score(
            "rules: [{name: a, when: 'true', risk: 0.5, reason: 'x%{metadata.x}'}]", [Self.line(1, metadata)])[0]
        #expect(line.contains("\"reason\":\"x" + String(repeating: "é", count: 2047) + "\""))
    }
}
