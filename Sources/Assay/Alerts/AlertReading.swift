import Arguments
import AssayCore
import StateStore

/// Reads the alerts of a file.
struct AlertReading {
    let path: String
    let kinds: [any ChannelKind]

    static let mostRules = 1000
    static let mostChannels = 100

    func alerts(_ node: YAMLNode) throws(ConfigurationError) -> AlertSettings {
        var members = try YAMLMembers(node, "'alerts'", path: path)
        var settings = AlertSettings()
        var mistakes = Mistakes()
        for (name, position, value) in try members.entries(members.require("channels"), "channels") {
            mistakes.attempt { () throws(ConfigurationError) in
                settings.channels.append((name, try channel(name, position, value, members)))
            }
        }
        guard (1...Self.mostChannels).contains(settings.channels.count) || !mistakes.isEmpty else {
            throw members.fault("'channels' has 1 to \(Self.mostChannels)", node.position)
        }
        if let limits = members.take("limits") { settings.limits = try self.limits(limits) }
        if let page = members.take("page") { settings.page = try WebAddress.read(page, "page", members) }
        let rules = try members.require("rules")
        for element in try members.elements(rules, "rules") {
            mistakes.attempt { () throws(ConfigurationError) in
                let rule = try rule(element)
                guard settings.rule(rule.name) == nil else {
                    throw members.fault("there is an alert '\(rule.name)' already", rule.position)
                }
                settings.rules.append(rule)
            }
        }
        mistakes.attempt { () throws(ConfigurationError) in try members.finish() }
        try mistakes.throwAll()
        guard settings.rules.count <= Self.mostRules else {
            throw members.fault("'rules' has at most \(Self.mostRules)", rules.position)
        }
        for rule in settings.rules {
            for name in rule.channels where settings.channel(name) == nil {
                let near = NearestName.of(name, among: settings.channels.map(\.name))
                throw members.fault(
                    "alert '\(rule.name)': there is no channel '\(name)'"
                        + (near.map { "; did you mean '\($0)'?" } ?? ""), rule.position)
            }
        }
        return settings
    }

    private func channel(
        _ name: String, _ position: TextPosition, _ node: YAMLNode, _ members: YAMLMembers
    ) throws(ConfigurationError) -> any AlertChannel {
        guard PipelineName.isName(name) else {
            throw members.fault("a channel's name has only letters, digits and _, unlike '\(name)'", position)
        }
        guard case .map(let entries) = node.content, entries.count == 1,
            let kind = kinds.first(where: { $0.key == entries[0].key })
        else {
            throw members.fault("a channel is one of \(kinds.map(\.form).joined(separator: ", "))", node.position)
        }
        return try kind.read(entries[0].value, name, path: path)
    }

    private func limits(_ node: YAMLNode) throws(ConfigurationError) -> AlertSettings.Limits {
        var members = try YAMLMembers(node, "'limits'", path: path)
        var limits = AlertSettings.Limits()
        if let node = members.take("outbox") { limits.outbox = Int64(try members.count(node, "outbox")) }
        if let node = members.take("per_minute") { limits.perMinute = Int64(try members.count(node, "per_minute")) }
        if let node = members.take("give_up") {
            limits.giveUpMilliseconds = try members.milliseconds(node, "give_up", from: 1000)
        }
        try members.finish()
        return limits
    }

    private func rule(_ node: YAMLNode) throws(ConfigurationError) -> AlertRule {
        var members = try YAMLMembers(node, "an alert", path: path)
        let name = try members.text(try members.require("name"), "name")
        guard PipelineName.isName(name.text) else {
            throw members.fault(
                "an alert's name has only letters, digits and _, unlike '\(name.text)'", name.position)
        }
        let on = try members.text(try members.require("on"), "on")
        let subject: AlertRule.Subject =
            switch on.text {
            case "assessments": .assessments
            case "engine": .engine
            default: .stream(on.text)
            }
        var rule = AlertRule(name: name.text, position: node.position, subject: subject, on: on)
        if let node = members.take("where") { rule.condition = try members.text(node, "where") }
        if let node = members.take("severity") { rule.severity = try severity(node, members) }
        if let node = members.take("key") { rule.keys = try keys(node, members) }
        if let node = members.take("quiet") {
            rule.quietMilliseconds = try members.milliseconds(node, "quiet", from: 0)
        }
        if let node = members.take("message") { rule.message = try members.text(node, "message") }
        if let node = members.take("for") { rule.forMilliseconds = try members.milliseconds(node, "for", from: 0) }
        if let node = members.take("resolve") { rule.resolves = try members.truth(node, "resolve") }
        let to = try members.require("to")
        for element in try members.elements(to, "to") {
            let channel = try members.text(element, "to").text
            if !rule.channels.contains(channel) { rule.channels.append(channel) }
        }
        guard !rule.channels.isEmpty else { throw members.fault("'to' names no channel", to.position) }
        try members.finish()
        if subject != .engine, rule.forMilliseconds > 0 || rule.resolves {
            throw members.fault(
                "alert '\(rule.name)': 'for' and 'resolve' are for alerts on 'engine': a result is not over later",
                node.position)
        }
        if subject == .engine, rule.condition == nil {
            throw members.fault("alert '\(rule.name)' on 'engine' needs a 'where'", node.position)
        }
        if subject == .engine, !rule.keys.isEmpty {
            throw members.fault("alert '\(rule.name)': there is one engine, so it has no 'key'", node.position)
        }
        return rule
    }

    /// One of three words, or an expression that makes one.
    private func severity(
        _ node: YAMLNode, _ members: YAMLMembers
    ) throws(ConfigurationError) -> AlertRule.Severity {
        let text = try members.text(node, "severity")
        if let severity = AlertSeverity(label: text.text) { return .fixed(severity) }
        if PipelineName.isName(text.text),
            let near = NearestName.of(text.text, among: AlertSeverity.allCases.map(\.label))
        {
            throw members.fault("'severity' is info, warning or critical; did you mean '\(near)'?", text.position)
        }
        return .expression(text)
    }

    /// Names of fields, or a map of names and expressions.
    private func keys(_ node: YAMLNode, _ members: YAMLMembers) throws(ConfigurationError) -> [NamedExpression] {
        if case .map = node.content {
            var keys: [NamedExpression] = []
            for (name, position, value) in try members.entries(node, "key") {
                keys.append(NamedExpression(name: name, position: position, expression: try members.text(value, name)))
            }
            return keys
        }
        var elements = [node]
        if case .list(let all) = node.content { elements = all }
        var keys: [NamedExpression] = []
        for element in elements {
            let text = try members.text(element, "key")
            keys.append(NamedExpression(name: text.text, position: text.position, expression: text))
        }
        return keys
    }
}
