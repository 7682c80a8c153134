/// Compiles checked expressions to instructions, with typed ones where possible.
struct Emitter {
    var environment: Environment
    var instructions: [Instruction] = []
    var tables = Program.Tables()
    var namedTextSets: [ObjectIdentifier: Int32] = [:]
    private var localCount = 0
    /// The number of macro variables in scope; the checker numbers them in the same way.
    private var scopeDepth = 0
    private var reads: Set<String> = []
    /// Parts that can only fail when they are evaluated.
    var doubts: [SourceError] = []
    private var types: [Type] = []
    private var meanings: [Checker.Meaning?] = []
    private var source: [UInt8] = []

    init(_ environment: Environment) {
        self.environment = environment
    }

    mutating func emit(
        _ root: Expression, _ findings: Checker.Findings, _ source: [UInt8]
    ) throws(SourceError) -> Int32 {
        types = findings.types
        meanings = findings.meanings
        self.source = source
        return try emit(root)
    }

    mutating func takeDoubts() -> [SourceError] {
        defer { doubts = [] }
        return doubts
    }

    mutating func takeReads() -> Set<String> {
        defer { reads = [] }
        return reads
    }

    consuming func program(roots: [Int]) -> Program {
        Program(
            instructions: instructions, tables: tables, roots: roots, localCount: localCount, zones: environment.zones)
    }

    func fault(_ message: String, _ expression: Expression) -> SourceError {
        SourceError(message, at: expression.offset, in: source)
    }

    func type(_ expression: Expression) -> Type { types[expression.number] }

    /// Whether the text of a name keeps its address until the evaluation ends.
    func meaningIsLasting(_ expression: Expression) -> Bool {
        switch meanings[expression.number] {
        case .variable?, .constant(.string)?: true
        default: false
        }
    }

    /// The constant that a name stands for.
    func knownConstant(_ expression: Expression) -> Value? {
        if case .constant(let value)? = meanings[expression.number] { value } else { nil }
    }

    // MARK: Adding

    mutating func add(
        _ operation: Instruction.Operation, _ expression: Expression, detail: UInt8 = 0, x: Int32 = 0, y: Int32 = 0,
        z: Int32 = 0, bits: UInt64 = 0
    ) -> Int32 {
        instructions.append(
            Instruction(
                operation: operation, detail: detail, offset: Int32(expression.offset), x: x, y: y, z: z, bits: bits))
        return Int32(instructions.count - 1)
    }

    /// Adds a value that is known now.
    mutating func constant(_ value: Value, _ expression: Expression) -> Int32 {
        switch value {
        case .bool(let bool): return add(.boolConstant, expression, bits: bool ? 1 : 0)
        case .int(let int): return add(.intConstant, expression, bits: UInt64(bitPattern: int))
        case .double(let double): return add(.doubleConstant, expression, bits: double.bitPattern)
        case .string(let text):
            tables.storedTexts.append(Program.StoredText(text))
            tables.constants.append(value)
            return add(
                .textConstant, expression, x: Int32(tables.storedTexts.count - 1), y: Int32(tables.constants.count - 1))
        default:
            tables.constants.append(value)
            return add(.constant, expression, x: Int32(tables.constants.count - 1))
        }
    }

    mutating func failure(
        _ cause: EvaluationError.Cause, _ detail: String, _ expression: Expression
    ) -> Int32 {
        tables.failures.append(EvaluationError(cause, detail))
        return add(.failure, expression, x: Int32(tables.failures.count - 1))
    }

    mutating func text(_ string: String) -> Int32 {
        tables.texts.append(Text(string))
        return Int32(tables.texts.count - 1)
    }

    private mutating func children(_ expressions: [Expression]) throws(SourceError) -> (first: Int32, count: Int32) {
        var numbers: [Int32] = []
        for expression in expressions { numbers.append(try emit(expression)) }
        tables.children += numbers
        return (Int32(tables.children.count - numbers.count), Int32(numbers.count))
    }

    // MARK: Expressions

