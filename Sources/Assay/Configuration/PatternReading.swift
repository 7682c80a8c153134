import Arguments
import AssayCore
import CEL

/// Reads patterns from a file without compiling their conditions.
struct PatternReading {
    let path: String

    /// Reads the pattern of a stream: a map, or the name of a shared pattern.
    func pattern(
        _ node: YAMLNode, named known: [String: YAMLNode]
    ) throws(ConfigurationError) -> PatternDefinition {
        if case .scalar = node.content {
            let members = try YAMLMembers(
                YAMLNode(content: .map([]), position: node.position), "a pattern", path: path)
            let name = try members.text(node, "pattern")
            return try pattern(shared(name, known, members), "pattern '\(name.text)'")
        }
        var members = try YAMLMembers(node, "a pattern", path: path)
        guard let use = members.take("use") else { return try pattern(node, "a pattern") }
        let name = try members.text(use, "use")
        var definition = try pattern(shared(name, known, members), "pattern '\(name.text)'")
        try readOwn(&members, into: &definition, isUse: true)
        try members.finish()
        return definition
    }

    private func shared(
        _ name: SourceText, _ known: [String: YAMLNode], _ members: YAMLMembers
    ) throws(ConfigurationError) -> YAMLNode {
        if let shared = known[name.text] { return shared }
        let near = NearestName.of(name.text, among: known.keys.sorted()).map { "; did you mean '\($0)'?" } ?? ""
        throw members.fault("'patterns' has no '\(name.text)'\(near)", name.position)
    }

    func pattern(_ node: YAMLNode, _ owner: String) throws(ConfigurationError) -> PatternDefinition {
        var members = try YAMLMembers(node, owner, path: path)
        var definition = PatternDefinition(position: node.position)
        try readBody(&members, into: &definition)
        try readOwn(&members, into: &definition, isUse: false)
        try members.finish()
        return definition
    }

    /// Reads a pattern that scores, after its other members were taken.
    func scored(
        _ members: inout YAMLMembers, _ position: TextPosition
    ) throws(ConfigurationError) -> PatternDefinition {
        var definition = PatternDefinition(position: position)
        try readBody(&members, into: &definition)
        try readOwn(&members, into: &definition, isUse: false)
        if let timeouts = definition.timeouts {
            throw members.fault("'timeouts' is for the patterns of pipelines", timeouts.position)
        }
        return definition
    }

    /// Reads the sequence itself.
    private func readBody(
        _ members: inout YAMLMembers, into definition: inout PatternDefinition
    ) throws(ConfigurationError) {
        if let within = members.take("within") { definition.within = try members.milliseconds(within, "within") }
        if let skip = members.take("skip") {
            (definition.skip, definition.skipPosition) = (try self.skip(skip, members), skip.position)
        }
        if let limits = members.take("limits") { definition.limits = try self.limits(limits) }
        let node = try members.require("stages")
        definition.stages = try stages(node, members)
    }

    /// Reads what a stream may add to a shared pattern.
    private func readOwn(
        _ members: inout YAMLMembers, into definition: inout PatternDefinition, isUse: Bool
    ) throws(ConfigurationError) {
        if let timeouts = members.take("timeouts") {
            definition.timeouts = try members.text(timeouts, "timeouts")
        }
        if let audience = members.take("for") { definition.audience = try members.text(audience, "for") }
        guard let with = members.take("with") else { return }
        for (name, position, value) in try members.entries(with, "with") {
            let known = definition.parameters.firstIndex { $0.name == name }
            if isUse, known == nil {
                let near = NearestName.of(name, among: definition.parameters.map(\.name))
                throw members.fault(
                    "the pattern has no parameter '\(name)'" + (near.map { "; did you mean '\($0)'?" } ?? ""), position)
            }
            guard PatternName.isName(name) else { throw members.fault(PatternName.rule(name), position) }
            let parameter = (name: name, value: try parameter(value, "with.\(name)", members))
            if let known { definition.parameters[known] = parameter } else { definition.parameters.append(parameter) }
        }
    }

