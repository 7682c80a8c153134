import CivilTime

/// Expressions compiled together, ready to be evaluated any number of times and by several threads at once.
package final class Program: Sendable {
    /// What the program needs besides its instructions. All of it is written by the emitter and never again.
    struct Tables: Sendable {
        var constants: [Value] = []
        var texts: [Text] = []
        var failures: [EvaluationError] = []
        var children: [Int32] = []
        var comprehensions: [CompiledComprehension] = []
        var textSets: [TextSet] = []
        var keySets: [Set<MapKey>] = []
        var patterns: [RegularExpression] = []
        /// By name, those that the program names itself.
        var zones: [String: TimeZoneRules] = [:]
        /// Texts of which the bytes stay where they are.
        var storedTexts: [StoredText] = []
    }

    struct CompiledComprehension: Sendable {
        let name: String
        let form: Comprehension.Form
        let range: Int
        /// Where its one or two variables begin.
        let firstLocal: Int
        let variableCount: Int
        let condition: Int?
        let transform: Int?
    }

    /// A copy of a text that lives as long as the program.
    final class StoredText: Sendable {
        // Written once, before anybody else knows it.
        nonisolated(unsafe) let bytes: UnsafeBufferPointer<UInt8>

        init(_ text: Text) {
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, text.string.utf8.count))
            let count = copy.update(fromContentsOf: Array(text.string.utf8))
            bytes = UnsafeBufferPointer(rebasing: copy[..<count])
        }

        deinit { bytes.deallocate() }
    }

    let tables: Tables
    let localCount: Int
    let zones: @Sendable (String) -> TimeZoneRules?
    /// What running touches most, where no reference is counted.
    let hot: Hot

    /// Copies of the program's own tables, which live as long as it does.
    ///
    /// @unchecked Sendable: written when the program is made, before anybody else knows it, and only read from then on.
    struct Hot: @unchecked Sendable {
        let instructions: UnsafePointer<Instruction>
        let children: UnsafePointer<Int32>
        let texts: UnsafePointer<UnsafeBufferPointer<UInt8>>
        let textSets: UnsafePointer<TextSet.View>
        let roots: UnsafePointer<Int>

        fileprivate static func copy<T>(_ elements: [T]) -> UnsafePointer<T> {
            let copy = UnsafeMutableBufferPointer<T>.allocate(capacity: max(1, elements.count))
            _ = copy.initialize(from: elements)
            return UnsafePointer(copy.baseAddress!)
        }
    }

    init(
        instructions: [Instruction], tables: Tables, roots: [Int], localCount: Int,
        zones: @escaping @Sendable (String) -> TimeZoneRules?
    ) {
        hot = Hot(
            instructions: Hot.copy(instructions), children: Hot.copy(tables.children),
            texts: Hot.copy(tables.storedTexts.map(\.bytes)), textSets: Hot.copy(tables.textSets.map(\.view)),
            roots: Hot.copy(roots))
        self.tables = tables
        self.localCount = localCount
        self.zones = zones
    }

    deinit {
        // All of them are made of plain numbers and addresses.
        hot.instructions.deallocate()
        hot.children.deallocate()
        hot.texts.deallocate()
        hot.textSets.deallocate()
        hot.roots.deallocate()
    }

    /// The value of the expression that was added as number `index`.
    package func value(
        _ index: Int = 0, host: any Host, limits: Limits = Limits()
    ) throws(EvaluationError) -> Value {
        if let value = try plainValue(hot.roots[index], host, limits) { return value }
        var machine = Machine(self, limits)
        return try machine.value(hot.roots[index], host)
    }

    /// The same, for one that comes to an int.
    package func int(
        _ index: Int = 0, host: any Host, limits: Limits = Limits()
    ) throws(EvaluationError) -> Int64 {
        let root = hot.instructions[hot.roots[index]]
        if root.operation == .intVariable {
            return try root.placed { () throws(EvaluationError) in try host.int(Int(root.x)) }
        }
        var machine = Machine(self, limits)
        return try machine.int(hot.roots[index], host)
    }

    /// The same, for one that comes to a double.
    package func double(
        _ index: Int = 0, host: any Host, limits: Limits = Limits()
    ) throws(EvaluationError) -> Double {
        let root = hot.instructions[hot.roots[index]]
        if root.operation == .doubleVariable {
            return try root.placed { () throws(EvaluationError) in try host.double(Int(root.x)) }
        }
        var machine = Machine(self, limits)
        return try machine.double(hot.roots[index], host)
    }

    /// The same, for one that comes to a bool.
    package func bool(
        _ index: Int = 0, host: any Host, limits: Limits = Limits()
    ) throws(EvaluationError) -> Bool {
        var machine = Machine(self, limits)
        return try machine.bool(hot.roots[index], host)
    }
}

