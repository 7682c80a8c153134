import CivilTime

/// Expressions compiled together, ready to be evaluated any number of times and by several threads at once.
package final class Program: Sendable {
    /// What the program needs besides its instructions. Only the emitter writes it.
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
        /// Texts whose bytes have a fixed address.
        var storedTexts: [StoredText] = []
    }

    struct CompiledComprehension: Sendable {
        let name: String
        let form: Comprehension.Form
        let range: Int
        /// The index of its one or two variables.
        let firstLocal: Int
        let variableCount: Int
        let condition: Int?
        let transform: Int?
    }

    /// A copy of a text that lives as long as the program.
    final class StoredText: Sendable {
        // Written once, before it is shared.
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
    /// What running uses most, without reference counting.
    let hot: Hot

    /// Copies of the program's own tables, which live as long as the program.
    ///
    /// @unchecked Sendable: written when the program is created, before it is shared, and only read from then on.
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
        // All of them consist of plain numbers and addresses.
        hot.instructions.deallocate()
        hot.children.deallocate()
        hot.texts.deallocate()
        hot.textSets.deallocate()
        hot.roots.deallocate()
    }

    /// Evaluates the expression that was added as number `index`.
    package func value(
        _ index: Int = 0, host: any Host, limits: Limits = Limits()
    ) throws(EvaluationError) -> Value {
        if let value = try plainValue(hot.roots[index], host, limits) { return value }
        var machine = Machine(self, limits)
        return try machine.value(hot.roots[index], host)
    }

    /// The slot of an expression that is just a variable, and the only kind of value that it takes, if there is one.
    /// Nil for any other expression.
    package func plainVariable(_ index: Int) -> (slot: Int, kind: Value.Kind?)? {
        let root = hot.instructions[hot.roots[index]]
        switch root.operation {
        case .variable: return (Int(root.x), nil)
        case .intVariable: return (Int(root.x), .int)
        case .doubleVariable: return (Int(root.x), .double)
        default: return nil
        }
    }

    /// The same for one with an int result.
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

    /// The same for one with a double result.
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

    /// The same for one with a bool result.
    package func bool(
        _ index: Int = 0, host: any Host, limits: Limits = Limits()
    ) throws(EvaluationError) -> Bool {
        var machine = Machine(self, limits)
        return try machine.bool(hot.roots[index], host)
    }
}

// MARK: Expressions that are just a variable

extension Program {
    /// The value of a variable; nil for any other expression.
    @inline(__always)
    private func plainValue(
        _ index: Int, _ host: any Host, _ limits: Limits
    ) throws(EvaluationError) -> Value? {
        let root = hot.instructions[index]
        switch root.operation {
        case .variable:
            // Otherwise the machine charges its cost.
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
    /// Gives a host's error the position of the calling instruction.
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
    /// Evaluates several expressions, each within the limits, and reports those that hold, without an error, and those
    /// that fail.
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

    /// The number of added expressions.
    package var rootCount: Int { roots.count }

    package init(_ environment: Environment) {
        self.environment = environment
        emitter = Emitter(environment)
    }

    /// Facts about an added expression.
    package struct Outline: Sendable {
        package let type: Type
        /// Whether the checker knows the type of every part, so that no evaluation can fail for types.
        package let isFullyTyped: Bool
        /// The variables that it reads, by their declared names, and the host's functions that it calls.
        package let reads: Set<String>
        /// Parts that always fail when evaluated, such as bad patterns.
        package let doubts: [SourceError]
    }

    /// Adds an expression as the program's next. Without `checked`, types are only checked at run time.
    @discardableResult
    package mutating func add(
        _ text: String, checked: Bool = true, macros: Bool = true, expecting type: Type? = nil
    ) throws(SourceError) -> Outline {
        let source = Array(text.utf8)
        let (root, count) = try Parser.parse(source, macros: macros)
        return try add(root, count: count, source, checked: checked, expecting: type)
    }

    /// Declares a variable for expressions added from now on.
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