    /// A number, a truth value, a text or a list of these.
    private func parameter(
        _ node: YAMLNode, _ key: String, _ members: YAMLMembers
    ) throws(ConfigurationError) -> Value {
        switch node.content {
        case .scalar(let text, isPlain: true):
            if let int = Int64(text) { return .int(int) }
            if let double = Double(text), double.isFinite { return .double(double) }
            if let bool = Bool(text) { return .bool(bool) }
            return .string(try members.text(node, key).text)
        case .scalar(let text, isPlain: false): return .string(text)
        case .list(let elements):
            var values: [Value] = []
            for element in elements { values.append(try parameter(element, key, members)) }
            return .list(values)
        case .map: throw members.fault("'\(key)' must be a value or a list of values, not a map", node.position)
        }
    }

    private func skip(_ node: YAMLNode, _ members: YAMLMembers) throws(ConfigurationError) -> Pattern.Skip {
        let words = try members.text(node, "skip").text.split(separator: " ").map(String.init)
        switch (words.first, words.count) {
        case ("none", 1): return .none
        case ("next", 1): return .toNext
        case ("past_last", 1): return .pastLast
        case ("first", 2): return .toFirst(words[1])
        case ("last", 2): return .toLast(words[1])
        default:
            throw members.fault(
                "'skip' is none, next, past_last, 'first STAGE' or 'last STAGE', not '\(words.joined(separator: " "))'",
                node.position)
        }
    }

    private func limits(_ node: YAMLNode) throws(ConfigurationError) -> PatternMatcher.Limits {
        var members = try YAMLMembers(node, "'limits'", path: path)
        var limits = PatternMatcher.Limits()
        for (key, place) in [("runs", \PatternMatcher.Limits.runs), ("events", \PatternMatcher.Limits.events)] {
            guard let node = members.take(key) else { continue }
            let count = try members.count(node, key)
            guard count <= PatternMatcher.Limits.most else {
                throw members.fault("'\(key)' is at most \(PatternMatcher.Limits.most)", node.position)
            }
            limits[keyPath: place] = Int(count)
        }
        try members.finish()
        return limits
    }

    // MARK: Stages

    private func stages(
        _ node: YAMLNode, _ members: YAMLMembers
    ) throws(ConfigurationError) -> [PatternDefinition.Stage] {
        var stages: [PatternDefinition.Stage] = []
        for element in try members.elements(node, "stages") {
            stages.append(try stage(element, isFirst: stages.isEmpty))
        }
        guard !stages.isEmpty else { throw members.fault("'stages' is empty", node.position) }
        return stages
    }

    private func stage(_ node: YAMLNode, isFirst: Bool) throws(ConfigurationError) -> PatternDefinition.Stage {
        var members = try YAMLMembers(node, "a stage", path: path)
        if let group = members.take("group") {
            try members.finish()
            return try self.group(group, isFirst: isFirst)
        }
        var stage = PatternDefinition.Stage(position: node.position)
        let name = try members.text(try members.require("name"), "name")
        guard PatternName.isName(name.text) else { throw members.fault(PatternName.rule(name.text), name.position) }
        stage.name = name
        let owner = "stage '\(name.text)'"
        try readContiguity(&members, into: &stage, owner, isFirst: isFirst)
        try readRepetition(&members, into: &stage)
        try members.finish()
        return stage
    }

    private func group(_ node: YAMLNode, isFirst: Bool) throws(ConfigurationError) -> PatternDefinition.Stage {
        var members = try YAMLMembers(node, "a group", path: path)
        var stage = PatternDefinition.Stage(position: node.position)
        for contiguity in Pattern.Contiguity.allCases where contiguity != .begin {
            guard let value = members.take(contiguity.rawValue) else { continue }
            guard try members.truth(value, contiguity.rawValue) else {
                throw members.fault("'\(contiguity.rawValue)' of a group must be true", value.position)
            }
            guard stage.contiguity == .begin, !contiguity.isNot else {
                throw members.fault("a group has one of 'next', 'followedBy' and 'followedByAny'", value.position)
            }
            stage.contiguity = contiguity
        }
        guard isFirst == (stage.contiguity == .begin) else {
            throw members.fault(
                isFirst
                    ? "the first stage follows nothing"
                    : "say how the group follows: 'next: true', 'followedBy: true' or 'followedByAny: true'",
                node.position)
        }
        try readRepetition(&members, into: &stage)
        stage.members = try stages(try members.require("stages"), members)
        try members.finish()
        return stage
    }

