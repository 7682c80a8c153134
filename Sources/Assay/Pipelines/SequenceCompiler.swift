import AssayCore
import CEL

/// Compiles a stream that looks for sequences: its pattern, and the rows of those that are found.
struct SequenceCompiler {
    private let stream: PipelineDefinition.Stream
    private let sequences: PipelineDefinition.Sequences
    private let names: StreamEnvironment
    private let base: StreamEnvironment
    private let isEvents: Bool
    private let expressions: PipelineExpressions
    private let owner: String

    /// `names` has the pattern's parameters.
    init(
        _ stream: PipelineDefinition.Stream, _ sequences: PipelineDefinition.Sequences, names: StreamEnvironment,
        base: StreamEnvironment, isEvents: Bool, _ expressions: PipelineExpressions
    ) {
        self.stream = stream
        self.sequences = sequences
        self.names = names
        self.base = base
        self.isEvents = isEvents
        self.expressions = expressions
        owner = "stream '\(stream.name)'"
    }

    /// `inner` gets the keys and the conditions on single events.
    func compile(_ inner: inout Compiler) throws(ConfigurationError) -> StreamPlan.Sequences {
        let pattern = sequences.pattern
        var keys: [ExpressionPart] = []
        for key in sequences.keys {
            let part = try expressions.part(key, &inner, names, "\(owner), key", isEvents: isEvents)
            try expressions.checkKey(part, key, owner)
            keys.append(part)
        }
        var audience: Int?
        if let text = pattern.audience {
            audience = inner.rootCount
            _ = try expressions.add(text, to: &inner, names, "\(owner), for", expecting: .bool)
        }
        let plan = try PatternCompiler(pattern, names: names, expressions, owner: owner)
            .compile(name: stream.name, &inner)
        return StreamPlan.Sequences(
            keys: keys, pattern: plan, audience: audience, emission: try emission(keys),
            lateName: sequences.late?.text, timeoutsName: pattern.timeouts?.text)
    }

    private func emission(_ keys: [ExpressionPart]) throws(ConfigurationError) -> SequenceEmission {
        let stages = sequences.pattern.names
        let layout = SequenceEmission.Layout(stages: stages.count, keys: keys.count, emitted: stream.columns.count)
        let keyType = Self.type(ofKey: keys)
        var environment = try PatternCompiler.names(base, with: sequences.pattern, path: expressions.path)
        environment = try PatternCompiler.names(environment, stagesOf: sequences.pattern, path: expressions.path)
        for (index, key) in keys.enumerated() where key.name != "key" {
            environment.declare(key.name, key.type, slot: RowSlots.firstEmission + layout.firstKey + index)
        }
        environment.declare("began", .timestamp, slot: RowSlots.firstEmission + layout.began)
        environment.declare("ended", .timestamp, slot: RowSlots.firstEmission + layout.ended)
        environment.declare("pattern", .string, slot: RowSlots.firstEmission + layout.pattern)
        environment.declare("key", keyType, slot: RowSlots.firstEmission + layout.key)
        var compiler = Compiler(environment.environment)
        var reads: Set<String> = []
        var emitted: [ExpressionPart] = []
        for column in stream.columns {
            let outline = try expressions.add(
                column.expression, to: &compiler, environment, "\(owner), '\(column.name)'")
            reads.formUnion(outline.reads)
            emitted.append(
                ExpressionPart(name: column.name, type: outline.type, root: emitted.count, field: nil))
        }
        var having: Int?
        if let text = stream.having {
            for (index, column) in emitted.enumerated() {
                let slot = RowSlots.firstEmission + layout.firstEmitted + index
                compiler.declare(column.name, column.type, slot: slot)
                environment.declare(column.name, column.type, slot: slot)
            }
            having = compiler.rootCount
            let outline = try expressions.add(
                text, to: &compiler, environment, "\(owner), having", expecting: .bool)
            reads.formUnion(outline.reads)
        }
        let columns =
            emitted.isEmpty
            ? SequenceEmission.wholeColumns(key: keyType)
            : emitted.map { StreamColumn(name: $0.name, type: $0.type) }
        return SequenceEmission(
            program: compiler.finish(), emitted: emitted, having: having,
            usedStages: stages.indices.filter { reads.contains(stages[$0].text) }, layout: layout, columns: columns)
    }

    static func type(ofKey keys: [ExpressionPart]) -> CEL.`Type` {
        switch keys.count {
        case 0: .null
        case 1: keys[0].type
        default: .map(.string, .dyn)
        }
    }
}
