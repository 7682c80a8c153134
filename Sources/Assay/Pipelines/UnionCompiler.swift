import AssayCore
import CEL

/// Finds the names that expressions can use over several sources read as one: every name that one of them knows, and
/// the name of a row's source as `stream`.
struct UnionCompiler {
    struct NamedSource {
        let name: String
        let environment: StreamEnvironment
    }

    /// Collects the names of the input that are discovered while expressions are compiled.
    private final class Names {
        var names: [String] = []
        var slots: [[Int?]]

        init(sources: Int) {
            slots = Array(repeating: [], count: sources)
        }

        func add(_ name: String, _ known: [Int?]) -> Int {
            names.append(name)
            for (source, slot) in known.enumerated() { slots[source].append(slot) }
            return RowSlots.firstUnion + names.count - 1
        }
    }

    private let sources: [NamedSource]
    private let names: Names
    private(set) var environment: StreamEnvironment

    init(base: StreamEnvironment, sources: [NamedSource]) {
        self.sources = sources
        let names = Names(sources: sources.count)
        self.names = names
        environment = base
        environment.declareMoment()
        environment.declare("stream", .string, slot: RowSlots.unionSource)
        let all = Set(sources.flatMap { Array($0.environment.environment.variables.keys) }).sorted()
        for name in all where environment.environment.variables[name] == nil {
            let known = sources.map { $0.environment.environment.variables[name] }
            let types = Set(known.compactMap { $0?.type })
            environment.declare(
                name, types.count == 1 ? types.first ?? .dyn : .dyn, slot: names.add(name, known.map { $0?.slot }))
        }
        let discoveries = sources.map { $0.environment.environment.discover }
        guard discoveries.contains(where: { $0 != nil }) else { return }
        environment.environment.discover = { name in
            if let known = names.names.firstIndex(of: name) {
                return Environment.Variable(slot: RowSlots.firstUnion + known, type: .dyn)
            }
            let found = discoveries.map { $0?(name) }
            return Environment.Variable(slot: names.add(name, found.map { $0?.slot }), type: .dyn)
        }
    }

    func finish() -> StreamPlan.Union {
        StreamPlan.Union(names: names.names, slots: names.slots, sources: sources.map(\.name))
    }
}
