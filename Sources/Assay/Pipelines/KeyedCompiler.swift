import AssayCore
import CEL

/// Compiles a stream that combines many events: takes the aggregates out of its expressions, and finds what each event
/// has to contribute to them.
struct KeyedCompiler {
    private let stream: PipelineDefinition.Stream
    private let keyed: PipelineDefinition.Keyed
    private let names: StreamEnvironment
    private let base: StreamEnvironment
    private let isEvents: Bool
    private let expressions: PipelineExpressions
    private let owner: String

    /// Collects the aggregates while expressions are compiled one after another.
    fileprivate final class Calls {
        var aggregates: [Aggregate] = []
        var steps: [AggregatePlan.Step] = []
        var results: [CEL.`Type`] = []
        var slots: [Int] = []
        /// The next free slot of the emission.
        var next = 0

        func takeSlot() -> Int {
            defer { next += 1 }
            return next
        }
    }

    /// Everything but the program of the arguments.
    struct Parts {
        fileprivate let calls: Calls
        fileprivate let keys: [ExpressionPart]
        fileprivate let function: WindowFunction<WindowAggregates>
        fileprivate let isRunning: Bool
        fileprivate let emission: Program
        fileprivate let emitted: [ExpressionPart]
        fileprivate let emittedSlots: [Int]
        fileprivate let having: Int?
        fileprivate let automatic: [EmissionLayout.Automatic]
        fileprivate let lateName: String?
        let columns: [StreamColumn]

        func keyed(_ program: Program) -> StreamPlan.Keyed {
            StreamPlan.Keyed(
                keys: keys, function: function, isRunning: isRunning,
                aggregates: AggregatePlan(
                    calls.aggregates, steps: calls.steps, results: calls.results, program: program),
                emission: emission, emitted: emitted, having: having,
                layout: EmissionLayout(
                    slotCount: calls.next, aggregates: calls.slots, emitted: emittedSlots, automatic: automatic),
                lateName: lateName)
        }
    }

    init(
        _ stream: PipelineDefinition.Stream, _ keyed: PipelineDefinition.Keyed, names: StreamEnvironment,
        base: StreamEnvironment, isEvents: Bool, _ expressions: PipelineExpressions
    ) {
        self.stream = stream
        self.keyed = keyed
        self.names = names
        self.base = base
        self.isEvents = isEvents
        self.expressions = expressions
        owner = "stream '\(stream.name)'"
    }

    /// `inner` gets the keys and the arguments.
    func compile(_ inner: inout Compiler) throws(ConfigurationError) -> Parts {
        var keys: [ExpressionPart] = []
        for key in keyed.keys {
            let part = try expressions.part(key, &inner, names, "\(owner), key", isEvents: isEvents)
            try checkKey(part, key)
            keys.append(part)
        }
        let calls = Calls()
        var environment = keyed.isRunning ? names : base
        declareMoment(keys, calls, &environment)
        var outer = Compiler(environment.environment)
        var emitted: [ExpressionPart] = []
        var slots: [Int] = []
        for column in stream.columns {
            if keyed.keys.contains(where: { $0.name == column.name }), column.expression.text != column.name {
                throw ConfigurationError(
                    path: expressions.path, position: column.position,
                    message: "\(owner): '\(column.name)' is the key's; give the column another name")
            }
            let outline = try add(column.expression, "'\(column.name)'", to: &outer, &inner, environment, calls)
            emitted.append(
                ExpressionPart(name: column.name, type: outline.type, root: emitted.count, field: nil))
            slots.append(calls.takeSlot())
        }
        var having: Int?
        if let text = stream.having {
            for (column, slot) in zip(emitted, slots) {
                outer.declare(column.name, column.type, slot: RowSlots.firstEmission + slot)
                environment.declare(column.name, column.type, slot: RowSlots.firstEmission + slot)
            }
            having = outer.rootCount
            _ = try add(text, "having", to: &outer, &inner, environment, calls, expecting: .bool)
        }
        let automatic = automatic(keys).filter { part in !emitted.contains { $0.name == part.name } }
        return Parts(
            calls: calls, keys: keys,
            function: WindowFunction(keyed.shape, lateness: keyed.lateness), isRunning: keyed.isRunning,
            emission: outer.finish(), emitted: emitted, emittedSlots: slots, having: having, automatic: automatic,
            lateName: keyed.late?.text,
            columns: automatic.map { StreamColumn(name: $0.name, type: $0.type) }
                + emitted.map { StreamColumn(name: $0.name, type: $0.type) })
    }