    private func readContiguity(
        _ members: inout YAMLMembers, into stage: inout PatternDefinition.Stage, _ owner: String, isFirst: Bool
    ) throws(ConfigurationError) {
        var found: [Pattern.Contiguity] = []
        for contiguity in Pattern.Contiguity.allCases {
            let key = contiguity == .begin ? "where" : contiguity.rawValue
            guard let value = members.take(key) else { continue }
            found.append(contiguity)
            stage.contiguity = contiguity
            stage.conditions = try conditions(value, key, members)
        }
        guard found.count <= 1 else {
            let names = found.map { $0 == .begin ? "'where'" : "'\($0.rawValue)'" }.joined(separator: " and ")
            throw members.fault("\(owner) has \(names); it follows in one way", stage.position)
        }
        if found.isEmpty { try members.finish() }
        guard !found.isEmpty, isFirst == (stage.contiguity == .begin) else {
            throw members.fault(
                isFirst
                    ? "\(owner) is the first: it has 'where'"
                    : "say how \(owner) follows: with 'next', 'followedBy', 'followedByAny', 'notNext' or "
                        + "'notFollowedBy'", stage.position)
        }
    }

    /// Reads one condition, or alternatives: a list, or `any_of` with a list.
    private func conditions(
        _ node: YAMLNode, _ key: String, _ members: YAMLMembers
    ) throws(ConfigurationError) -> [SourceText] {
        var list = node
        if case .map = node.content {
            var inside = try YAMLMembers(node, "'\(key)'", path: path)
            list = try inside.require("any_of")
            try inside.finish()
        }
        guard case .list(let elements) = list.content else { return [try members.text(list, key)] }
        var conditions: [SourceText] = []
        for element in elements { conditions.append(try members.text(element, key)) }
        guard !conditions.isEmpty else { throw members.fault("'\(key)' has no condition", list.position) }
        return conditions
    }

    private func readRepetition(
        _ members: inout YAMLMembers, into stage: inout PatternDefinition.Stage
    ) throws(ConfigurationError) {
        if let times = members.take("times") { stage.quantifier = try quantifier(times, members) }
        if let optional = members.take("optional") { stage.isOptional = try members.truth(optional, "optional") }
        if let greedy = members.take("greedy") { stage.isGreedy = try members.truth(greedy, "greedy") }
        if let inner = members.take("inner") { stage.inner = try members.choice(inner, "inner") }
        if let until = members.take("until") { stage.until = try conditions(until, "until", members) }
    }

    /// `N`, `[N, M]` or `"N+"`.
    private func quantifier(
        _ node: YAMLNode, _ members: YAMLMembers
    ) throws(ConfigurationError) -> Pattern.Quantifier {
        func fault() -> ConfigurationError {
            members.fault(
                "'times' is a number such as 3, two such as [2, 5], or a least number such as \"1+\"", node.position)
        }
        if case .list(let elements) = node.content {
            guard elements.count == 2, let least = Int(try members.text(elements[0], "times").text),
                let most = Int(try members.text(elements[1], "times").text)
            else { throw fault() }
            return .times(least, most)
        }
        let text = try members.text(node, "times").text
        if text.hasSuffix("+") {
            guard let least = Int(text.dropLast()) else { throw fault() }
            return .atLeast(least)
        }
        guard let count = Int(text) else { throw fault() }
        return .times(count, count)
    }
}

/// The names of stages and parameters in expressions.
enum PatternName {
    static func isName(_ text: String) -> Bool { PipelineName.isName(text) && !reserved.contains(text) }

    /// Names that expressions of a stream have already, and words of the language.
    private static let reserved: Set<String> = [
        "event", "event_time", "key", "began", "ended", "pattern", "stages", "lists", "true", "false", "null", "in",
        "size", "stream",
    ]

    static func rule(_ text: String) -> String {
        reserved.contains(text)
            ? "'\(text)' means something else in expressions; choose another name"
            : "a name has only letters, digits and _, unlike '\(text)'"
    }
}
