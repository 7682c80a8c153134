import Foundation
import TestSupport
import Testing

/// Strict stand-ins for the servers that take alerts, with keys and secrets of their own.
final class Receivers {
    let folder: TemporaryFolder
    private let process: Process
    private let ports: [String: Int]

    static let mailPassword = "mail-secret"
    static let routingKey = "0123456789abcdef0123456789abcdef"

    struct Received: Sendable {
        let path: String
        let code: Int
        let at: Double
        let body: [String: any Sendable]
        /// Whatever else was noted, as text.
        let line: String
        let id: String?
    }

    init() throws {
        folder = try TemporaryFolder()
        let setup = """
            for name in "cert key" "other other-key"; do
                set -- $name
                openssl req -x509 -newkey rsa:2048 -nodes -keyout $2.pem -out $1.pem -days 2 -subj /CN=localhost \
                    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
            done
            for i in 1 2; do echo whsec_$(head -c 32 /dev/urandom | base64 -w0); done > secret
            echo \(Self.mailPassword) > mail
            echo \(Self.routingKey) > pager
            """
        #expect(try Binary.shell(setup, in: folder).code == 0)
        process = Process()
        process.executableURL = URL(filePath: Repository.python)
        process.arguments = [
            Repository.root.appending(path: "Tests/NotifierTests/receivers.py").path, folder.url.path,
            "\(try FreePort.number())",
        ]
        _ = FileManager.default.createFile(atPath: folder.path("receivers.errors"), contents: nil)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(forWritingAtPath: folder.path("receivers.errors"))
        try process.run()
        let deadline = Date(timeIntervalSinceNow: 120)
        while !FileManager.default.fileExists(atPath: folder.path("ports")), Date() < deadline { usleep(20_000) }
        let data = try Data(contentsOf: URL(filePath: folder.path("ports")))
        ports = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Int])
        try "http://127.0.0.1:\(port("http"))/slack".write(
            toFile: folder.path("slack"), atomically: true, encoding: .utf8)
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func port(_ name: String) -> Int { ports[name] ?? 0 }

    func web(_ path: String) -> String { "http://127.0.0.1:\(port("http"))/\(path)" }

    /// What came so far.
    var received: [Received] {
        get throws {
            let text = try String(contentsOfFile: folder.path("received"), encoding: .utf8)
            return try text.split(separator: "\n").map { line in
                let object = try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: any Sendable])
                return Received(
                    path: object["path"] as? String ?? "", code: object["code"] as? Int ?? -1,
                    at: object["at"] as? Double ?? 0, body: object["body"] as? [String: any Sendable] ?? [:],
                    line: String(line), id: object["id"] as? String)
            }
        }
    }

    /// The channels that people have, as a file names them; all files are in the folder.
    var channels: String {
        """
        alerts:
          page: https://desk.example.com/
          channels:
            slack: {slack: {url_file: slack}}
            pager: {pagerduty: {key_file: pager, url: '\(web("pagerduty"))'}}
            hook: {webhook: {url: 'https://127.0.0.1:\(port("https"))/hook', secret_file: secret, ca_file: cert.pem}}
            manager: {alertmanager: {url: '\(web("alertmanager"))'}}
            mail: {email: {server: 'localhost:\(port("mail"))', from: assay@example.com, to: [fraud@example.com],
                           user: assay, password_file: mail, ca_file: cert.pem}}
            lines: {file: alerts.jsonl}

        """
    }

    func shell(_ script: String) throws -> Binary.Result { try Binary.shell(script, in: folder) }
}
