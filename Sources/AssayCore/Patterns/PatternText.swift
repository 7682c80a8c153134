import CEL

/// A pattern in one form on one line, which is valid YAML.
package struct PatternText {
    /// The members with their values.
    package let members: [(key: String, value: String)]

    package var line: String { "{\(members.map { "\($0.key): \($0.value)" }.joined(separator: ", "))}" }

    package init(_ definition: PatternDefinition) {
        var members: [(key: String, value: String)] = []
        if let within = definition.within { members.append(("within", "\(within)ms")) }
        switch definition.skip {
        case .none: break
        case .toNext: members.append(("skip", "next"))
        case .pastLast: members.append(("skip", "past_last"))
        case .toFirst(let name): members.append(("skip", "first \(name)"))
        case .toLast(let name): members.append(("skip", "last \(name)"))
        }
        if let audience = definition.audience { members.append(("for", Self.quoted(audience.text))) }
        if !definition.parameters.isEmpty {
            let parameters = definition.parameters.map { "\($0.name): \(Self.text(of: $0.value))" }
            members.append(("with", "{\(parameters.joined(separator: ", "))}"))
        }
        members.append(("stages", "[\(definition.stages.map(Self.stage).joined(separator: ", "))]"))
        self.members = members
    }

    private static func stage(_ stage: PatternDefinition.Stage) -> String {
        var parts = stage.name.map { ["name: \($0.text)"] } ?? []
        let isGroup = !stage.members.isEmpty
        if stage.contiguity != .begin || !isGroup {
            let key = stage.contiguity == .begin ? "where" : stage.contiguity.rawValue
            parts.append("\(key): \(isGroup ? "true" : list(stage.conditions))")
        }
        switch stage.quantifier {
        case .one: break
        case .times(let least, let most): parts.append("times: [\(least), \(most)]")
        case .atLeast(let least): parts.append("times: \(least)+")
        }
        if stage.isOptional { parts.append("optional: true") }
        if stage.isGreedy { parts.append("greedy: true") }
        if stage.inner != .relaxed { parts.append("inner: \(stage.inner.rawValue)") }
        if !stage.until.isEmpty { parts.append("until: \(list(stage.until))") }
        guard isGroup else { return "{\(parts.joined(separator: ", "))}" }
        parts.append("stages: [\(stage.members.map(Self.stage).joined(separator: ", "))]")
        return "{group: {\(parts.joined(separator: ", "))}}"
    }

    private static func list(_ conditions: [SourceText]) -> String {
        "[\(conditions.map { quoted($0.text) }.joined(separator: ", "))]"
    }

    private static func text(of value: Value) -> String {
        switch value {
        case .list(let list): "[\(list.elements.map(text).joined(separator: ", "))]"
        case .string(let text): quoted(text.string)
        case .int(let int): "\(int)"
        case .double(let double): "\(double)"
        case .bool(let bool): "\(bool)"
        default: preconditionFailure("a parameter is one of these")
        }
    }

    /// In double quotes, as in YAML and JSON.
    private static func quoted(_ text: String) -> String {
        var buffer = OutputBuffer(capacity: 2 * text.utf8.count + 16)
        ValueEncoder(.utc).write(text: text.flat, into: &buffer)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }
}