    mutating func emit(_ expression: Expression) throws(SourceError) -> Int32 {
        if let meaning = meanings[expression.number] {
            if case .function(let function) = meaning { return try hostCall(function, expression) }
            return name(meaning, expression)
        }
        if let known = try emitTyped(expression) { return known }
        switch expression.content {
        case .literal(let value): return constant(value, expression)
        case .name(let name, _): return failure(.unknownName, name, expression)
        case .message(let name): return failure(.unknownName, name, expression)
        case .select(let operand, let field, _): return try select(operand, field, expression, isTest: false)
        case .test(let operand, let field): return try select(operand, field, expression, isTest: true)
        case .call(let name, let target, let arguments): return try call(name, target, arguments, expression)
        case .not(let operand): return add(.not, expression, x: try emit(operand))
        case .negate(let operand): return add(.negate, expression, x: try emit(operand))
        case .arithmetic(let operation, let left, let right):
            let (x, y) = (try emit(left), try emit(right))
            return add(.arithmetic, expression, detail: operation.rawValue, x: x, y: y)
        case .order(let ordering, let left, let right):
            let (x, y) = (try emit(left), try emit(right))
            return add(.order, expression, detail: ordering.rawValue, x: x, y: y)
        case .equal(let left, let right, let negated):
            let (x, y) = (try emit(left), try emit(right))
            return add(.equal, expression, detail: negated ? 1 : 0, x: x, y: y)
        case .contained(let element, let range):
            let (x, y) = (try emit(element), try emit(range))
            return add(.contained, expression, x: x, y: y)
        case .index(let operand, let index):
            if let slot = listSlot(operand) { return add(.element, expression, x: slot, y: try emit(index)) }
            let (x, y) = (try emit(operand), try emit(index))
            return add(.index, expression, x: x, y: y)
        case .and(let terms):
            let (first, count) = try children(terms)
            return add(.and, expression, x: first, y: count)
        case .or(let terms):
            let (first, count) = try children(terms)
            return add(.or, expression, x: first, y: count)
        case .conditional(let condition, let yes, let no):
            let (x, y, z) = (try emit(condition), try emit(yes), try emit(no))
            return add(.conditional, expression, x: x, y: y, z: z)
        case .list(let elements):
            let (first, count) = try children(elements)
            return add(.list, expression, x: first, y: count)
        case .map(let entries):
            let (first, count) = try children(entries.flatMap { [$0.key, $0.value] })
            return add(.map, expression, x: first, y: count / 2)
        case .comprehension(let comprehension): return try self.comprehension(comprehension, expression)
        }
    }

    private mutating func name(_ meaning: Checker.Meaning, _ expression: Expression) -> Int32 {
        switch meaning {
        case .variable(let variable):
            reads.insert(declaredName(of: variable, expression))
            return self.variable(variable, expression)
        case .constant(let value): return constant(value, expression)
        case .local(let number): return add(.local, expression, x: Int32(number))
        case .kind(let kind): return constant(.type(kind), expression)
        case .function: preconditionFailure("functions are called, not named")
        }
    }

    private mutating func variable(_ variable: Environment.Variable, _ expression: Expression) -> Int32 {
        let operation: Instruction.Operation =
            switch variable.type {
            case .bool: .boolVariable
            case .int: .intVariable
            case .double: .doubleVariable
            case .string: .textVariable
            default: .variable
            }
        return add(operation, expression, x: Int32(variable.slot))
    }

    /// An undeclared variable was discovered by its name.
    private func declaredName(of variable: Environment.Variable, _ expression: Expression) -> String {
        if let declared = environment.variables.first(where: { $0.value.slot == variable.slot }) { return declared.key }
        guard case .name(let name, _) = expression.content else { return "" }
        return name
    }

