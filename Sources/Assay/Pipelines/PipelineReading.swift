import Arguments
import AssayCore
import CivilTime

/// Reads a pipeline file without compiling its expressions.
struct PipelineReading {
    private var pipeline: PipelineDefinition
    private let path: String
    private var zone = TimeZoneRules.utc
    /// Patterns that several streams may use, by name.
    private var patterns: [String: YAMLNode] = [:]

    private let kinds: ConnectorKinds

    private init(path: String, _ kinds: ConnectorKinds) {
        self.path = path
        self.kinds = kinds
        pipeline = PipelineDefinition(path: path, standardOutput: kinds.standardOutput)
    }

    static func read(
        _ bytes: [UInt8], path: String, _ kinds: ConnectorKinds
    ) throws(ConfigurationError) -> PipelineDefinition {
        var reading = PipelineReading(path: path, kinds)
        guard let root = try YAMLReader.read(bytes, path: path) else {
            throw ConfigurationError(path: path, position: nil, message: "the pipeline is empty; it needs 'streams'")
        }
        try reading.read(root)
        return reading.pipeline
    }

    /// Whether a file is a pipeline and not a configuration.
    static func isPipeline(_ root: YAMLNode) -> Bool {
        guard case .map(let members) = root.content else { return false }
        return members.contains { $0.key == "streams" }
    }

    private mutating func read(_ root: YAMLNode) throws(ConfigurationError) {
        var members = try YAMLMembers(root, "a pipeline", path: path)
        if !Self.isPipeline(root), ["rules", "velocity", "levels"].contains(where: { members.take($0) != nil }) {
            throw members.fault(
                "this is a configuration of scoring; 'assay score --config \(path)' takes it", root.position)
        }
        for key in kinds.keys { _ = members.take(key) }
        if let learning = members.take("learning") {
            throw members.fault(StreamCompiler.learningRefused, learning.position)
        }
        var mistakes = Mistakes()
        for section in try sections(&members) {
            do throws(ConfigurationError) {
                try read(section.key, section.value, members, &mistakes)
            } catch {
                mistakes.note(error)
            }
        }
        mistakes.attempt { () throws(ConfigurationError) in try members.finish() }
        try mistakes.throwAll()
    }

    /// In an order in which each needs only those before it.
    private func sections(
        _ members: inout YAMLMembers
    ) throws(ConfigurationError) -> [(key: String, value: YAMLNode)] {
        var sections: [(key: String, value: YAMLNode)] = []
        for key in ["input", "inputs", "lists", "derive", "patterns"] {
            if let value = members.take(key) { sections.append((key, value)) }
        }
        let outputs = members.take("outputs")
        let alerts = members.take("alerts")
        sections.append(("streams", try members.require("streams")))
        if let outputs { sections.append(("outputs", outputs)) }
        if let alerts { sections.append(("alerts", alerts)) }
        return sections
    }

    private mutating func read(
        _ section: String, _ node: YAMLNode, _ members: YAMLMembers, _ mistakes: inout Mistakes
    ) throws(ConfigurationError) {
        switch section {
        case "input": try readInput(node)
        case "inputs":
            pipeline.inputs = try InputReading(
                path: path, kinds: kinds.sources, format: pipeline.input.format,
                shared: SharedSettings(members.shared(kinds.keys))
            ).inputs(node, members)
            for name in pipeline.inputs.flatMap(\.definition.addedFields)
            where pipeline.input.fields?.contains(where: { $0.name == name }) == false {
                pipeline.input.fields?.append((name, .dyn))
            }
        case "lists": pipeline.lists = try RuleReading(path: path).lists(node)
        case "derive": pipeline.derived = try columns(node, "derive", members)
        case "patterns": try readPatterns(node, members, &mistakes)
        case "alerts": pipeline.alerts = try AlertReading(path: path, kinds: kinds.channels).alerts(node)
        case "streams": try readStreams(node, members, &mistakes)
        default:
            pipeline.outputs = try OutputReading(
                path: path, kinds: kinds.outputs, shared: SharedSettings(members.shared(kinds.keys))
            ).outputs(node, members)
        }
    }

