import Assay
import AssayCore
import CivilTime
import StateStore

/// Mail, as text and as HTML; several alerts that wait together are one message with a list.
struct MailChannel: AlertChannel {
    let server: String
    let encryption: MailLetter.Encryption
    let from: String
    let to: [String]
    let user: String?
    let password: Secret?
    let network: NetworkSettings

    var title: String { "mail to \(to.joined(separator: ", "))" }
    var mostTogether: Int { 50 }
    /// Alerts of one burst are better one message than many.
    var secondsBetween: Double { 5 }

    func delivery(of alerts: [Alert], _ moment: AlertMoment) throws(ChannelFault) -> AlertDelivery {
        let message = MailMessage(from: from, to: to, alerts: alerts, moment: moment)
        return .mail(
            MailLetter(
                server: server, encryption: encryption, from: from, to: to, user: user, password: try password?.read(),
                text: Array(message.text.utf8), authorities: network.authorities, seconds: network.seconds))
    }
}

/// A message in the form that mail has.
struct MailMessage {
    let from: String
    let to: [String]
    let alerts: [Alert]
    let moment: AlertMoment

    private static let longestSubject = 160

    var text: String {
        let id = alerts.first?.id ?? "none"
        let boundary = "=_\(id)"
        let domain = from.split(separator: "@").last.map(String.init) ?? "localhost"
        let lines = [
            "Date: \(Self.date(moment.now))", "From: Assay <\(from)>",
            "To: \(to.map { "<\($0)>" }.joined(separator: ",\r\n "))", "Subject: \(Self.header(subject))",
            "Message-ID: <\(id)@\(domain)>", "Auto-Submitted: auto-generated", "X-Assay-Alert-Id: \(id)",
            "MIME-Version: 1.0", "Content-Type: multipart/alternative; boundary=\"\(boundary)\"", "",
            "--\(boundary)", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "",
            Self.encoded(plain), "--\(boundary)", "Content-Type: text/html; charset=utf-8",
            "Content-Transfer-Encoding: base64", "", Self.encoded(html), "--\(boundary)--", "",
        ]
        return lines.joined(separator: "\r\n")
    }

    private var subject: String {
        guard let first = alerts.first else { return "Assay" }
        if alerts.count > 1 {
            let worst = alerts.map(\.severity).max() ?? .info
            return "[\(worst.label)] \(alerts.count) alerts: \(first.message)".flatLine.cut(Self.longestSubject)
        }
        return "\(AlertWords.headline(first)): \(first.message)".flatLine.cut(Self.longestSubject)
    }

    // MARK: Bodies

    private var plain: String {
        alerts.map { alert in
            var lines = [AlertWords.headline(alert), AlertWords.body(alert), ""]
            lines += Self.facts(alert).map { "\($0.name): \($0.value)" }
            return lines.joined(separator: "\n")
        }.joined(separator: "\n\n----\n\n") + (moment.page.map { "\n\nLook into it: \($0)" } ?? "") + "\n"
    }

    private var html: String {
        let parts = alerts.map { alert in
            let body = AlertWords.body(alert).split(separator: "\n", omittingEmptySubsequences: false)
                .map { Self.escaped(String($0)) }.joined(separator: "<br>")
            let rows = Self.facts(alert).map {
                "<tr><th align=\"left\">\(Self.escaped($0.name))</th><td>\(Self.escaped($0.value))</td></tr>"
            }
            return "<h3>\(Self.escaped(AlertWords.headline(alert)))</h3><p>\(body)</p><table>\(rows.joined())</table>"
        }
        let link = moment.page.map { "<p><a href=\"\(Self.escaped($0))\">Look into it</a></p>" } ?? ""
        return "<!DOCTYPE html><html><body>\(parts.joined(separator: "<hr>"))\(link)</body></html>"
    }

    private static func facts(_ alert: Alert) -> [(name: String, value: String)] {
        AlertWords.keys(alert) + [("time", AlertRecord.time(alert.time)), ("id", alert.id)]
    }

    // MARK: Encoding

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// In lines of 76 characters.
    private static func encoded(_ text: String) -> String {
        let digits = Array(Base64.encode(Array(text.utf8)))
        return stride(from: 0, to: digits.count, by: 76)
            .map { String(digits[$0..<min($0 + 76, digits.count)]) }.joined(separator: "\r\n")
    }

