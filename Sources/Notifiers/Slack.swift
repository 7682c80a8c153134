import Assay
import AssayCore
import StateStore

/// Messages through an incoming webhook of Slack.
struct SlackChannel: AlertChannel {
    let address: Secret
    let network: NetworkSettings

    var title: String { "Slack" }
    /// Slack takes about a message a second.
    var secondsBetween: Double { 1 }
    var mostTogether: Int { 10 }

    private static let longestSection = 2900
    private static let longestText = 1000

    func delivery(of alerts: [Alert], _ moment: AlertMoment) throws(ChannelFault) -> AlertDelivery {
        let (address, secrets) = try Target.secret(address).read()
        let headline = alerts.map { Self.escaped(AlertWords.headline($0)) }.joined(separator: "\n")
        let body = JSON.object([
            ("text", .string(headline.cut(Self.longestText))),
            ("attachments", .array(alerts.map { Self.attachment($0, moment) })),
        ])
        return .request(network.post(body, to: address, secrets: secrets))
    }

    private static func attachment(_ alert: Alert, _ moment: AlertMoment) -> JSON {
        var blocks = [section("*\(escaped(AlertWords.headline(alert)))*\n\(escaped(AlertWords.body(alert)))")]
        let context = "\(AlertRecord.time(alert.time))  ·  \(alert.matter)  ·  \(alert.id)"
        blocks.append(
            .object([
                ("type", .string("context")),
                ("elements", .array([text(escaped(context).cut(longestSection))])),
            ]))
        if let page = moment.page {
            let button = JSON.object([
                ("type", .string("button")), ("url", .string(page)),
                ("text", .object([("type", .string("plain_text")), ("text", .string("Look into it"))])),
            ])
            blocks.append(.object([("type", .string("actions")), ("elements", .array([button]))]))
        }
        return .object([("color", .string(color(alert))), ("blocks", .array(blocks))])
    }

    private static func section(_ words: String) -> JSON {
        .object([("type", .string("section")), ("text", text(words.cut(longestSection)))])
    }

    private static func text(_ words: String) -> JSON {
        .object([("type", .string("mrkdwn")), ("text", .string(words))])
    }

    private static func color(_ alert: Alert) -> String {
        if alert.kind == .resolved { return "#2eb886" }
        switch alert.severity {
        case .info: return "#439fe0"
        case .warning: return "#e8a317"
        case .critical: return "#cc0000"
        }
    }

    /// Slack's own three: without them an id could call a whole channel.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

/// `{slack: {url_file: FILE}}`.
package struct SlackKind: ChannelKind {
    package init() {}
    package var key: String { "slack" }
    package var form: String { "{slack: {url_file: FILE}}" }

    package func read(
        _ settings: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> any AlertChannel {
        var members = try YAMLMembers(settings, "channel '\(name)'", path: path)
        guard let address = try Secret.take("url", &members, isRequired: true) else {
            preconditionFailure("it is required")
        }
        let network = try NetworkSettings.take(&members)
        try members.finish()
        return SlackChannel(address: address, network: network)
    }
}
