import Arguments
import AssayCore
import CEL
import CivilTime

/// Compiles a pipeline's expressions, and orders its streams.
struct StreamCompiler {
    private let pipeline: PipelineDefinition
    private let path: String
    private let zone: TimeZoneRules
    private let fields: FieldCollector
    private let expressions: PipelineExpressions
    private var base: StreamEnvironment
    private var derived: [(name: String, type: CEL.`Type`)] = []
    private var streams: [StreamPlan.Stream] = []
    /// The configuration of the stream that scores.
    private var scored: Configuration?
    /// Streams and side streams by name.
    private var sources: [String: StreamPlan.Source] = [:]

    /// `present`: a running plan, whose fields keep their numbers.
    static func compile(
        _ pipeline: PipelineDefinition, after present: StreamPlan? = nil
    ) throws(ConfigurationError) -> Pipeline {
        var lists = Configuration()
        lists.lists = pipeline.lists
        try lists.fixLists(path: pipeline.path)
        let zone: TimeZoneRules
        do throws(ZoneError) {
            zone = try ZoneFile.load(pipeline.input.zoneName)
        } catch {
            throw ConfigurationError(
                path: pipeline.path, position: pipeline.input.zonePosition, message: error.description)
        }
        var compiler = StreamCompiler(
            pipeline, zone: zone, lists: try lists.listContents(path: pipeline.path),
            columns: present?.schema.columns ?? [])
        return try compiler.compile(lists: lists.lists)
    }

    private init(
        _ pipeline: PipelineDefinition, zone: TimeZoneRules, lists: [(name: String, entries: [String])],
        columns: [EventSchema.Column]
    ) {
        self.pipeline = pipeline
        self.zone = zone
        path = pipeline.path
        fields = FieldCollector(
            declared: pipeline.input.fields?.map { EventSchema.Column(name: $0.name, type: $0.type) }, known: columns)
        expressions = PipelineExpressions(path: path, fields: fields)
        base = StreamEnvironment(lists: lists)
    }

    private mutating func compile(lists: [ListDefinition]) throws(ConfigurationError) -> Pipeline {
        let timeColumn = fields.column(pipeline.input.time)
        let derivedProgram = try compileDerived()
        let names = try self.names()
        var mistakes = Mistakes()
        var unknown: Set<String> = []
        for stream in try StreamOrder(pipeline, names: names).ordered() {
            let made = [stream.name] + stream.sideStreams.map(\.text)
            // What reads a stream with a mistake can't be checked.
            guard !stream.from.contains(where: { unknown.contains($0.text) }) else {
                unknown.formUnion(made)
                continue
            }
            let compiled: StreamPlan.Stream
            do throws(ConfigurationError) {
                compiled = try compile(stream)
            } catch {
                mistakes.note(error)
                unknown.formUnion(made)
                continue
            }
            sources[stream.name] = .stream(streams.count)
            for side in compiled.sides {
                sources[side.name] = side.isLate ? .late(streams.count) : .timeouts(streams.count)
            }
            streams.append(compiled)
        }
        try mistakes.throwAll()
        if let slip = fields.suspect(among: derived.map(\.name), time: pipeline.input.time) {
            throw expressions.fault(
                "no 'input.fields' are declared, and '\(slip.name)' is used only once: did you mean '\(slip.meant)'? "
                    + "If not, declare both", at: slip.name, in: slip.use)
        }
        let office = AlertOffice(pipeline.alerts)
        let own = streams
        let alerts = try compileAlerts(office)
        let schema = EventSchema(
            columns: fields.columns, timeColumn: timeColumn, unit: pipeline.input.unit, zone: zone)
        var (outputs, sinks) = try outputs(of: own)
        for alert in alerts {
            outputs.append(
                StreamOutput(
                    source: alert.source, stream: alert.sink.stream, form: alert.sink.form, sink: sinks.count,
                    columns: alert.sink.columns))
            sinks.append(alert.sink)
        }
        let plan = StreamPlan(
            schema: schema, format: pipeline.input.format,
            derived: DerivedFields(
                names: derived.map(\.name), program: derivedProgram),
            streams: streams, outputs: outputs, outOfOrder: pipeline.input.outOfOrder, ahead: pipeline.input.ahead,
            idle: pipeline.input.idle,
            identity: PipelineIdentity.text(
                pipeline, lists: lists, scored: scored,
                columns: Dictionary(uniqueKeysWithValues: own.map { ($0.name, $0.columns ?? []) })))
        var rejects: [NamedOutput] = []
        for output in pipeline.outputs where isRejects(output) {
            rejects.append(try output.rejects(path: pipeline.path))
        }
        return Pipeline(
            plan: plan, sinks: sinks, rejects: rejects, alerts: office, inputs: pipeline.inputs,
            definitions: pipeline.streams)
    }