    private mutating func readStreams(
        _ node: YAMLNode, _ members: YAMLMembers, _ mistakes: inout Mistakes
    ) throws(ConfigurationError) {
        let entries = try members.entries(node, "streams")
        for (name, position, value) in entries {
            do throws(ConfigurationError) {
                guard PipelineName.isName(name) else {
                    throw members.fault("a stream's name has only letters, digits and _, unlike '\(name)'", position)
                }
                pipeline.streams.append(try stream(name, position, value))
            } catch {
                mistakes.note(error)
            }
        }
        guard (1...PipelineDefinition.mostStreams).contains(entries.count) else {
            throw members.fault("'streams' has 1 to \(PipelineDefinition.mostStreams)", node.position)
        }
    }

    /// Reads unused patterns too, so that a mistake in one is found.
    private mutating func readPatterns(
        _ node: YAMLNode, _ members: YAMLMembers, _ mistakes: inout Mistakes
    ) throws(ConfigurationError) {
        for (name, position, value) in try members.entries(node, "patterns") {
            // A stream that names a bad one has no other mistake.
            patterns[name] = value
            do throws(ConfigurationError) {
                guard PipelineName.isName(name) else { throw members.fault(PatternName.rule(name), position) }
                _ = try PatternReading(path: path).pattern(value, "pattern '\(name)'")
            } catch {
                mistakes.note(error)
            }
        }
    }

    // MARK: Input

    private mutating func readInput(_ node: YAMLNode) throws(ConfigurationError) {
        var members = try YAMLMembers(node, "'input'", path: path)
        var input = PipelineDefinition.Input()
        if let format = members.take("format") { input.format = try members.choice(format, "format") }
        if let time = members.take("time") {
            let text = try members.text(time, "time")
            (input.time, input.timePosition) = (text.text, text.position)
        }
        if let unit = members.take("time_unit") { input.unit = try members.choice(unit, "time_unit") }
        if let node = members.take("timezone") {
            let text = try members.text(node, "timezone")
            (input.zoneName, input.zonePosition) = (text.text, text.position)
            zone = try loadZone(text)
        }
        if let node = members.take("out_of_order") {
            input.outOfOrder = try members.milliseconds(node, "out_of_order", from: 0)
        }
        if let node = members.take("ahead") { input.ahead = try members.milliseconds(node, "ahead", from: 0) }
        if let node = members.take("idle") { input.idle = try members.milliseconds(node, "idle", from: 100) }
        if let node = members.take("fields") {
            var fields: [(name: String, type: FieldType)] = []
            for (name, _, value) in try members.entries(node, "fields") {
                fields.append((name, try members.choice(value, "fields.\(name)")))
            }
            guard fields.count <= PipelineDefinition.mostColumns else {
                throw members.fault("'fields' has at most \(PipelineDefinition.mostColumns)", node.position)
            }
            input.fields = fields
        }
        try members.finish()
        pipeline.input = input
    }

    private func loadZone(_ name: SourceText) throws(ConfigurationError) -> TimeZoneRules {
        do throws(ZoneError) {
            return try ZoneFile.load(name.text)
        } catch {
            throw ConfigurationError(path: path, position: name.position, message: error.description)
        }
    }

    // MARK: Streams

