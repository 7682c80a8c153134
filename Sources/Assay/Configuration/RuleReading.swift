import Arguments
import AssayCore

/// Reads the rules and lists of a configuration without compiling their expressions.
struct RuleReading {
    let path: String

    private func fault(_ message: String, _ position: TextPosition) -> ConfigurationError {
        ConfigurationError(path: path, position: position, message: message)
    }

    // MARK: Rules

    func rules(_ node: YAMLNode) throws(ConfigurationError) -> [RuleDefinition] {
        try list(node, "rules", most: RuleDefinition.mostRules, rule)
    }

    /// Reads a list whose names are unique.
    private func list(
        _ node: YAMLNode, _ kind: String, most: Int,
        _ read: (YAMLNode) throws(ConfigurationError) -> RuleDefinition
    ) throws(ConfigurationError) -> [RuleDefinition] {
        var list: [RuleDefinition] = []
        var mistakes = Mistakes()
        for element in try elements(node, kind, most: most) {
            guard let one = mistakes.attempt({ () throws(ConfigurationError) in try read(element) }) else { continue }
            if list.contains(where: { $0.name == one.name }) {
                mistakes.note(fault("there are two \(kind) '\(one.name)'", element.position))
            }
            list.append(one)
        }
        try mistakes.throwAll()
        return list
    }

    private func rule(_ node: YAMLNode) throws(ConfigurationError) -> RuleDefinition {
        guard case .map(let members) = node.content else {
            throw fault("a rule must be a map with name, when and risk or decide, not \(node.kindName)", node.position)
        }
        var rule = RuleDefinition(name: "", when: "", position: node.position)
        var mistakes = Mistakes()
        for (key, position, value) in members {
            do throws(ConfigurationError) {
                try take(key, position, value, &rule)
            } catch {
                mistakes.note(error)
            }
        }
        // What is missing may be what was misspelt.
        try mistakes.throwAll()
        guard !rule.name.isEmpty else { throw fault("the rule has no 'name'", node.position) }
        guard !rule.when.isEmpty else { throw fault("rule '\(rule.name)' has no 'when'", node.position) }
        guard rule.risk != nil || rule.decide != nil else {
            throw fault("rule '\(rule.name)' needs 'risk' or 'decide', or it would change nothing", node.position)
        }
        return rule
    }

    private static let keys = ["name", "when", "risk", "decide", "reason", "shadow"]

    private func take(
        _ key: String, _ position: TextPosition, _ value: YAMLNode, _ rule: inout RuleDefinition
    ) throws(ConfigurationError) {
        switch key {
        case "name": rule.name = try name(value, "a rule's name")
        case "when": (rule.when, rule.whenPosition) = (try text(value, "when"), value.textPosition)
        case "risk": rule.risk = try risk(value)
        case "decide":
            let label = try text(value, "decide")
            rule.decide = Decision(label: label)
            guard rule.decide != nil else {
                throw fault("'decide' must be allow, review or block, not '\(label)'", value.position)
            }
        case "reason":
            (rule.reason, rule.reasonPosition) = (try text(value, "reason"), value.textPosition)
            guard let reason = rule.reason, reason.utf8.count <= RuleDefinition.longestReason else {
                throw fault("'reason' has at most \(RuleDefinition.longestReason) bytes", value.position)
            }
        case "shadow":
            guard case .scalar(let text, isPlain: true) = value.content, let isShadow = Bool(text) else {
                throw fault("'shadow' must be true or false", value.position)
            }
            rule.isShadow = isShadow
        default:
            let near = NearestName.of(key, among: Self.keys)
            throw fault(
                "a rule has no '\(key)'"
                    + (near.map { "; did you mean '\($0)'?" }
                        ?? "; it has \(Self.keys.joined(separator: ", "))"),
                position)
        }
    }

    // MARK: Patterns

    func patterns(_ node: YAMLNode) throws(ConfigurationError) -> [RuleDefinition] {
        try list(node, "patterns", most: RuleDefinition.mostPatterns, pattern)
    }