    // MARK: Names

    /// Every name of a stream; none may repeat.
    private func names() throws(ConfigurationError) -> [String] {
        var names: [String] = []
        func add(_ name: String, _ position: TextPosition) throws(ConfigurationError) {
            guard !names.contains(name), name != "input" else {
                throw fault(name == "input" ? "'input' is the input itself" : "'\(name)' is there twice", position)
            }
            names.append(name)
        }
        for stream in pipeline.streams {
            try add(stream.name, stream.position)
            for side in stream.sideStreams {
                guard PipelineName.isName(side.text) else {
                    throw fault("a stream's name has only letters, digits and _, unlike '\(side.text)'", side.position)
                }
                try add(side.text, side.position)
            }
        }
        return names
    }

    private func fault(_ message: String, _ position: TextPosition?) -> ConfigurationError {
        ConfigurationError(path: path, position: position, message: message)
    }

    // MARK: Fields

    private mutating func compileDerived() throws(ConfigurationError) -> Program {
        var names = base
        names.declareEvent(fields, [])
        var compiler = Compiler(names.environment)
        for (index, field) in pipeline.derived.enumerated() {
            guard !fields.columns.contains(where: { $0.name == field.name && !fields.isOpen }) else {
                throw fault("'\(field.name)' is a field of the input already", field.position)
            }
            let outline = try expressions.add(field.expression, to: &compiler, names, "derive '\(field.name)'")
            derived.append((field.name, outline.type))
            names.declare(field.name, outline.type, slot: RowSlots.firstDerived + index)
            compiler.declare(field.name, outline.type, slot: RowSlots.firstDerived + index)
        }
        return compiler.finish()
    }

    // MARK: Streams

    /// The names that expressions can use in a stream that reads this.
    private func environment(of source: StreamPlan.Source) -> StreamEnvironment {
        switch source {
        case .input:
            var names = base
            names.declareEvent(fields, derived)
            return names
        case .late(let index): return environment(readBy: streams[index])
        case .timeouts: return StreamEnvironment(columns: columns(of: source) ?? [], base: base)
        case .stream(let index):
            switch streams[index].operation {
            case .rows(selected: nil): return environment(readBy: streams[index])
            case .score:
                // An assessment's own fields, and those of its event.
                var names = environment(of: .input)
                for (slot, column) in AssessmentColumn.columns.enumerated() {
                    names.declare(column.name, column.type.type, slot: RowSlots.firstAssessment + slot)
                }
                return names
            default: return StreamEnvironment(columns: streams[index].columns ?? [], base: base)
            }
        }
    }

    private func environment(readBy stream: StreamPlan.Stream) -> StreamEnvironment {
        if stream.union == nil { return environment(of: stream.sources[0]) }
        // Rows of several sources, passed on whole: without a 'select' they have no common names.
        var names = base
        names.declareMoment()
        return names
    }

    private func namedSources(_ sources: [StreamPlan.Source]) -> [UnionCompiler.NamedSource] {
        sources.map { source in
            UnionCompiler.NamedSource(name: name(of: source), environment: environment(of: source))
        }
    }