    private mutating func select(
        _ operand: Expression, _ field: String, _ expression: Expression, isTest: Bool
    ) throws(SourceError) -> Int32 {
        let key = text(field)
        if case .variable(let variable) = meanings[operand.number], case .map = variable.type {
            reads.insert(declaredName(of: variable, operand))
            return add(isTest ? .testMember : .member, expression, x: Int32(variable.slot), y: key)
        }
        if !isTest, case .index(let list, let index) = operand.content, let slot = listSlot(list) {
            return add(.elementMember, expression, x: slot, y: try emit(index), z: key)
        }
        return add(isTest ? .test : .select, expression, x: try emit(operand), y: key)
    }

    /// The slot of a variable that is a list.
    private mutating func listSlot(_ expression: Expression) -> Int32? {
        guard case .variable(let variable)? = meanings[expression.number], case .list = variable.type else {
            return nil
        }
        reads.insert(declaredName(of: variable, expression))
        return Int32(variable.slot)
    }

    // MARK: Calls

    private mutating func call(
        _ name: String, _ target: Expression?, _ arguments: [Expression], _ expression: Expression
    ) throws(SourceError) -> Int32 {
        let operands = (target.map { [$0] } ?? []) + arguments
        let plain = name.hasPrefix(".") ? String(name.dropFirst()) : name
        guard let function = Function(rawValue: plain) else { return failure(.unknownFunction, plain, expression) }
        guard function.exists(asMember: target != nil, arguments: operands.count) else {
            return failure(.noSuchOverload, "\(plain)()", expression)
        }
        if let folded = folded(function, operands) { return constant(folded, expression) }
        if function == .size, operands.count == 1, let slot = listSlot(operands[0]) {
            return add(.countOfElements, expression, x: slot)
        }
        // Finding a zone reads a file, so zones that are named in the expression are loaded once.
        if function.takesZone, operands.count == 2, case .literal(.string(let name)) = operands[1].content {
            tables.zones[name.string] = environment.zones(name.string)
        }
        let (first, count) = try children(operands)
        return add(.call, expression, detail: UInt8(Function.allCases.firstIndex(of: function)!), x: first, y: count)
    }

    /// The result of a call of constants, unless it is an error, which only occurs when it is evaluated.
    private func folded(_ function: Function, _ operands: [Expression]) -> Value? {
        var values: [Value] = []
        for operand in operands {
            guard case .literal(let value) = operand.content else { return nil }
            values.append(value)
        }
        do throws(EvaluationError) {
            return try function.apply(values, zones: environment.zones)
        } catch {
            return nil
        }
    }

    private mutating func hostCall(_ function: HostFunction, _ expression: Expression) throws(SourceError) -> Int32 {
        guard case .call(_, _, let arguments) = expression.content else {
            preconditionFailure("only calls mean functions")
        }
        reads.insert("\(function.name)()")
        let known = arguments.map { argument -> Value? in
            if case .literal(let value) = argument.content { value } else { nil }
        }
        switch function.prepare(known) {
        case .variable(let slot):
            return variable(Environment.Variable(slot: slot, type: function.result), expression)
        case .call(let number):
            let (first, count) = try children(arguments)
            return add(.hostCall, expression, x: first, y: count, z: Int32(number))
        case .fault(let message): throw fault(message, expression)
        }
    }

    // MARK: Macros

    private mutating func comprehension(
        _ comprehension: Comprehension, _ expression: Expression
    ) throws(SourceError) -> Int32 {
        let range = try emit(comprehension.range)
        let firstLocal = scopeDepth
        scopeDepth += comprehension.variables.count
        localCount = max(localCount, scopeDepth)
        defer { scopeDepth = firstLocal }
        let condition = try comprehension.condition.map { condition throws(SourceError) in Int(try emit(condition)) }
        let transform = try comprehension.transform.map { transform throws(SourceError) in Int(try emit(transform)) }
        tables.comprehensions.append(
            Program.CompiledComprehension(
                name: comprehension.name, form: comprehension.form, range: Int(range), firstLocal: firstLocal,
                variableCount: comprehension.variables.count, condition: condition, transform: transform))
        return add(.comprehension, expression, x: Int32(tables.comprehensions.count - 1))
    }
}