    private func pattern(_ node: YAMLNode) throws(ConfigurationError) -> RuleDefinition {
        var members = try YAMLMembers(node, "a pattern", path: path)
        var pattern = RuleDefinition(name: "", when: "", position: node.position)
        pattern.name = try name(try members.require("name"), "a pattern's name")
        if let risk = members.take("risk") { pattern.risk = try self.risk(risk) }
        if let decide = members.take("decide") {
            let label = try text(decide, "decide")
            pattern.decide = Decision(label: label)
            guard pattern.decide != nil else {
                throw fault("'decide' must be allow, review or block, not '\(label)'", decide.position)
            }
        }
        if let shadow = members.take("shadow") { pattern.isShadow = try members.truth(shadow, "shadow") }
        guard pattern.risk != nil || pattern.decide != nil else {
            throw fault("pattern '\(pattern.name)' needs 'risk' or 'decide', or it would change nothing", node.position)
        }
        let sequence = try PatternReading(path: path).scored(&members, node.position)
        try members.finish()
        if let last = sequence.stages.last, last.contiguity == .notFollowedBy {
            throw fault(
                "pattern '\(pattern.name)': a transaction completes it, so the last stage says what comes",
                last.position)
        }
        pattern.sequence = sequence
        return pattern
    }

    private func risk(_ node: YAMLNode) throws(ConfigurationError) -> Double {
        let text = try text(node, "risk")
        guard let risk = Double(text), (0...1).contains(risk) else {
            throw fault("'risk' must be a number from 0 to 1, not '\(text)'", node.position)
        }
        return risk
    }

    // MARK: Lists

    func lists(_ node: YAMLNode) throws(ConfigurationError) -> [ListDefinition] {
        if case .scalar("", isPlain: true) = node.content { return [] }
        guard case .map(let members) = node.content, members.count <= ListDefinition.mostLists else {
            throw fault("'lists' must be a map of at most \(ListDefinition.mostLists) names and lists", node.position)
        }
        var lists: [ListDefinition] = []
        for (key, position, value) in members {
            guard Self.isIdentifier(key) else {
                throw fault(
                    "a list's name has only letters, digits and _, so that rules can use lists.\(key)", position)
            }
            lists.append(ListDefinition(name: key, source: try source(value), position: value.position))
        }
        return lists
    }

    private func source(_ node: YAMLNode) throws(ConfigurationError) -> ListDefinition.Source {
        if case .map(let members) = node.content {
            var file: String?
            var digest: String?
            if members.count == 1, members[0].key == "entries" {
                let elements = try elements(members[0].value, "entries", most: ListDefinition.mostEntries)
                return .carried(try entries(elements))
            }
            for (key, position, value) in members {
                switch key {
                case "file": file = try text(value, "file")
                case "digest": digest = try text(value, "digest")
                default: throw fault("a list has 'file' and maybe 'digest', no '\(key)'", position)
                }
            }
            guard let file, !file.isEmpty else { throw fault("name the list's 'file'", node.position) }
            return .file(path: file, digest: digest)
        }
        return .inline(try entries(try elements(node, "a list", most: ListDefinition.mostEntries)))
    }

    private func entries(_ elements: [YAMLNode]) throws(ConfigurationError) -> [String] {
        var entries: [String] = []
        for element in elements { entries.append(try text(element, "an entry")) }
        return entries
    }

    // MARK: Values of one kind

    private func elements(_ node: YAMLNode, _ name: String, most: Int) throws(ConfigurationError) -> [YAMLNode] {
        // A key without a value is an empty list.
        if case .scalar("", isPlain: true) = node.content { return [] }
        guard case .list(let elements) = node.content else {
            throw fault("'\(name)' must be a list, not \(node.kindName)", node.position)
        }
        guard elements.count <= most else { throw fault("'\(name)' has at most \(most) elements", node.position) }
        return elements
    }

    private func text(_ node: YAMLNode, _ name: String) throws(ConfigurationError) -> String {
        guard case .scalar(let text, _) = node.content else {
            throw fault("'\(name)' must be a text, not \(node.kindName)", node.position)
        }
        return text
    }

    private func name(_ node: YAMLNode, _ purpose: String) throws(ConfigurationError) -> String {
        let name = try text(node, purpose)
        let isGood =
            RuleDefinition.nameLengths.contains(name.utf8.count)
            && name.utf8.allSatisfy { Self.isWordByte($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
        guard isGood, name != "level" else {
            throw fault(
                "\(purpose) has 1 to 64 letters, digits and _ - . and is not 'level', unlike '\(name)'", node.position)
        }
        return name
    }

    private static func isIdentifier(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 64 else { return false }
        return text.utf8.allSatisfy(isWordByte) && !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
