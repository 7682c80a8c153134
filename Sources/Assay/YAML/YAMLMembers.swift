import Arguments
import AssayCore

/// Takes the values of a map by their keys, and refuses keys that were not taken.
package struct YAMLMembers {
    private let path: String
    /// The map's name in messages.
    private let name: String
    private let members: [(key: String, position: TextPosition, value: YAMLNode)]
    private var known: [String] = []
    package let position: TextPosition

    package init(_ node: YAMLNode, _ name: String, path: String) throws(ConfigurationError) {
        guard case .map(let members) = node.content else {
            throw ConfigurationError(
                path: path, position: node.position,
                message: "\(name) must be a map of keys and values, not \(node.kindName)")
        }
        self.path = path
        self.name = name
        self.members = members
        position = node.position
    }

    /// Those of a map among the values.
    package func inner(_ node: YAMLNode, _ name: String) throws(ConfigurationError) -> YAMLMembers {
        try YAMLMembers(node, name, path: path)
    }

    package func fault(_ message: String, _ position: TextPosition?) -> ConfigurationError {
        ConfigurationError(path: path, position: position, message: message)
    }

    package mutating func take(_ key: String) -> YAMLNode? {
        known.append(key)
        return members.first { $0.key == key }?.value
    }

    /// Those of some names.
    func shared(_ keys: [String]) -> [String: YAMLNode] {
        Dictionary(members.filter { keys.contains($0.key) }.map { ($0.key, $0.value) }) { first, _ in first }
    }

    package mutating func require(_ key: String) throws(ConfigurationError) -> YAMLNode {
        if let value = take(key) { return value }
        let unknown = members.filter { !known.contains($0.key) }
        if let near = NearestName.of(key, among: unknown.map(\.key)) {
            let position = unknown.first { $0.key == near }?.position
            throw fault("\(name) has no '\(near)'; did you mean '\(key)'?", position)
        }
        throw fault("\(name) has no '\(key)'", position)
    }

    package func finish() throws(ConfigurationError) {
        var mistakes = Mistakes()
        for member in members where !known.contains(member.key) {
            let near = NearestName.of(member.key, among: known).map { "; did you mean '\($0)'?" } ?? ""
            mistakes.note(fault("\(name) has no '\(member.key)'\(near)", member.position))
        }
        try mistakes.throwAll()
    }

    // MARK: Values of one kind

    package func text(_ node: YAMLNode, _ key: String) throws(ConfigurationError) -> SourceText {
        guard case .scalar(let text, _) = node.content else {
            throw fault("'\(key)' must be a text, not \(node.kindName)", node.position)
        }
        guard !text.isEmpty else { throw fault("'\(key)' is empty", node.position) }
        return SourceText(text: text, position: node.position, textPosition: node.textPosition)
    }

    package func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ node: YAMLNode, _ key: String
    ) throws(ConfigurationError) -> Choice {
        let text = try text(node, key).text
        if let choice = Choice(rawValue: text) { return choice }
        let names = Choice.allCases.map(\.rawValue)
        let near = NearestName.of(text, among: names).map { "; did you mean '\($0)'?" } ?? ""
        throw fault(
            "'\(key)' must be one of \(names.joined(separator: ", ")), not '\(text)'\(near)", node.position)
    }

    package func milliseconds(
        _ node: YAMLNode, _ key: String, from least: Int64 = 1
    ) throws(ConfigurationError) -> Int64 {
        let text = try text(node, key).text
        guard let value = Quantity.milliseconds(text) else {
            throw fault("'\(key)' must be a duration such as 500ms, 10s, 5m, 1h or 1d, not '\(text)'", node.position)
        }
        guard (least...Self.longestDuration).contains(value) else {
            let bounds = "\(Quantity.text(milliseconds: least)) to \(Quantity.text(milliseconds: Self.longestDuration))"
            throw fault("'\(key)' must be from \(bounds), not '\(text)'", node.position)
        }
        return value
    }

    /// A hundred years.
    private static let longestDuration: Int64 = 36_525 * 86_400_000

    func bytes(_ node: YAMLNode, _ key: String) throws(ConfigurationError) -> Int64 {
        let text = try text(node, key).text
        guard let value = Quantity.bytes(text) ?? Int64(text), value > 0 else {
            throw fault("'\(key)' must be a size such as 64MiB, not '\(text)'", node.position)
        }
        return value
    }

    package func count(_ node: YAMLNode, _ key: String) throws(ConfigurationError) -> UInt64 {
        let text = try text(node, key).text
        guard let value = UInt64(text), value > 0, value < 1 << 53 else {
            throw fault("'\(key)' must be a whole number above 0, not '\(text)'", node.position)
        }
        return value
    }

    package func truth(_ node: YAMLNode, _ key: String) throws(ConfigurationError) -> Bool {
        guard case .scalar(let text, isPlain: true) = node.content, let value = Bool(text) else {
            throw fault("'\(key)' must be true or false", node.position)
        }
        return value
    }

    package func elements(_ node: YAMLNode, _ key: String) throws(ConfigurationError) -> [YAMLNode] {
        guard case .list(let elements) = node.content else {
            throw fault("'\(key)' must be a list, not \(node.kindName)", node.position)
        }
        return elements
    }

    package func entries(
        _ node: YAMLNode, _ key: String
    ) throws(ConfigurationError) -> [(key: String, position: TextPosition, value: YAMLNode)] {
        guard case .map(let members) = node.content else {
            throw fault("'\(key)' must be a map of keys and values, not \(node.kindName)", node.position)
        }
        return members
    }
}