    private func name(of source: StreamPlan.Source) -> String {
        self.sources.first { $0.value == source }?.key ?? "input"
    }

    /// Whether a source's rows are events of the input, whose fields are in the batch.
    private func isEvents(_ sources: [StreamPlan.Source]) -> Bool {
        guard sources.count == 1 else { return false }
        switch sources[0] {
        case .input: return true
        case .late(let index): return isEvents(streams[index].sources)
        case .stream(let index):
            if case .rows(selected: nil) = streams[index].operation { return isEvents(streams[index].sources) }
            return false
        case .timeouts: return false
        }
    }

    private mutating func compile(_ stream: PipelineDefinition.Stream) throws(ConfigurationError) -> StreamPlan.Stream {
        let sources = stream.from.isEmpty ? [.input] : stream.from.map { self.sources[$0.text] ?? .input }
        let union = sources.count > 1 ? UnionCompiler(base: base, sources: namedSources(sources)) : nil
        var names = union?.environment ?? environment(of: sources[0])
        if case .pattern(let sequences) = stream.kind {
            names = try PatternCompiler.names(names, with: sequences.pattern, path: path)
        }
        var compiler = Compiler(names.environment)
        let owner = "stream '\(stream.name)'"
        var condition: Int?
        if let text = stream.condition {
            condition = compiler.rootCount
            _ = try expressions.add(text, to: &compiler, names, "\(owner), where", expecting: .bool)
        }
        func finished(
            _ program: Program, _ operation: StreamPlan.Operator, _ columns: [StreamColumn]?
        ) -> StreamPlan.Stream {
            StreamPlan.Stream(
                name: stream.name, sources: sources, union: union?.finish(), program: program, condition: condition,
                operation: operation, columns: columns)
        }
        let isEvents = isEvents(sources)
        switch stream.kind {
        case .rows where stream.columns.isEmpty:
            let columns = union == nil ? columns(of: sources[0]) : nil
            return finished(compiler.finish(), .rows(selected: nil), columns)
        case .rows:
            var parts: [ExpressionPart] = []
            for column in stream.columns {
                parts.append(try expressions.part(column, &compiler, names, owner, isEvents: isEvents))
            }
            return finished(
                compiler.finish(), .rows(selected: parts),
                parts.map { StreamColumn(name: $0.name, type: $0.type) })
        case .score(let path):
            guard sources == [.input], !streams.contains(where: \.isScored) else {
                throw fault("\(owner): one stream can score, and it scores the input", stream.position)
            }
            return finished(compiler.finish(), .score(try scoredSettings(path)), nil)
        case .pattern(let sequences):
            if let from = stream.from.first(where: { isLate(self.sources[$0.text]) }) {
                throw fault("\(owner): the events of '\(from.text)' are too late for any pattern", from.position)
            }
            let compiled = try SequenceCompiler(
                stream, sequences, names: names, base: base, isEvents: isEvents, expressions
            ).compile(&compiler)
            return finished(compiler.finish(), .pattern(compiled), compiled.emission.columns)
        case .windows(let keyed):
            let parts = try KeyedCompiler(stream, keyed, names: names, base: base, isEvents: isEvents, expressions)
                .compile(&compiler)
            let program = compiler.finish()
            return finished(program, .keyed(parts.keyed(program)), parts.columns)
        }
    }

    private func isLate(_ source: StreamPlan.Source?) -> Bool {
        switch source {
        case .late?: true
        case .stream(let index)?:
            if case .rows = streams[index].operation { streams[index].sources.allSatisfy { isLate($0) } } else { false }
        case .input?, .timeouts?, nil: false
        }
    }

    private func columns(of source: StreamPlan.Source) -> [StreamColumn]? {
        switch source {
        // Declared fields are the columns.
        case .input:
            return fields.isOpen
                ? nil : fields.columns.map { StreamColumn(name: $0.name, type: $0.type.type) }
        case .stream(let index): return streams[index].columns
        case .late(let index): return streams[index].union == nil ? columns(of: streams[index].sources[0]) : nil
        case .timeouts(let index):
            return SequenceEmission.wholeColumns(key: SequenceCompiler.type(ofKey: streams[index].keys))
        }
    }

