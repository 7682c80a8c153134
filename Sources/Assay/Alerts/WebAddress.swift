import AssayCore

/// Addresses of servers.
package enum WebAddress {
    /// An address that can be shown: without anybody's password in it.
    package static func read(
        _ node: YAMLNode, _ key: String, _ members: YAMLMembers
    ) throws(ConfigurationError) -> String {
        let text = try members.text(node, key)
        if let problem = problem(text.text) { throw members.fault("'\(key)' \(problem)", text.position) }
        if host(text.text).contains("@") {
            throw members.fault(
                "'\(key)' has a password in it; put the address into a file, '\(key)_file'", text.position)
        }
        return text.text
    }

    /// What is wrong with an address.
    package static func problem(_ text: String) -> String? {
        guard text.hasPrefix("http://") || text.hasPrefix("https://") else {
            return "must begin with http:// or https://"
        }
        guard !host(text).isEmpty, text.utf8.count <= 2048, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return "is not the address of a server"
        }
        return nil
    }

    private static func host(_ text: String) -> Substring {
        let rest = text.dropFirst(text.hasPrefix("https") ? 8 : 7)
        return rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    }
}
