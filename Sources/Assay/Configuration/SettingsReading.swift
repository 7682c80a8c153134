import Arguments
import AssayCore

/// Reads the values of a file into the settings, and refuses invalid ones.
struct SettingsReading {
    private(set) var configuration = Configuration()
    private let path: String
    private var positions: [String: TextPosition] { configuration.positions }

    /// Without them, inputs and outputs are skipped.
    private let kinds: ConnectorKinds?

    init(path: String, _ kinds: ConnectorKinds? = nil) {
        self.path = path
        self.kinds = kinds
    }

    mutating func read(_ root: YAMLNode) throws(ConfigurationError) {
        guard case .map(let members) = root.content, !members.contains(where: { $0.key == "streams" }) else {
            if case .map = root.content { throw fault("this is a pipeline; 'assay run' runs it", root.position) }
            throw fault("a configuration must be a map of keys and values, not \(root.kindName)", root.position)
        }
        var mistakes = Mistakes()
        readMembers(members, of: root, prefix: "", &mistakes)
        try mistakes.throwAll()
        try checkTogether()
        for pattern in configuration.patterns where configuration.rules.contains(where: { $0.name == pattern.name }) {
            throw fault("there is a rule '\(pattern.name)' too; give the pattern another name", pattern.position)
        }
    }

    /// Reads all members, and goes on after a mistake.
    private mutating func readMembers(
        _ members: [(key: String, position: TextPosition, value: YAMLNode)], of node: YAMLNode, prefix: String,
        _ mistakes: inout Mistakes
    ) {
        for (key, position, value) in members {
            do throws(ConfigurationError) {
                try read(key, position, value, of: node, prefix: prefix, &mistakes)
            } catch {
                mistakes.note(error)
            }
        }
    }

    private mutating func read(
        _ key: String, _ position: TextPosition, _ value: YAMLNode, of node: YAMLNode, prefix: String,
        _ mistakes: inout Mistakes
    ) throws(ConfigurationError) {
        let path = prefix + key
        if path == "rules" {
            configuration.rules = try RuleReading(path: self.path).rules(value)
        } else if path == "patterns" {
            configuration.patterns = try RuleReading(path: self.path).patterns(value)
        } else if path == "lists" {
            configuration.lists = try RuleReading(path: self.path).lists(value)
        } else if path == "inputs" || path == "outputs" {
            try readConnectors(path, value, YAMLMembers(node, "the configuration", path: self.path))
        } else if path == "alerts" {
            try readAlerts(value)
        } else if path == "review" {
            configuration.review = try ReviewSettings.read(value, path: self.path)
        } else if Self.connectorKeys.contains(path) || kinds?.keys.contains(path) ?? false {
            // Read with the outputs that share it.
            return
        } else if let setting = Setting.all.first(where: { $0.path == path }) {
            configuration.positions[path] = value.position
            try set(setting, value)
        } else if Setting.all.contains(where: { $0.path.hasPrefix(path + ".") }) {
            // An empty section changes nothing.
            if case .scalar("", isPlain: true) = value.content { return }
            guard case .map(let members) = value.content else {
                throw fault("'\(path)' must be a map of keys and values, not \(value.kindName)", value.position)
            }
            readMembers(members, of: value, prefix: path + ".", &mistakes)
        } else {
            throw unknown(key, prefix: prefix, position)
        }
    }

    private mutating func readConnectors(
        _ key: String, _ node: YAMLNode, _ members: YAMLMembers
    ) throws(ConfigurationError) {
        guard let kinds else { return }
        let shared = SharedSettings(members.shared(kinds.keys))
        if key == "inputs" {
            configuration.inputs = try InputReading(
                path: path, kinds: kinds.sources + [JudgementSourceKind()], format: .jsonl, shared: shared
            ).inputs(node, members)
            return
        }
        let outputs = try OutputReading(path: path, kinds: kinds.outputs, selects: true, shared: shared)
            .outputs(node, members)
        for output in outputs {
            switch output.stream.text {
            case "assessments": configuration.outputs.append(output)
            case NamedOutput.rejects: configuration.rejects.append(try output.rejects(path: path))
            default:
                throw fault(
                    "'outputs' of scoring are of 'assessments' and 'rejects', not of '\(output.stream.text)'",
                    output.stream.position)
            }
        }
    }

