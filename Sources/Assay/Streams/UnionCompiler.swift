import CEL

/// Works out what expressions can say of several sources taken as one: every name that one of them knows, and which of
/// them a row is of as `stream`.
struct UnionCompiler {
    struct NamedSource {
        let name: String
        let environment: StreamEnvironment
    }

    /// Collects the names of the input that are found out while expressions are compiled.
    private final class Names {
        var names: [String] = []
        var slots: [[Int?]]

        init(sources: Int) {
            slots = Array(repeating: [], count: sources)
        }

        func add(_ name: String, _ known: [Int?]) -> Int {
            names.append(name)
            for (source, slot) in known.enumerated() { slots[source].append(slot) }
            return UnionRow.firstSlot + names.count - 1
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
        environment.declare("stream", .string, slot: UnionRow.sourceSlot)
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
                return Environment.Variable(slot: UnionRow.firstSlot + known, type: .dyn)
            }
            let found = discoveries.map { $0?(name) }
            return Environment.Variable(slot: names.add(name, found.map { $0?.slot }), type: .dyn)
        }
    }

    func finish() -> StreamPlan.Union {
        StreamPlan.Union(names: names.names, slots: names.slots, sources: sources.map(\.name))
    }
}

/// A row of one of several sources taken as one.
final class UnionRow: Row {
    private let union: StreamPlan.Union
    /// By name, made once: most rows lack something.
    private let missing: [EvaluationError]
    /// The names of the sources, where they stay.
    private let sourceNames: [UnsafeMutableBufferPointer<UInt8>]
    /// Kept by whoever passes it on.
    private var row: Unmanaged<Row>?
    private var source = 0

    /// The slots from here on are names.
    static let firstSlot = 300_000
    static let sourceSlot = 299_999

    init(_ union: StreamPlan.Union) {
        self.union = union
        missing = union.names.map { EvaluationError(.noSuchKey, $0) }
        sourceNames = union.sources.map { name in
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: name.utf8.count)
            _ = copy.initialize(from: name.utf8)
            return copy
        }
    }

    deinit { for name in sourceNames { name.deallocate() } }

    func begin(_ row: Row, of source: Int) {
        self.row = Unmanaged.passUnretained(row)
        self.source = source
        move(to: row.time)
    }

    func end() { row = nil }

    /// Whether this is another row's.
    func isOf(_ other: Row) -> Bool { row?.toOpaque() == Unmanaged.passUnretained(other).toOpaque() }

    private var present: Row {
        guard let row else { preconditionFailure("a row is looked at while it is at hand") }
        return row.takeUnretainedValue()
    }

    private func place(_ slot: Int) throws(EvaluationError) -> Int {
        if slot < Self.firstSlot || slot >= Row.timeSlot { return slot }
        guard let known = union.slots[source][slot - Self.firstSlot] else {
            throw missing[slot - Self.firstSlot]
        }
        return known
    }

    override func value(_ slot: Int) throws(EvaluationError) -> Value {
        if slot == Self.sourceSlot { return .string(union.sources[source]) }
        return try present.value(try place(slot))
    }

    override func int(_ slot: Int) throws(EvaluationError) -> Int64 { try present.int(try place(slot)) }

    override func double(_ slot: Int) throws(EvaluationError) -> Double { try present.double(try place(slot)) }

    override func bool(_ slot: Int) throws(EvaluationError) -> Bool { try present.bool(try place(slot)) }

    override func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        if slot == Self.sourceSlot { return UnsafeBufferPointer(sourceNames[source]) }
        return try present.text(try place(slot))
    }

    override func member(_ slot: Int, _ key: Text) throws(EvaluationError) -> Value? {
        try present.member(try place(slot), key)
    }

    override func cost(_ slot: Int) -> Int {
        do throws(EvaluationError) {
            return present.cost(try place(slot))
        } catch {
            return 0
        }
    }

    override var keptFields: [(name: String, value: Value)] {
        present.keptFields + [("stream", .string(union.sources[source]))]
    }

    override func keepWhole(into buffer: inout OutputBuffer) { present.keepWhole(into: &buffer) }

    override func carry(to output: Int, in rows: inout CarriedRows) { present.carry(to: output, in: &rows) }
}