    static let learningRefused =
        "a pipeline does not learn: its events come in no order that labels could keep to, so that the same input "
        + "would not always give the same result; 'assay score' learns"

    private mutating func scoredSettings(_ file: SourceText) throws(ConfigurationError) -> StreamPlan.ScoredSettings {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        let full = file.text.hasPrefix("/") ? file.text : folder + file.text
        let configuration = try Configuration.load(full)
        let resolved = try configuration.resolve(path: full)
        guard !configuration.scoring.learning.isEnabled else { throw fault(Self.learningRefused, file.position) }
        scored = configuration
        return StreamPlan.ScoredSettings(
            settings: resolved.scoring, zone: resolved.zone, fields: resolved.fields,
            rules: resolved.rules)
    }

    // MARK: Alerts

    /// Each alert on a stream is a stream of its own, whose rows go to the outbox. They have no state, and no part in
    /// the identity of the pipeline.
    private mutating func compileAlerts(
        _ office: AlertOffice
    ) throws(ConfigurationError) -> [(source: StreamPlan.Source, sink: NamedOutput)] {
        var alerts: [(source: StreamPlan.Source, sink: NamedOutput)] = []
        for rule in office.settings.rules where rule.subject != .engine {
            guard case .stream(let name) = rule.subject, let source = sources[name] else {
                let near = NearestName.of(rule.on.text, among: Array(sources.keys).sorted())
                throw fault(
                    "alert '\(rule.name)': there is no stream '\(rule.on.text)'"
                        + (near.map { "; did you mean '\($0)'?" } ?? ""), rule.on.position)
            }
            let (stream, layout) = try compile(rule, on: source)
            streams.append(stream)
            alerts.append(
                (
                    .stream(streams.count - 1),
                    NamedOutput(stream: stream.name, AlertOutput(rule, layout, office), columns: stream.columns)
                ))
        }
        return alerts
    }

    /// No stream of a file has a name like this.
    static let alertPrefix = "alert:"

    private func compile(
        _ rule: AlertRule, on source: StreamPlan.Source
    ) throws(ConfigurationError) -> (StreamPlan.Stream, AlertLayout) {
        let owner = "alert '\(rule.name)'"
        var names = environment(of: source)
        var columns = columns(of: source)?.map(\.name)
        if let fields = fieldsOfAssessments(source) {
            for column in TransactionColumn.allCases { names.declare(column.name, column.type, slot: column.slot) }
            columns = fields
        }
        let layout: AlertLayout
        do throws(SourceError) {
            layout = try AlertLayout.stream(rule, columns: columns)
        } catch {
            throw expressions.fault(error, in: rule.message ?? rule.on, "\(owner), message")
        }
        var compiler = Compiler(names.environment)
        var condition: Int?
        if let text = rule.condition {
            condition = compiler.rootCount
            _ = try expressions.add(text, to: &compiler, names, "\(owner), where", expecting: .bool)
        }
        var parts: [ExpressionPart] = []
        for column in layout.expressions {
            parts.append(try expressions.part(column, &compiler, names, owner, isEvents: isEvents([source])))
        }
        let stream = StreamPlan.Stream(
            name: Self.alertPrefix + rule.name, sources: [source], union: nil, program: compiler.finish(),
            condition: condition, operation: .rows(selected: parts),
            columns: parts.map { StreamColumn(name: $0.name, type: $0.type) })
        return (stream, layout)
    }