    private mutating func readAlerts(_ node: YAMLNode) throws(ConfigurationError) {
        guard let kinds else { return }
        let alerts = try AlertReading(path: path, kinds: kinds.channels).alerts(node)
        for rule in alerts.rules {
            if case .stream(let name) = rule.subject {
                throw fault(
                    "alert '\(rule.name)': alerts of scoring are on 'assessments' or 'engine', not on '\(name)'",
                    rule.on.position)
            }
        }
        configuration.alerts = alerts
    }

    /// Known to builds without the connector and to readers of settings alone, which pass over them.
    private static let connectorKeys = ["kafka", "postgres"]

    private func unknown(_ key: String, prefix: String, _ position: TextPosition) -> ConfigurationError {
        let siblings =
            Setting.all.filter { $0.path.hasPrefix(prefix) }
            .map { String($0.path.dropFirst(prefix.count).prefix { $0 != "." }) }
            + (prefix.isEmpty ? ["rules", "patterns", "lists", "inputs", "outputs", "alerts", "review"] : [])
        var message = "unknown key '\(prefix)\(key)'"
        if let near = NearestName.of(key, among: siblings) {
            message += "; did you mean '\(prefix)\(near)'?"
        } else if let elsewhere = Setting.all.first(where: { $0.path.hasSuffix("." + key) }) {
            message += "; did you mean '\(elsewhere.path)'?"
        }
        return fault(message, position)
    }

    private func fault(_ message: String, _ position: TextPosition?) -> ConfigurationError {
        ConfigurationError(path: path, position: position, message: message)
    }

    private mutating func set(_ setting: Setting, _ node: YAMLNode) throws(ConfigurationError) {
        switch setting.value {
        case .real(let place, let range): configuration[keyPath: place] = try real(setting, node, range)
        case .count(let place, let range):
            configuration[keyPath: place] = try integer(setting.path, node, range)
        case .hour(let place): configuration[keyPath: place] = try integer(setting.path, node, 0...23)
        case .truth(let place): configuration[keyPath: place] = try truth(setting, node)
        case .duration(let place, let range):
            configuration[keyPath: place] = try milliseconds(setting.path, node, range)
        case .text(let place, let bytes): configuration[keyPath: place] = try text(setting.path, node, bytes)
        case .combination(let place):
            configuration[keyPath: place] = try choice(setting, node)
        case .amountSign(let place):
            configuration[keyPath: place] = try choice(setting, node)
        case .windows(let place):
            var windows: [UInt32] = []
            for element in try list(setting.path, node, 1...Setting.mostWindows) {
                let range = Setting.windowSeconds.lowerBound * 1000...Setting.windowSeconds.upperBound * 1000
                let milliseconds = try milliseconds(setting.path, element, range)
                guard milliseconds % 1000 == 0 else {
                    throw fault("'\(setting.path)' must be whole seconds", element.position)
                }
                windows.append(UInt32(milliseconds / 1000))
            }
            configuration[keyPath: place] = windows
        case .thresholds(let place): configuration[keyPath: place] = try thresholds(setting.path, node)
        case .thresholdsByType(let place):
            for (type, position, value) in try map(setting.path, node) {
                guard Transaction.typeLengths.contains(type.utf8.count) else {
                    throw fault("a type has 1 to 64 bytes", position)
                }
                configuration[keyPath: place][type] = try thresholds("\(setting.path).\(type)", value)
            }
        case .fieldNames(let place): configuration[keyPath: place] = try fieldNames(setting.path, node)
        case .role(let place): configuration[keyPath: place] = try choice(setting, node)
        case .fields(let place, let counts):
            configuration[keyPath: place] = try fields(setting.path, node, counts)
        case .counts(let places, let range):
            for (name, position, value) in try map(setting.path, node) {
                guard let place = places.first(where: { $0.name == name })?.place else {
                    let names = places.map(\.name).joined(separator: " and ")
                    throw fault("'\(setting.path)' has \(names), not '\(name)'", position)
                }
                configuration[keyPath: place] = try integer("\(setting.path).\(name)", value, range)
            }
        }
    }