// MARK: Expressions that are a variable and nothing else

extension Program {
    /// The value of a variable; nil of anything else.
    @inline(__always)
    private func plainValue(
        _ index: Int, _ host: any Host, _ limits: Limits
    ) throws(EvaluationError) -> Value? {
        let root = hot.instructions[index]
        switch root.operation {
        case .variable:
            // Else the machine says what it costs.
            guard host.cost(Int(root.x)) <= limits.steps else { return nil }
            return try root.placed { () throws(EvaluationError) in try host.value(Int(root.x)) }
        case .textVariable:
            let text = try root.placed { () throws(EvaluationError) in try host.text(Int(root.x)) }
            return .string(String(decoding: text, as: UTF8.self))
        default: return nil
        }
    }
}

extension Instruction {
    /// What a host throws, with the place of the instruction that asked.
    @inline(__always)
    fileprivate func placed<T>(_ body: () throws(EvaluationError) -> T) throws(EvaluationError) -> T {
        do throws(EvaluationError) {
            return try body()
        } catch {
            var error = error
            error.offset = Int(offset)
            throw error
        }
    }
}

extension Program {
    /// Evaluates several expressions, each within the limits, and tells of those that hold, without an error, and of
    /// those that fail.
    package func select(
        _ indices: [Int], host: any Host, limits: Limits, _ found: (Int, EvaluationError?) -> Void
    ) {
        var machine = Machine(self, limits)
        for position in indices.indices {
            machine.begin()
            do throws(EvaluationError) {
                if try machine.bool(hot.roots[indices[position]], host) { found(position, nil) }
            } catch {
                found(position, error)
            }
        }
    }
}

/// Compiles expressions into one program.
package struct Compiler {
    private var environment: Environment
    private var emitter: Emitter
    private var roots: [Int] = []

    /// How many expressions were added.
    package var rootCount: Int { roots.count }

    package init(_ environment: Environment) {
        self.environment = environment
        emitter = Emitter(environment)
    }

    /// What is known of an expression that was taken.
    package struct Outline: Sendable {
        package let type: Type
        /// Whether the checker knows the type of every part: no evaluation can then fail for types.
        package let isFullyTyped: Bool
        /// The variables that it reads, by their declared names, and the functions of the host that it calls.
        package let reads: Set<String>
        /// Parts that fail whenever they are evaluated, such as bad patterns.
        package let doubts: [SourceError]
    }

    /// Adds an expression as the program's next. Without `checked`, types are found out by evaluating.
    @discardableResult
    package mutating func add(
        _ text: String, checked: Bool = true, macros: Bool = true, expecting type: Type? = nil
    ) throws(SourceError) -> Outline {
        let source = Array(text.utf8)
        let (root, count) = try Parser.parse(source, macros: macros)
        return try add(root, count: count, source, checked: checked, expecting: type)
    }

    /// A variable that only expressions added from now on may name.
    package mutating func declare(_ name: String, _ type: Type, slot: Int) {
        environment.declare(name, type, slot: slot)
        emitter.environment = environment
    }

    mutating func add(
        _ root: Expression, count: Int, _ source: [UInt8], checked: Bool = true, expecting type: Type? = nil
    ) throws(SourceError) -> Outline {
        let findings = try Checker.check(root, count: count, source: source, in: environment, strict: checked)
        let found = findings.types[root.number]
        if let type, found != type, found != .dyn {
            throw SourceError("a \(type.name) was expected, not \(found.name)", at: root.offset, in: source)
        }
        roots.append(Int(try emitter.emit(root, findings, source)))
        return Outline(
            type: found, isFullyTyped: findings.isFullyTyped,
            reads: emitter.takeReads(), doubts: emitter.takeDoubts())
    }

    package consuming func finish() -> Program {
        emitter.program(roots: roots)
    }
}
