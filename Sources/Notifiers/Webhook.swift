import Assay
import AssayCore
import StateStore

/// JSON to any server, signed where there is a secret, as Standard Webhooks 1.0 says.
struct WebhookChannel: AlertChannel {
    let target: Target
    let secret: Secret?
    let network: NetworkSettings

    var title: String { "webhook" }

    /// Receivers may refuse bodies that are longer.
    private static let longestBody = 20_000

    func delivery(of alerts: [Alert], _ moment: AlertMoment) throws(ChannelFault) -> AlertDelivery {
        guard let alert = alerts.first else { preconditionFailure("each alert is delivered by itself") }
        let (address, secrets) = try target.read()
        var body = Self.body(alert)
        if body.text.utf8.count > Self.longestBody {
            var shorter = alert
            (shorter.details, shorter.first) = ("{}", Array(alert.first.prefix(1)))
            body = Self.body(shorter)
        }
        let seconds = "\(moment.now / 1000)"
        var headers = [("webhook-id", alert.id), ("webhook-timestamp", seconds)]
        if let secret {
            let keys = try Self.keys(secret)
            let signed = Array("\(alert.id).\(seconds).\(body.text)".utf8)
            let signatures = keys.map { "v1,\(Base64.encode(SHA256.code(of: signed, key: $0)))" }
            headers.append(("webhook-signature", signatures.joined(separator: " ")))
        }
        return .request(network.post(body, to: address, headers, secrets: secrets))
    }

    /// The timestamp is that of the alert, so that a repetition has the same body.
    private static func body(_ alert: Alert) -> JSON {
        .object([
            ("type", .string("alert.\(alert.kind)")), ("timestamp", .string(AlertRecord.time(alert.made))),
            ("data", AlertRecord.json(alert)),
        ])
    }

    /// One a line: while a secret is replaced there are two, and receivers know either.
    private static func keys(_ secret: Secret) throws(ChannelFault) -> [[UInt8]] {
        var keys: [[UInt8]] = []
        for word in try secret.read().split(whereSeparator: \.isWhitespace) {
            guard word.hasPrefix(prefix) else {
                keys.append(Array(word.utf8))
                continue
            }
            guard let key = Base64.decode(String(word.dropFirst(prefix.count))), !key.isEmpty else {
                throw ChannelFault("the secret in \(secret.description) has '\(prefix)', and no base64 after it")
            }
            keys.append(key)
        }
        return keys
    }

    private static let prefix = "whsec_"
}

/// `{webhook: {url: URL, secret_file: FILE}}`.
package struct WebhookKind: ChannelKind {
    package init() {}
    package var key: String { "webhook" }
    package var form: String { "{webhook: {url: URL, secret_file: FILE}}" }

    package func read(
        _ settings: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> any AlertChannel {
        var members = try YAMLMembers(settings, "channel '\(name)'", path: path)
        let target = try Target.take(&members)
        let secret = try Secret.take("secret", &members, isRequired: false)
        let network = try NetworkSettings.take(&members)
        try members.finish()
        return WebhookChannel(target: target, secret: secret, network: network)
    }
}