    private func stream(
        _ name: String, _ position: TextPosition, _ node: YAMLNode
    ) throws(ConfigurationError) -> PipelineDefinition.Stream {
        var members = try YAMLMembers(node, "stream '\(name)'", path: path)
        var stream = PipelineDefinition.Stream(name: name, position: position)
        if let from = members.take("from") { stream.from = try sources(from, members) }
        if let condition = members.take("where") { stream.condition = try members.text(condition, "where") }
        if let having = members.take("having") { stream.having = try members.text(having, "having") }
        let window = members.take("window")
        let running = members.take("emit_each")
        let pattern = members.take("pattern")
        if let score = members.take("score") {
            stream.kind = .score(try scoreConfiguration(score))
        } else if let window {
            var keyed = PipelineDefinition.Keyed(keys: try keys(&members), shape: try shape(window))
            if let node = members.take("lateness") {
                keyed.lateness = try members.milliseconds(node, "lateness", from: 0)
                if case .global = keyed.shape { throw members.fault("windows of counts are never late", node.position) }
            }
            if let late = members.take("late") { keyed.late = try members.text(late, "late") }
            stream.columns = try columns(try members.require("emit"), "emit", members)
            stream.kind = .windows(keyed)
        } else if let running {
            var keyed = PipelineDefinition.Keyed(
                keys: try keys(&members), shape: .global(every: 1, forgets: false))
            keyed.isRunning = true
            stream.columns = try columns(running, "emit_each", members)
            stream.kind = .windows(keyed)
        } else if let pattern {
            stream.kind = .pattern(try sequences(pattern, &members))
            if let emit = members.take("emit") { stream.columns = try columns(emit, "emit", members) }
        } else {
            if let select = members.take("select") { stream.columns = try selection(select, members) }
            if let having = stream.having {
                throw members.fault("'having' is for streams with 'emit'; use 'where'", having.position)
            }
        }
        try members.finish()
        return stream
    }

    private func sources(_ node: YAMLNode, _ members: YAMLMembers) throws(ConfigurationError) -> [SourceText] {
        guard case .list(let elements) = node.content else { return [try members.text(node, "from")] }
        var sources: [SourceText] = []
        for element in elements {
            let source = try members.text(element, "from")
            guard !sources.contains(where: { $0.text == source.text }) else {
                throw members.fault("'from' has '\(source.text)' twice", source.position)
            }
            sources.append(source)
        }
        guard !sources.isEmpty else { throw members.fault("'from' is empty", node.position) }
        return sources
    }

    private func scoreConfiguration(_ node: YAMLNode) throws(ConfigurationError) -> SourceText {
        var members = try YAMLMembers(node, "'score'", path: path)
        let configuration = try members.text(try members.require("config"), "config")
        try members.finish()
        return configuration
    }

    private func sequences(
        _ node: YAMLNode, _ members: inout YAMLMembers
    ) throws(ConfigurationError) -> PipelineDefinition.Sequences {
        var sequences = PipelineDefinition.Sequences(
            keys: try keys(&members), pattern: try PatternReading(path: path).pattern(node, named: patterns))
        if let late = members.take("late") { sequences.late = try members.text(late, "late") }
        return sequences
    }

    private func keys(_ members: inout YAMLMembers) throws(ConfigurationError) -> [NamedExpression] {
        guard let node = members.take("key") else { return [] }
        switch node.content {
        case .scalar:
            let text = try members.text(node, "key")
            let name = PipelineName.isName(text.text) ? text.text : "key"
            return [NamedExpression(name: name, position: node.position, expression: text)]
        case .map: return try columns(node, "key", members)
        case .list(let elements):
            var keys: [NamedExpression] = []
            for element in elements { keys.append(try field(element, "key", members)) }
            return try checked(keys, "key", node, members)
        }
    }

    /// A plain name, which is its own expression.
    private func field(
        _ node: YAMLNode, _ key: String, _ members: YAMLMembers
    ) throws(ConfigurationError) -> NamedExpression {
        let text = try members.text(node, key)
        guard PipelineName.isName(text.text) else {
            throw members.fault(
                "'\(key)' lists names of fields; for '\(text.text)' write a map, such as {name: \(text.text)}",
                node.position)
        }
        return NamedExpression(name: text.text, position: node.position, expression: text)
    }

    private func selection(
        _ node: YAMLNode, _ members: YAMLMembers
    ) throws(ConfigurationError) -> [NamedExpression] {
        guard case .list(let elements) = node.content else { return try columns(node, "select", members) }
        var columns: [NamedExpression] = []
        for element in elements { columns.append(try field(element, "select", members)) }
        return try checked(columns, "select", node, members)
    }

