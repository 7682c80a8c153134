import Foundation
import TestSupport
import Testing

/// Alerts that arrive, at servers that are as strict as the real ones.
@Suite struct DeliveryTests {
    private let receivers: Receivers

    init() throws { receivers = try Receivers() }

    private static let rules = """
          rules:
            - name: blocked_payment
              on: assessments
              where: risk_level in ["high", "critical"] && transaction.amount > 3000
              severity: 'risk_level == "critical" ? "critical" : "warning"'
              key: [user_id]
              message: '%{user_id}: %{risk_level} (%{risk_score}), %{transaction.amount} %{transaction.currency}'
              to: [CHANNELS]

        """

    private func configuration(_ channels: String, _ to: String) throws {
        _ = try receivers.folder.write(
            "assay.yaml", channels + Self.rules.replacing("CHANNELS", with: to))
    }

    private static func ids(_ lines: some Sequence<String>) throws -> [String] {
        try lines.map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return try #require(object?["id"] as? String)
        }
    }

    @Test("Every channel takes every alert once, as its server wants it")
    func everyChannel() throws {
        try configuration(receivers.channels, "slack, pager, hook, manager, mail, lines")
        let run = try receivers.shell(
            """
            $ASSAY generate -n 2000 --users 100 --seed 5 > in
            $ASSAY score in -c assay.yaml -o out -q
            cat alerts.jsonl
            """)
        #expect(run.code == 0, "\(run)")
        let ids = try Self.ids(run.lines)
        #expect(ids.count > 5 && ids.count < 40)
        #expect(Set(ids).count == ids.count)
        let received = try receivers.received
        #expect(received.allSatisfy { $0.code < 300 }, "\(received.filter { $0.code >= 300 }.map(\.line))")
        #expect(received.filter { $0.path == "/hook" }.compactMap(\.id).sorted() == ids.sorted())
        #expect(received.filter { $0.path == "/pagerduty" }.count == ids.count)
        for path in ["/slack", "/alertmanager/api/v2/alerts", "mail"] {
            let text = received.filter { $0.path == path }.map(\.line).joined()
            // Mail has its bodies in base64, and one id in the clear for each message.
            let known = path == "mail" ? ids.filter { text.contains($0) } : ids
            #expect(!known.isEmpty && known.allSatisfy { text.contains($0) }, "\(path): \(text)")
        }
        let bodies = try received.filter { $0.path == "/hook" }.map {
            String(decoding: try JSONSerialization.data(withJSONObject: $0.body), as: UTF8.self)
        }
        _ = try receivers.folder.write("bodies", bodies.joined(separator: "\n") + "\n")
        let schemas = Repository.root.path + "/schemas"
        let check = try receivers.shell(
            """
            check() { \(Repository.python) \(Repository.validator) \(schemas)/$1 "${@:2}"; }
            check alert.schema.json bodies
            while read -r line; do echo "$line" > one; check alert.schema.json one alert; done < alerts.jsonl
            $ASSAYCTL alerts --json > listed
            check assayctl.schema.json listed alerts
            # The checker reads an older YAML, in which 'on' is a truth value.
            sed 's/ on:/ "on":/' assay.yaml > quoted.yaml
            check config.schema.json quoted.yaml
            """)
        #expect(check.code == 0, "\(check)")
        let mail = try #require(received.first { $0.path == "mail" })
        #expect(mail.line.contains("\"tls\": true") && mail.line.contains("\"user\": true"), "\(mail.line)")
        #expect(mail.line.contains("multipart/alternative") && mail.line.contains("X-Assay-Alert-Id"))
    }

    @Test(
        "A test says how a channel is",
        arguments: [
            ("gone", "refuses the test: HTTP 410"), ("moved", "refuses the test: HTTP 302"),
            ("busy", "cannot be reached: HTTP 503"), ("later", "cannot be reached: HTTP 429"),
            ("slow", "cannot be reached: Timeout was reached"), ("drip", "cannot be reached: Timeout was reached"),
            ("never", "cannot be reached: Timeout was reached"),
        ])
    func trial(_ path: String, _ answer: String) throws {
        let settings = "{webhook: {url: '\(receivers.web(path))', timeout: 500ms}}"
        let run = try trial(settings)
        #expect(run.code == 74 && run.errors.contains(answer), "\(run)")
        // Nobody is sent elsewhere.
        #expect(try receivers.received.allSatisfy { $0.path == "/\(path)" })
    }

    private func trial(_ channel: String) throws -> (code: Int32, errors: String) {
        try configuration("alerts:\n  channels:\n    it: \(channel)\n", "it")
        let run = try receivers.shell(
            "$ASSAY alerts test it -c assay.yaml 2>&1 || echo $? > code; cat code 2>/dev/null")
        let code = run.lines.last.flatMap { Int32($0) } ?? 0
        return (code, String(decoding: run.output, as: UTF8.self))
    }

    @Test("A certificate that nobody vouches for, and a port that nobody listens on, are no channels")
    func unreachable() throws {
        let impostor = "{webhook: {url: 'https://127.0.0.1:\(receivers.port("impostor"))/hook', ca_file: cert.pem}}"
        #expect(try trial(impostor).errors.contains("certificate"))
        let other = "{webhook: {url: 'https://127.0.0.1:\(receivers.port("https"))/hook'}}"
        #expect(try trial(other).errors.contains("certificate"))
        #expect(try trial("{webhook: {url: 'http://127.0.0.1:\(FreePort.number())/'}}").errors.contains("connect"))
        #expect(try receivers.received.isEmpty)
    }

    @Test(
        "Mail goes where the server lets it, and nowhere in the clear",
        arguments: [
            ("to: [fraud@example.com], user: assay, password_file: mail, ca_file: cert.pem", "has accepted"),
            (
                "to: [nobody@example.com], user: assay, password_file: mail, ca_file: cert.pem",
                "refuses the test: SMTP 550"
            ),
            (
                "to: [full@example.com], user: assay, password_file: mail, ca_file: cert.pem",
                "cannot be reached: SMTP 452"
            ),
            (
                "to: [fraud@example.com], user: assay, password_file: pager, ca_file: cert.pem",
                "neither user nor password"
            ),
            ("to: [fraud@example.com], user: assay, password_file: mail", "certificate"),
            ("to: [fraud@example.com], tls: none", "SMTP 530"),
        ])
    func mail(_ settings: String, _ answer: String) throws {
        let run = try trial(
            "{email: {server: 'localhost:\(receivers.port("mail"))', from: a@example.com, \(settings)}}")
        #expect(run.errors.contains(answer), "\(run)")
    }

    @Test("Busy servers are asked again when they say, and get each alert once")
    func busy() throws {
        let channels = """
            alerts:
              channels:
                busy: {webhook: {url: '\(receivers.web("busy"))'}}
                later: {webhook: {url: '\(receivers.web("later"))'}}
                gone: {webhook: {url: '\(receivers.web("gone"))'}}

            """
        try configuration(channels, "busy, later, gone")
        let run = try receivers.shell(
            """
            $ASSAY generate -n 2000 --users 100 --seed 5 > all
            head -n 700 all > in
            (cat in; sleep 8) | $ASSAY score - -c assay.yaml -o out --listen 127.0.0.1:\(FreePort.number()) 2> notes &
            sleep 6
            port=$(sed -n 's/.*listening at .*:\\([0-9]*\\).*/\\1/p' notes)
            curl -s http://127.0.0.1:$port/metrics | grep -a ^assay_alerts_
            wait
            $ASSAYCTL alerts --json
            cat notes
            """)
        #expect(run.code == 0, "\(run)")
        let text = run.lines.joined(separator: "\n")
        let document = try #require(run.lines.first { $0.hasPrefix("{") })
        let object = try #require(try JSONSerialization.jsonObject(with: Data(document.utf8)) as? [String: Any])
        let alerts = try #require(object["failed"] as? Int)
        #expect(alerts > 0)
        #expect(object["sent"] as? Int == 2 * alerts)
        #expect(object["waiting"] as? Int == 0)
        for path in ["/busy", "/later"] {
            let all = try receivers.received.filter { $0.path == path }
            let failed = all.filter { $0.code >= 400 }
            #expect(all.filter { $0.code == 200 }.compactMap(\.id).sorted().count == alerts)
            #expect(Set(all.compactMap(\.id)).count == alerts)
            let pause = path == "/busy" ? 1.0 : 2.0
            let after = try #require(all.first { $0.at > failed[0].at + 0.5 })
            #expect(after.at - failed[0].at >= pause - 0.1, "\(path)")
        }
        #expect(
            text.contains("assay_alerts_sent_total{channel=\"busy\",rule=\"blocked_payment\"} \(alerts)"), "\(text)")
        #expect(
            text.contains("assay_alerts_failed_total{channel=\"gone\",rule=\"blocked_payment\"} \(alerts)"), "\(text)")
        #expect(text.contains("assay_alerts_retried_total{channel=\"later\",rule=\"blocked_payment\"}"), "\(text)")
        #expect(text.contains("channel 'gone' (webhook) refuses an alert: HTTP 410: gone"), "\(text)")
    }

    @Test("What has failed is sent again when somebody asks for it")
    func retry() throws {
        let channel = "alerts:\n  channels:\n    hook: {webhook: {url: 'URL', secret_file: secret}}\n"
        try configuration(channel.replacing("URL", with: receivers.web("gone")), "hook")
        let first = try receivers.shell(
            """
            $ASSAY generate -n 2000 --users 100 --seed 5 > in
            $ASSAY score in -c assay.yaml -o out -q
            $ASSAYCTL alerts --state failed | sed -n 2p | cut -d ' ' -f 1
            """)
        #expect(first.code == 0, "\(first)")
        let id = try #require(first.lines.first)
        try configuration(channel.replacing("URL", with: receivers.web("hook")), "hook")
        let second = try receivers.shell(
            """
            $ASSAYCTL alerts retry nothing 2>&1 || echo $?
            $ASSAYCTL alerts retry \(id)
            $ASSAY score in -c assay.yaml -o out -q
            $ASSAYCTL alerts --state sent | sed -n 2p | cut -d ' ' -f 1
            """)
        #expect(second.lines.last == id, "\(second)")
        #expect(second.lines.first?.contains("there is no alert 'nothing'") == true, "\(second)")
        #expect(try receivers.received.filter { $0.path == "/hook" && $0.code == 200 }.map(\.id) == [id])
    }

    @Test("No secret is in the state, in messages, in metrics or in what a server's answer brings back")
    func secrets() throws {
        let channels = receivers.channels + "    echo: {webhook: {url_file: echo, secret_file: secret}}\n"
        let secretPath = "echo?token=T0P-S3CR3T-T0K3N"
        _ = try receivers.folder.write("echo", receivers.web(secretPath))
        try configuration(channels, "slack, pager, hook, mail, echo")
        let run = try receivers.shell(
            """
            $ASSAY generate -n 2000 --users 100 --seed 5 > in
            (cat in; sleep 2) | $ASSAY score - -c assay.yaml -o out --listen 127.0.0.1:\(FreePort.number()) 2> notes &
            sleep 1
            port=$(sed -n 's/.*listening at .*:\\([0-9]*\\).*/\\1/p' notes)
            curl -s http://127.0.0.1:$port/metrics; curl -s http://127.0.0.1:$port/v1/status
            wait
            $ASSAYCTL alerts --json; $ASSAYCTL status; $ASSAYCTL checkpoints --json
            $ASSAY check-config assay.yaml; $ASSAY alerts test echo -c assay.yaml 2>&1 || true
            cat notes; cat Checkpoints/*
            """)
        #expect(run.code == 0, "\(run.errors)")
        let text = String(decoding: run.output, as: UTF8.self)
        #expect(text.contains("HTTP 400: no: /***"), "the answer is shown, and cut where it has a secret")
        let words = try String(contentsOfFile: receivers.folder.path("secret"), encoding: .utf8).split(separator: "\n")
        for secret in ["S3CR3T", Receivers.mailPassword, Receivers.routingKey, "/slack"] + words.map(String.init) {
            #expect(!text.contains(secret), "\(secret)")
        }
    }

    @Test(
        "Mistakes are told with their place, before anything is read",
        arguments: [
            ("to: [slak]", "there is no channel 'slak'; did you mean 'slack'?"),
            ("to: []", "'to' names no channel"),
            ("where: risk_levl == \"high\", to: [lines]", "did you mean 'risk_level'?"),
            ("key: [usr_id], to: [lines]", "did you mean 'user_id'?"),
            ("severity: critcal, to: [lines]", "did you mean 'critical'?"),
            ("message: '%{risk_score', to: [lines]", "the closing '}' of '%{' is missing"),
            ("quiet: soon, to: [lines]", "'quiet' must be a duration"),
            ("for: 1m, to: [lines]", "'for' and 'resolve' are for alerts on 'engine'"),
            ("too: [lines]", "did you mean 'to'?"),
        ])
    func mistakes(_ members: String, _ message: String) throws {
        let rule = "  rules:\n    - {name: it, on: assessments, \(members)}\n"
        _ = try receivers.folder.write("assay.yaml", receivers.channels + rule)
        let run = try receivers.shell("$ASSAY check-config assay.yaml 2>&1 || echo $?")
        let text = run.lines.joined(separator: "\n")
        #expect(text.contains(message) && text.contains("assay.yaml:12:") && run.lines.last == "78", "\(text)")
    }

    @Test(
        "Channels are checked as well",
        arguments: [
            ("{slack: {url: 'https://x.example.com/secret'}}", "'url' is a secret"),
            ("{slack: {}}", "it needs 'url_file' or 'url_env'"),
            ("{webhook: {url: 'ftp://example.com'}}", "must begin with http:// or https://"),
            ("{webhook: {url: 'https://me:pw@example.com/'}}", "has a password in it"),
            ("{webhook: {url: 'file:///etc/passwd'}}", "must begin with http:// or https://"),
            ("{email: {server: 'smtp.example.com', from: a@b.c, to: [a@b.c]}}", "a host with its port"),
            ("{email: {server: 'h:25', from: \"a@b.c\\nBcc: x@y.z\", to: [a@b.c]}}", "'from' has addresses such as"),
            (
                "{email: {server: 'h:25', from: a@b.c, to: [a@b.c], tls: none, user: u, password_file: mail}}",
                "in the clear"
            ),
            ("{pagerduty: {key_file: mail, key_env: KEY}}", "exclude each other"),
            ("{carrier_pigeon: {}}", "a channel is one of"),
        ])
    func channelMistakes(_ channel: String, _ message: String) throws {
        let run = try trial(channel)
        #expect(run.errors.contains(message) && run.code == 78, "\(run)")
    }

    @Test("The examples are good", arguments: ["alerts/engine.yaml", "alerts/fraud.yaml"])
    func examples(_ name: String) throws {
        let run = try receivers.shell("$ASSAY check-config \(Repository.root.path)/Examples/\(name) 2> warnings")
        #expect(run.code == 0 && run.lines.last?.hasSuffix(": good") == true, "\(run)")
    }

    @Test("What a pattern has found is told, as the example says")
    func patternExample() throws {
        let run = try receivers.shell(
            """
            examples=\(Repository.root.path)/Examples/patterns
            $ASSAY run $examples/alerts.yaml $examples/events.jsonl -q > rows
            wc -l < rows; wc -l < told.jsonl; cat told.jsonl
            """)
        #expect(run.code == 0 && run.lines.count > 2, "\(run)")
        #expect(Int(run.lines[0]) ?? 0 >= Int(run.lines[1]) ?? 1, "\(run)")
        #expect(run.lines.dropFirst(2).allSatisfy { $0.contains("purchase_after_login-") && $0.contains(", risk 0.") })
    }

    @Test("A secret that is missing is a warning for who checks, and a reason to try later for who runs")
    func missingSecret() throws {
        try configuration("alerts:\n  channels:\n    it: {slack: {url_env: NO_SUCH_VARIABLE}}\n", "it")
        let run = try receivers.shell(
            """
            $ASSAY check-config assay.yaml 2>&1
            $ASSAY generate -n 2000 --users 100 --seed 5 > in
            $ASSAY score in -c assay.yaml -o out 2>&1
            $ASSAYCTL alerts --json
            """)
        let text = run.lines.joined(separator: "\n")
        #expect(
            text.contains("warning: channel 'it' cannot send: the environment has no 'NO_SUCH_VARIABLE'"), "\(text)")
        #expect(text.contains("takes no alerts: the environment has no 'NO_SUCH_VARIABLE'; they are sent later"))
        #expect(text.contains("\"sent\":0,\"failed\":0"), "\(text)")
    }
}