    /// The fields that all rows of a source have, if they are assessments, whole.
    private func fieldsOfAssessments(_ source: StreamPlan.Source) -> [String]? {
        guard case .stream(let index) = source else { return nil }
        switch streams[index].operation {
        case .score(let settings):
            return AssessmentColumn.always.map(\.name)
                + (settings.rules == nil ? [] : AssessmentColumn.withRules.map(\.name))
        case .rows(selected: nil) where streams[index].sources.count == 1:
            return fieldsOfAssessments(streams[index].sources[0])
        default: return nil
        }
    }

    // MARK: Outputs

    /// The outputs, and the sinks by number: outputs of one name share a sink.
    private func outputs(
        of streams: [StreamPlan.Stream]
    ) throws(ConfigurationError) -> ([StreamOutput], [NamedOutput]) {
        var outputs: [StreamOutput] = []
        var sinks: [NamedOutput] = []
        var names: [String] = []
        var files: Set<String> = []
        for output in pipeline.outputs.isEmpty ? unread(of: streams) : pipeline.outputs.filter({ !isRejects($0) }) {
            guard let source = sources[output.stream.text] else {
                let near = NearestName.of(output.stream.text, among: Array(sources.keys).sorted())
                throw fault(
                    "there is no stream '\(output.stream.text)'" + (near.map { "; did you mean '\($0)'?" } ?? ""),
                    output.stream.position)
            }
            let columns = columns(of: source)
            let definition = output.definition
            try definition.check(columns, of: output.stream.text) { message, position in
                fault(message, position ?? output.position)
            }
            if let file = Self.file(definition.claim(in: "")), !files.insert(file).inserted {
                throw fault("'\(file)' is an output twice", output.position)
            }
            let name = definition.name(of: output.stream.text)
            let sink = names.firstIndex(of: name) ?? names.count
            guard sink == names.count || definition.form.isShared else {
                throw fault("\(definition.title) is an output twice", output.position)
            }
            if sink == names.count {
                names.append(name)
                sinks.append(NamedOutput(stream: output.stream.text, definition, columns: columns))
            }
            outputs.append(
                StreamOutput(
                    source: source, stream: output.stream.text, form: definition.form, sink: sink, columns: columns,
                    keys: keys(of: source)))
        }
        return (outputs, sinks)
    }

    /// Whether an output takes what is rejected, unless a stream has that name.
    private func isRejects(_ output: OutputEntry) -> Bool {
        output.stream.text == NamedOutput.rejects && sources[NamedOutput.rejects] == nil
    }

    /// The columns of a stream's key. A whole sequence has it in one.
    private func keys(of source: StreamPlan.Source) -> [String] {
        switch source {
        case .input, .late: []
        case .timeouts: ["key"]
        case .stream(let index):
            if case .pattern = streams[index].operation,
                streams[index].columns?.contains(where: { $0.name == "key" }) == true
            {
                ["key"]
            } else {
                streams[index].keys.map(\.name)
            }
        }
    }

    /// The path of a claim, in one form.
    private static func file(_ claim: OutputClaim?) -> String? {
        let path: String? =
            switch claim {
            case .file(let path)?, .folder(let path)?: path
            case .table?, .topic?, .ownState?, nil: nil
            }
        return path.map { path in
            (path.hasPrefix("/") ? "/" : "")
                + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        }
    }

    /// Without outputs, streams that no other stream reads go to standard output.
    private func unread(of streams: [StreamPlan.Stream]) -> [OutputEntry] {
        var outputs: [OutputEntry] = []
        for (index, stream) in streams.enumerated() {
            let candidates: [(StreamPlan.Source, String)] =
                [(.stream(index), stream.name)]
                + stream.sides.map { ($0.isLate ? .late(index) : .timeouts(index), $0.name) }
            for (source, name) in candidates where !streams.contains(where: { $0.sources.contains(source) }) {
                let position =
                    pipeline.streams.first { $0.name == name }?.position ?? TextPosition(line: 1, column: 1)
                outputs.append(
                    OutputEntry(
                        stream: SourceText(text: name, position: position, textPosition: nil),
                        definition: pipeline.standardOutput, position: position))
            }
        }
        return outputs
    }
}
