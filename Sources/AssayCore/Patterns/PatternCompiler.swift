import Arguments
import CEL

/// Compiles a pattern's conditions and states.
package struct PatternCompiler {
    private let definition: PatternDefinition
    /// The names that conditions can use, parameters included.
    private let names: StreamEnvironment
    private let expressions: PipelineExpressions
    private let owner: String
    /// Functions that need the current event, and can't be called later.
    private let functionsOfHost: Set<String>

    /// What is found while walking through the stages.
    private struct Found {
        var conditions: [PatternPlan.Condition] = []
        var reads: Set<String> = []
        var iterative: Compiler
    }

    package init(
        _ definition: PatternDefinition, names: StreamEnvironment, _ expressions: PipelineExpressions, owner: String,
        functionsOfHost: Set<String> = []
    ) {
        self.definition = definition
        self.names = names
        self.expressions = expressions
        self.owner = owner
        self.functionsOfHost = functionsOfHost
    }

    /// The names of an environment, with a pattern's parameters.
    package static func names(
        _ names: StreamEnvironment, with definition: PatternDefinition, path: String
    ) throws(ConfigurationError) -> StreamEnvironment {
        var all = names
        for parameter in definition.parameters {
            guard names.environment.variables[parameter.name] == nil else {
                throw ConfigurationError(
                    path: path, position: definition.position,
                    message: "the parameter '\(parameter.name)' has the name of a field; choose another")
            }
            all.define(parameter.name, parameter.value)
        }
        return all
    }

    /// The same with the events of each stage.
    package static func names(
        _ names: StreamEnvironment, stagesOf definition: PatternDefinition, path: String
    ) throws(ConfigurationError) -> StreamEnvironment {
        var all = names
        for (stage, name) in definition.names.enumerated() {
            guard !names.known.contains(name.text) else {
                throw ConfigurationError(
                    path: path, position: name.position,
                    message: "the stage '\(name.text)' has the name of a field or parameter; choose another")
            }
            all.declare(name.text, PatternPlan.eventsType, slot: PatternPlan.slot(ofStage: stage))
        }
        return all
    }

    /// `inner` gets the conditions that depend on the event alone.
    package func compile(name: String, _ inner: inout Compiler) throws(ConfigurationError) -> PatternPlan {
        let all = try Self.names(names, stagesOf: definition, path: expressions.path)
        let outline = PatternOutline(definition)
        let automaton = try automaton(of: outline)
        var found = Found(iterative: Compiler(all.environment))
        for condition in outline.conditions { try add(condition, all, &found, &inner) }
        return PatternPlan(
            name: name, automaton: automaton, conditions: found.conditions, limits: definition.limits,
            iterative: found.iterative.finish(), keptSlots: slots(of: found.reads),
            text: PatternText(definition).line)
    }

    private func automaton(of outline: PatternOutline) throws(ConfigurationError) -> Automaton {
        do throws(PatternFault) {
            guard outline.conditions.count <= Pattern.mostConditions else {
                throw PatternFault(reason: .tooManyConditions, path: [])
            }
            return try AutomatonBuilder.build(outline.pattern)
        } catch {
            throw ConfigurationError(
                path: expressions.path,
                position: error.isOfSkip ? definition.skipPosition : definition.position(of: error.path),
                message: "\(owner): \(error.message)")
        }
    }

    private func add(
        _ condition: PatternOutline.Condition, _ all: StreamEnvironment, _ found: inout Found, _ inner: inout Compiler
    ) throws(ConfigurationError) {
        var alternatives: [PatternPlan.Condition.Alternative] = []
        for text in condition.texts {
            do throws(SourceError) {
                alternatives.append(
                    try alternative(text, isOnly: condition.texts.count == 1, all, &found, &inner))
            } catch {
                throw expressions.fault(error, in: text, "\(owner), \(condition.owner)")
            }
        }
        found.conditions.append(
            PatternPlan.Condition(
                alternatives: alternatives, label: condition.label,
                text: condition.texts.map(\.text.flat).joined(separator: " || ")))
    }

    private func alternative(
        _ text: SourceText, isOnly: Bool, _ all: StreamEnvironment, _ found: inout Found, _ inner: inout Compiler
    ) throws(SourceError) -> PatternPlan.Condition.Alternative {
        let stageNames = Set(definition.names.map(\.text))
        let (apart, rest) = (inner.rootCount, found.iterative.rootCount)
        let split = try found.iterative.add(condition: text.text, naming: stageNames, others: &inner)
        for outline in [split.apart, split.rest].compactMap(\.self) {
            if let doubt = outline.doubts.first { throw doubt }
            expressions.fields.note(text, reads: outline.reads, known: all.known)
        }
        try checkLists(split.lists, all, text)
        if let function = split.rest?.reads.sorted().first(where: functionsOfHost.contains) {
            throw SourceError(
                "\(function)() cannot be in one term with the events of a stage; join terms with '&&'", at: 0,
                in: text.text)
        }
        found.reads.formUnion(split.rest?.reads ?? [])
        guard !isOnly, split.rest != nil, let known = split.apart else {
            return PatternPlan.Condition.Alternative(
                apart: split.apart.map { _ in apart }, rest: split.rest.map { _ in rest })
        }
        // With several alternatives, a condition is evaluated as a whole: which of them an event meets is not stored.
        found.reads.formUnion(known.reads)
        let whole = found.iterative.rootCount
        try found.iterative.add(text.text, expecting: .bool)
        return PatternPlan.Condition.Alternative(apart: apart, rest: whole)
    }

    /// Where any name may be a field, one that is used as a list and resembles a stage's name is taken for a typo.
    private func checkLists(
        _ lists: Set<String>, _ all: StreamEnvironment, _ text: SourceText
    ) throws(SourceError) {
        for name in lists.sorted() where !all.known.contains(name) {
            guard let near = NearestName.of(name, among: definition.names.map(\.text)) else { continue }
            let bytes = Array(text.text.utf8)
            let wanted = Array(name.utf8)
            throw SourceError(
                "there is no stage '\(name)'; did you mean '\(near)'? A field of that name is event.\(name)",
                at: bytes.indices.first { bytes[$0...].starts(with: wanted) } ?? 0, in: text.text)
        }
    }

    /// The slots of names in a row.
    private func slots(of reads: Set<String>) -> [Int] {
        let environment = names.environment
        return reads.sorted().compactMap { name in
            guard environment.constants[name] == nil, !definition.names.contains(where: { $0.text == name }) else {
                return nil
            }
            let slot = environment.variables[name]?.slot ?? environment.discover?(name)?.slot
            return slot == Row.timeSlot || slot == Row.wholeSlot ? nil : slot
        }
    }
}