    // MARK: Values of one kind

    private func plain(_ path: String, _ node: YAMLNode, _ wanted: String) throws(ConfigurationError) -> String {
        guard case .scalar(let text, _) = node.content else {
            throw fault("'\(path)' must be \(wanted), not \(node.kindName)", node.position)
        }
        return text
    }

    private func real(
        _ setting: Setting, _ node: YAMLNode, _ range: ClosedRange<Double>
    ) throws(ConfigurationError) -> Double {
        let text = try plain(setting.path, node, "a number")
        guard let value = Double(text), range.contains(value) else {
            throw fault(
                "'\(setting.path)' must be a number from \(range.lowerBound) to \(range.upperBound), not '\(text)'",
                node.position)
        }
        return value
    }

    private func integer<Integer: FixedWidthInteger>(
        _ path: String, _ node: YAMLNode, _ range: ClosedRange<Integer>
    ) throws(ConfigurationError) -> Integer {
        let text = try plain(path, node, "a whole number")
        guard let value = Integer(text), range.contains(value) else {
            throw fault(
                "'\(path)' must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'",
                node.position)
        }
        return value
    }

    private func truth(_ setting: Setting, _ node: YAMLNode) throws(ConfigurationError) -> Bool {
        let text = try plain(setting.path, node, "true or false")
        guard let value = Bool(text) else {
            throw fault("'\(setting.path)' must be true or false, not '\(text)'", node.position)
        }
        return value
    }

    private func text(
        _ path: String, _ node: YAMLNode, _ bytes: ClosedRange<Int>
    ) throws(ConfigurationError) -> String {
        let text = try plain(path, node, "a text")
        guard bytes.contains(text.utf8.count) else {
            throw fault("'\(path)' must have \(bytes.lowerBound) to \(bytes.upperBound) bytes", node.position)
        }
        return text
    }

