import Assay
import AssayCore
import StateStore

/// Alerts for Prometheus' Alertmanager, which groups and routes them further.
struct AlertmanagerChannel: AlertChannel {
    let target: Target
    let network: NetworkSettings

    var title: String { "Alertmanager" }
    var mostTogether: Int { 50 }
    /// It takes for over what it is not told again.
    var refreshSeconds: Double? { 60 }

    private static let path = "/api/v2/alerts"
    /// Four times as long as it takes until an alert is told again.
    private static let holdMilliseconds: Int64 = 240_000
    private static let longestValue = 1024

    func delivery(of alerts: [Alert], _ moment: AlertMoment) throws(ChannelFault) -> AlertDelivery {
        var (address, secrets) = try target.read()
        while address.hasSuffix("/") { address.removeLast() }
        if !address.hasSuffix(Self.path) { address += Self.path }
        return .request(
            network.post(.array(alerts.map { Self.alert($0, moment) }), to: address, secrets: secrets))
    }

    private static func alert(_ alert: Alert, _ moment: AlertMoment) -> JSON {
        var labels = [("alertname", alert.rule), ("severity", alert.severity.label)]
        if alert.kind == .test { labels.append(("test", "true")) }
        for (name, value) in AlertWords.keys(alert) where !value.isEmpty {
            let name = labelName(name)
            if !labels.contains(where: { $0.0 == name }) { labels.append((name, value.cut(longestValue))) }
        }
        var members: [(String, JSON)] = [
            ("labels", .object(labels.map { ($0.0, .string($0.1)) })),
            (
                "annotations",
                .object([
                    ("summary", .string(AlertWords.headline(alert))), ("description", .string(AlertWords.body(alert))),
                    ("id", .string(alert.id)), ("result", .string(alert.details.cut(longestAnnotation))),
                ])
            ),
            ("startsAt", .string(AlertRecord.time(alert.made))),
            ("endsAt", .string(AlertRecord.time(end(alert, moment)))),
        ]
        if let page = moment.page { members.append(("generatorURL", .string(page))) }
        return .object(members)
    }

    private static let longestAnnotation = 8192

    /// What is over ends now. What happened once lasts as long as it is quiet, what still holds until it is told again.
    private static func end(_ alert: Alert, _ moment: AlertMoment) -> Int64 {
        if alert.kind == .resolved { return max(moment.now, alert.made) }
        return moment.now + max(holdMilliseconds, moment.quietMilliseconds(alert.rule))
    }

    private static func labelName(_ name: String) -> String {
        let letters = name.unicodeScalars.map { scalar -> Character in
            let isPlain =
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
            return isPlain ? Character(scalar) : "_"
        }
        let label = String(letters)
        return label.first.map { ("0"..."9").contains($0) } ?? true ? "_\(label)" : label
    }
}

/// `{alertmanager: {url: URL}}`.
package struct AlertmanagerKind: ChannelKind {
    package init() {}
    package var key: String { "alertmanager" }
    package var form: String { "{alertmanager: {url: URL}}" }

    package func read(
        _ settings: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> any AlertChannel {
        var members = try YAMLMembers(settings, "channel '\(name)'", path: path)
        let target = try Target.take(&members)
        let network = try NetworkSettings.take(&members)
        try members.finish()
        return AlertmanagerChannel(target: target, network: network)
    }
}