    /// A header's text: as it is where it is plain, and otherwise in encoded words, each of whole characters.
    static func header(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } && !text.contains("=?")
        if isPlain, text.utf8.count <= 70 { return text }
        var words: [String] = []
        var word: [UInt8] = []
        for character in text {
            let bytes = Array(character.utf8)
            if word.count + bytes.count > 42 {
                words.append("=?utf-8?B?\(Base64.encode(word))?=")
                word = []
            }
            word += bytes
        }
        if !word.isEmpty { words.append("=?utf-8?B?\(Base64.encode(word))?=") }
        return words.joined(separator: "\r\n ")
    }

    /// As mail has dates, in UTC.
    static func date(_ milliseconds: Int64) -> String {
        let seconds = milliseconds.floorDivided(by: 1000)
        let day = seconds.floorDivided(by: 86_400)
        let date = CivilDate(daysSince1970: day)
        let rest = seconds - day * 86_400
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        // 1970 began on a Thursday.
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int(((day % 7) + 7) % 7)]
        let month = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ][Int(date.month) - 1]
        return "\(weekday), \(two(Int64(date.day))) \(month) \(date.year) "
            + "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60)) +0000"
    }
}

/// `{email: {server: HOST:PORT, from: ADDRESS, to: [ADDRESS]}}`.
package struct MailKind: ChannelKind {
    package init() {}
    package var key: String { "email" }
    package var form: String { "{email: {server: HOST:PORT, from: ADDRESS, to: [ADDRESS], tls: starttls}}" }

    private static let mostReceivers = 50

    package func read(
        _ settings: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> any AlertChannel {
        var members = try YAMLMembers(settings, "channel '\(name)'", path: path)
        let server = try members.text(try members.require("server"), "server")
        guard let host = Self.host(server.text) else {
            throw members.fault(
                "'server' is a host with its port, such as smtp.example.com:587, unlike '\(server.text)'",
                server.position)
        }
        let from = try address(try members.require("from"), "from", members)
        let list = try members.require("to")
        var to: [String] = []
        for element in try members.elements(list, "to") { to.append(try address(element, "to", members)) }
        guard (1...Self.mostReceivers).contains(to.count) else {
            throw members.fault("'to' has 1 to \(Self.mostReceivers) addresses", list.position)
        }
        var encryption = MailLetter.Encryption.starttls
        if let node = members.take("tls") { encryption = try members.choice(node, "tls") }
        var user: String?
        if let node = members.take("user") { user = try members.text(node, "user").text }
        let password = try Secret.take("password", &members, isRequired: false)
        guard (user == nil) == (password == nil) else {
            throw members.fault("'user' and 'password_file' need each other", members.position)
        }
        let isHere = ["localhost", "127.0.0.1", "[::1]"].contains(host)
        guard encryption != .none || password == nil || isHere else {
            throw members.fault("a password goes in the clear only to this machine: set 'tls'", members.position)
        }
        let network = try NetworkSettings.take(&members)
        try members.finish()
        return MailChannel(
            server: server.text, encryption: encryption, from: from, to: to, user: user, password: password,
            network: network)
    }

    private static func host(_ server: String) -> String? {
        guard let colon = server.lastIndex(of: ":"), let port = UInt16(server[server.index(after: colon)...]), port > 0
        else { return nil }
        let host = String(server[..<colon])
        let isPlain = !host.isEmpty && host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"/@?#".utf8.contains($0) }
        return isPlain ? host : nil
    }

    private func address(
        _ node: YAMLNode, _ key: String, _ members: YAMLMembers
    ) throws(ConfigurationError) -> String {
        let text = try members.text(node, key)
        let parts = text.text.split(separator: "@", omittingEmptySubsequences: false)
        let isAddress =
            parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty && text.text.utf8.count <= 254
            && text.text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"<>,;:\"\\()[]".utf8.contains($0) }
        guard isAddress else {
            throw members.fault(
                "'\(key)' has addresses such as fraud@example.com, unlike '\(text.text)'", text.position)
        }
        return text.text
    }
}