    private func columns(
        _ node: YAMLNode, _ key: String, _ members: YAMLMembers
    ) throws(ConfigurationError) -> [NamedExpression] {
        var columns: [NamedExpression] = []
        for (name, position, value) in try members.entries(node, key) {
            guard PipelineName.isName(name) else {
                throw members.fault("a column's name has only letters, digits and _, unlike '\(name)'", position)
            }
            columns.append(
                NamedExpression(name: name, position: position, expression: try members.text(value, "\(key).\(name)")))
        }
        return try checked(columns, key, node, members)
    }

    private func checked(
        _ columns: [NamedExpression], _ key: String, _ node: YAMLNode, _ members: YAMLMembers
    ) throws(ConfigurationError) -> [NamedExpression] {
        guard (1...PipelineDefinition.mostColumns).contains(columns.count) else {
            throw members.fault("'\(key)' has 1 to \(PipelineDefinition.mostColumns) columns", node.position)
        }
        var names: Set<String> = []
        for column in columns where !names.insert(column.name).inserted {
            throw members.fault("'\(key)' has '\(column.name)' twice", column.position)
        }
        return columns
    }

    // MARK: Windows

    private func shape(_ node: YAMLNode) throws(ConfigurationError) -> WindowShape {
        var members = try YAMLMembers(node, "'window'", path: path)
        let shape: WindowShape
        if let size = members.take("tumbling") {
            shape = try tumbling(&members, size)
        } else if let size = members.take("sliding") {
            shape = try sliding(&members, size)
        } else if let gap = members.take("session") {
            shape = .session(gap: try members.milliseconds(gap, "session"))
        } else if let count = members.take("count") {
            shape = .global(every: try members.count(count, "count"), forgets: true)
        } else if let count = members.take("global") {
            shape = .global(every: try members.count(count, "global"), forgets: false)
        } else {
            try members.finish()
            throw members.fault(
                "a window is one of {tumbling: 30s}, {sliding: 1m, every: 10s}, {session: 5m}, {count: 100} and "
                    + "{global: 100}", node.position)
        }
        try members.finish()
        return shape
    }

    private func tumbling(_ members: inout YAMLMembers, _ node: YAMLNode) throws(ConfigurationError) -> WindowShape {
        let size = try members.milliseconds(node, "tumbling")
        let offset = try offset(&members, less: size, than: "tumbling")
        guard let align = members.take("align") else { return .tumbling(size: size, offset: offset) }
        let text = try members.text(align, "align")
        guard text.text == "midnight", offset == 0 else {
            throw members.fault("'align' is midnight, the zone's, and has no 'offset'", align.position)
        }
        guard DailyPlaces.isPossible(size: size) else {
            throw members.fault(
                "windows from midnight are whole days, or a part that a day is a multiple of; "
                    + "\(Quantity.text(milliseconds: size)) is neither", node.position)
        }
        return .daily(DailyPlaces(zone: zone, size: size))
    }

    /// Each event is in windows of at most this many panes, and each firing reads as many.
    private static let mostPanes: Int64 = 10_000

    private func sliding(_ members: inout YAMLMembers, _ node: YAMLNode) throws(ConfigurationError) -> WindowShape {
        let size = try members.milliseconds(node, "sliding")
        let every = try members.require("every")
        let slide = try members.milliseconds(every, "every")
        let offset = try offset(&members, less: slide, than: "every")
        let panes = size / SlidingPlaces.paneSize(size: size, slide: slide)
        guard panes <= Self.mostPanes else {
            throw members.fault(
                "a window of \(Quantity.text(milliseconds: size)) every \(Quantity.text(milliseconds: slide)) "
                    + "consists of \(panes) parts, "
                    + "more than \(Self.mostPanes); choose durations that have more in common, "
                    + "or 'every' no less than 'sliding'", every.position)
        }
        return .sliding(size: size, slide: slide, offset: offset)
    }

    private func offset(
        _ members: inout YAMLMembers, less bound: Int64, than key: String
    ) throws(ConfigurationError) -> Int64 {
        guard let node = members.take("offset") else { return 0 }
        let offset = try members.milliseconds(node, "offset", from: 0)
        guard offset < bound else { throw members.fault("'offset' must be less than '\(key)'", node.position) }
        return offset
    }
}