    private func checkKey(_ part: ExpressionPart, _ key: NamedExpression) throws(ConfigurationError) {
        guard !["window_start", "window_end"].contains(part.name) else {
            throw ConfigurationError(
                path: expressions.path, position: key.position,
                message: "\(owner): '\(part.name)' is the window's; give the key another name")
        }
        try expressions.checkKey(part, key, owner)
    }

    /// Declares the window, and the key by the names of its parts and as `key`.
    private func declareMoment(_ keys: [ExpressionPart], _ calls: Calls, _ environment: inout StreamEnvironment) {
        let (start, end) = (calls.takeSlot(), calls.takeSlot())
        if !keyed.isRunning {
            environment.declare("window_start", .timestamp, slot: RowSlots.firstEmission + start)
            environment.declare("window_end", .timestamp, slot: RowSlots.firstEmission + end)
        }
        for key in keys { environment.declare(key.name, key.type, slot: RowSlots.firstEmission + calls.takeSlot()) }
        if keys.count == 1, keys[0].name != "key" {
            environment.declare("key", keys[0].type, slot: RowSlots.firstEmission + EmissionLayout.firstKeySlot)
        }
    }

    /// Columns that need no declaration.
    private func automatic(_ keys: [ExpressionPart]) -> [EmissionLayout.Automatic] {
        let window =
            keyed.isRunning
            ? []
            : [
                EmissionLayout.Automatic(name: "window_start", type: .timestamp, slot: 0),
                EmissionLayout.Automatic(name: "window_end", type: .timestamp, slot: 1),
            ]
        return window
            + keys.enumerated().map {
                EmissionLayout.Automatic(
                    name: $0.element.name, type: $0.element.type, slot: EmissionLayout.firstKeySlot + $0.offset)
            }
    }

    private func add(
        _ text: SourceText, _ what: String, to outer: inout Compiler, _ inner: inout Compiler,
        _ environment: StreamEnvironment, _ calls: Calls, expecting type: CEL.`Type`? = nil
    ) throws(ConfigurationError) -> Compiler.Outline {
        do throws(SourceError) {
            let (outline, inside) = try outer.add(
                text.text, expecting: type, lifting: Aggregate.names, into: &inner,
                declare: { call in declare(call, calls) })
            if let doubt = outline.doubts.first { throw doubt }
            expressions.fields.note(
                text, reads: (keyed.isRunning ? outline.reads : []).union(inside),
                known: names.known.union(environment.known))
            return outline
        } catch {
            throw expressions.fault(error, in: text, "\(owner), \(what)")
        }
    }

    private func declare(_ call: LiftedCall, _ calls: Calls) -> Result<Environment.Variable, LiftFault> {
        do throws(Aggregate.Fault) {
            let known = try Aggregate.call(call.name, call.types, literals: call.literals)
            let slot = calls.takeSlot()
            calls.aggregates.append(known.aggregate)
            calls.steps.append(step(known, call))
            calls.results.append(known.result)
            calls.slots.append(slot)
            return .success(Environment.Variable(slot: RowSlots.firstEmission + slot, type: known.result))
        } catch {
            return .failure(LiftFault(error.message))
        }
    }

    private func step(_ known: Aggregate.Call, _ call: LiftedCall) -> AggregatePlan.Step {
        guard let first = known.arguments.first else { return .count }
        let root = call.arguments[first]
        if known.aggregate == .countIf { return .countIf(root) }
        if known.arguments.count == 1, call.types[first] == .int { return .int(root) }
        if known.arguments.count == 1, call.types[first] == .double { return .double(root) }
        if known.arguments.count == 1 { return .value(root) }
        return .weighted(root, by: call.arguments[known.arguments[1]])
    }
}
