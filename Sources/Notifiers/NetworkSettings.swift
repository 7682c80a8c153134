import Assay
import AssayCore

/// What all channels over a network have: how long they wait, and whom they trust.
struct NetworkSettings: Sendable {
    var seconds = 10.0
    var authorities: String?

    static func take(_ members: inout YAMLMembers) throws(ConfigurationError) -> NetworkSettings {
        var settings = NetworkSettings()
        if let node = members.take("timeout") {
            settings.seconds = Double(try members.milliseconds(node, "timeout", from: 100)) / 1000
        }
        if let node = members.take("ca_file") { settings.authorities = try members.text(node, "ca_file").text }
        return settings
    }

    /// A POST of JSON.
    func post(
        _ body: JSON, to address: String, _ headers: [(name: String, value: String)] = [], secrets: [String] = []
    ) -> WebRequest {
        WebRequest(
            address: address, headers: [("Content-Type", "application/json")] + headers, body: Array(body.text.utf8),
            authorities: authorities, seconds: seconds, secrets: secrets)
    }
}

/// Where requests go: an address that anyone may see, or one that is a secret itself.
enum Target: Sendable {
    case plain(String)
    case secret(Secret)

    /// Reads `url`, or `url_file` or `url_env`.
    static func take(_ members: inout YAMLMembers) throws(ConfigurationError) -> Target {
        guard let node = members.take("url") else {
            guard let secret = try Secret.take("url", &members, isRequired: true) else {
                preconditionFailure("it is required")
            }
            return .secret(secret)
        }
        return .plain(try WebAddress.read(node, "url", members))
    }

    /// The address, and what of it must not be shown.
    func read() throws(ChannelFault) -> (address: String, secrets: [String]) {
        switch self {
        case .plain(let address): return (address, [])
        case .secret(let secret):
            let address = try secret.read()
            if let problem = WebAddress.problem(address) {
                throw ChannelFault("what \(secret.description) has \(problem)")
            }
            let path = address.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).dropFirst(3)
            return (address, [address] + path.map(String.init))
        }
    }
}
