import Assay
import AssayCore
import StateStore

/// Events of PagerDuty, version 2: incidents that are triggered and resolved.
struct PagerDutyChannel: AlertChannel {
    let address: String
    let key: Secret
    let network: NetworkSettings

    var title: String { "PagerDuty" }

    static let publicAddress = "https://events.pagerduty.com/v2/enqueue"
    private static let keyCharacters = 32
    private static let longestSummary = 1024
    private static let longestDedupKey = 255
    /// The service takes 512 KB; what is more is left out.
    private static let longestDetails = 300_000

    func delivery(of alerts: [Alert], _ moment: AlertMoment) throws(ChannelFault) -> AlertDelivery {
        guard let alert = alerts.first else { preconditionFailure("each alert is delivered by itself") }
        let routing = try key.read()
        guard routing.utf8.count == Self.keyCharacters else {
            throw ChannelFault("the key in \(key.description) does not have \(Self.keyCharacters) characters")
        }
        var members: [(String, JSON)] = [
            ("routing_key", .string(routing)),
            ("event_action", .string(alert.kind == .resolved ? "resolve" : "trigger")),
            ("dedup_key", .string(Self.dedupKey(alert))),
        ]
        if alert.kind != .resolved {
            members += [("client", .string("Assay")), ("payload", Self.payload(alert))]
            if let page = moment.page {
                members.append(("client_url", .string(page)))
                members.append(
                    ("links", .array([.object([("href", .string(page)), ("text", .string("Look into it"))])])))
            }
        }
        return .request(network.post(.object(members), to: address, secrets: [routing]))
    }

    /// The same for one matter, so that what is over resolves what had begun.
    private static func dedupKey(_ alert: Alert) -> String {
        // A trial must not touch an incident.
        if alert.kind == .test { return "assay/\(alert.id)" }
        let key = "assay/\(alert.rule)" + (alert.matter.isEmpty ? "" : "/\(alert.matter)")
        guard key.utf8.count > longestDedupKey else { return key }
        let digest = Base64.encode(SHA256.digest(of: Array(key.utf8)))
        return "assay/\(alert.rule)/\(digest)"
    }

    private static func payload(_ alert: Alert) -> JSON {
        var details: [(String, JSON)] = [
            ("id", .string(alert.id)), ("key", .raw(alert.keys)), ("count", .integer(alert.count)),
        ]
        if alert.count > 1 { details.append(("first", .array(alert.first.map { .raw($0) }))) }
        if alert.details.utf8.count < longestDetails { details.append(("result", .raw(alert.details))) }
        let summary = alert.kind == .test || alert.count > 1 ? AlertWords.headline(alert) : alert.message
        return .object([
            ("summary", .string(summary.flatLine.cut(longestSummary))), ("source", .string("assay")),
            ("severity", .string(alert.severity.label)), ("timestamp", .string(AlertRecord.time(alert.time))),
            ("component", .string(alert.rule)), ("class", .string("fraud")), ("custom_details", .object(details)),
        ])
    }
}

extension String {
    /// On one line; something even where there is nothing.
    var flatLine: String {
        let line = unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : String($0) }.joined().trimmed
        return line.isEmpty ? "-" : line
    }
}

/// `{pagerduty: {key_file: FILE}}`.
package struct PagerDutyKind: ChannelKind {
    package init() {}
    package var key: String { "pagerduty" }
    package var form: String { "{pagerduty: {key_file: FILE}}" }

    package func read(
        _ settings: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> any AlertChannel {
        var members = try YAMLMembers(settings, "channel '\(name)'", path: path)
        guard let key = try Secret.take("key", &members, isRequired: true) else {
            preconditionFailure("it is required")
        }
        var address = PagerDutyChannel.publicAddress
        if let node = members.take("url") { address = try WebAddress.read(node, "url", members) }
        let network = try NetworkSettings.take(&members)
        try members.finish()
        return PagerDutyChannel(address: address, key: key, network: network)
    }
}