    private func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ setting: Setting, _ node: YAMLNode
    ) throws(ConfigurationError) -> Choice {
        let names = Choice.allCases.map(\.rawValue)
        let text = try plain(setting.path, node, "one of \(names.joined(separator: ", "))")
        if let choice = Choice(rawValue: text) { return choice }
        let hint = NearestName.of(text, among: names).map { "; did you mean '\($0)'?" } ?? ""
        throw fault(
            "'\(setting.path)' must be one of \(names.joined(separator: ", ")), not '\(text)'\(hint)", node.position)
    }

    /// `5m`, or a whole number of seconds.
    private func milliseconds(
        _ path: String, _ node: YAMLNode, _ range: ClosedRange<Int64>
    ) throws(ConfigurationError) -> Int64 {
        let text = try plain(path, node, "a duration such as 10s, 5m, 1h or 90d")
        let seconds = Int64(text).flatMap { $0 < .max / 1000 && $0 >= 0 ? $0 * 1000 : nil }
        guard let value = Quantity.milliseconds(text) ?? seconds else {
            throw fault("'\(path)' must be a duration such as 10s, 5m, 1h or 90d, not '\(text)'", node.position)
        }
        guard range.contains(value) else {
            let bounds =
                "\(Quantity.text(milliseconds: range.lowerBound)) to \(Quantity.text(milliseconds: range.upperBound))"
            throw fault("'\(path)' must be from \(bounds), not '\(text)'", node.position)
        }
        return value
    }

    private func list(
        _ path: String, _ node: YAMLNode, _ counts: ClosedRange<Int>
    ) throws(ConfigurationError) -> [YAMLNode] {
        guard case .list(let elements) = node.content, counts.contains(elements.count) else {
            throw fault("'\(path)' must be a list of \(counts.lowerBound) to \(counts.upperBound)", node.position)
        }
        return elements
    }

    private func map(
        _ path: String, _ node: YAMLNode
    ) throws(ConfigurationError) -> [(key: String, position: TextPosition, value: YAMLNode)] {
        guard case .map(let members) = node.content else {
            throw fault("'\(path)' must be a map of keys and values, not \(node.kindName)", node.position)
        }
        return members
    }

    private func thresholds(_ path: String, _ node: YAMLNode) throws(ConfigurationError) -> [UInt32] {
        var thresholds: [UInt32] = []
        for element in try list(path, node, 1...Setting.mostWindows) {
            thresholds.append(try integer(path, element, Setting.thresholdValues))
        }
        return thresholds
    }

    private func fields(
        _ path: String, _ node: YAMLNode, _ counts: ClosedRange<Int>
    ) throws(ConfigurationError) -> [String] {
        var fields: [String] = []
        for element in try list(path, node, counts) {
            let name = try text(path, element, 1...Configuration.longestFieldName)
            guard !fields.contains(name) else { throw fault("'\(path)' has '\(name)' twice", element.position) }
            fields.append(name)
        }
        return fields
    }

    private func fieldNames(_ path: String, _ node: YAMLNode) throws(ConfigurationError) -> [String: String] {
        var names: [String: String] = [:]
        for (theirs, _, value) in try map(path, node) {
            let ours = try plain(path, value, "the name of a field")
            let targets = TransactionFields.targets
            guard targets.contains(ours) else {
                let hint = NearestName.of(ours, among: targets).map { "; did you mean '\($0)'?" } ?? ""
                throw fault("'\(ours)' is not one of our fields\(hint)", value.position)
            }
            guard !names.values.contains(ours) else {
                throw fault("'\(ours)' has two names", value.position)
            }
            names[theirs] = ours
        }
        return names
    }

    // MARK: Values that must fit together

    private func checkTogether() throws(ConfigurationError) {
        let scoring = configuration.scoring
        let windows = scoring.velocity.windowSeconds
        guard zip(windows, windows.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw fault("'velocity.windows' must ascend", positions["velocity.windows"])
        }
        let given = positions["velocity.thresholds"] ?? positions["velocity.windows"]
        for (type, thresholds) in scoring.velocity.thresholds.sorted(by: { $0.key < $1.key })
        where thresholds.count != windows.count {
            throw fault("'velocity.thresholds.\(type)' needs one threshold for each of the windows", given)
        }
        guard scoring.velocity.otherThresholds.count == windows.count else {
            throw fault(
                "'velocity.other_thresholds' needs one threshold for each of the windows",
                positions["velocity.other_thresholds"] ?? positions["velocity.windows"])
        }
        guard scoring.location.samePlaceKilometers <= scoring.location.unusualKilometers else {
            throw fault(
                "'location.same_place_km' must not be more than 'location.unusual_km'",
                positions["location.same_place_km"] ?? positions["location.unusual_km"])
        }
        let learning = scoring.learning
        guard learning.maturityMilliseconds <= learning.retentionMilliseconds else {
            throw fault(
                "'learning.retention' must be at least 'learning.maturity'",
                positions["learning.retention"] ?? positions["learning.maturity"])
        }
        if !learning.isEnabled, configuration.inputs.contains(where: { $0.definition.isFollower }) {
            throw fault("an input of judgements needs 'learning: {enabled: true}'", positions["learning.enabled"])
        }
        let levels = scoring.levels
        guard levels.medium <= levels.high, levels.high <= levels.critical else {
            throw fault(
                "the levels must not descend from medium to critical",
                positions["levels.medium"] ?? positions["levels.high"] ?? positions["levels.critical"])
        }
    }
}
