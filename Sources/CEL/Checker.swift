/// Resolves every name and, in strict mode, checks the types of every operation.
struct Checker {
    /// The meaning of a name.
    enum Meaning {
        case variable(Environment.Variable)
        case constant(Value)
        case local(Int)
        case kind(Value.Kind)
        /// A function of the host.
        case function(HostFunction)
    }

    let source: [UInt8]
    let environment: Environment
    let isStrict: Bool
    var substitution = Substitution()
    /// Nil for parts that are never evaluated alone, such as the first part of a dotted name.
    private(set) var types: [Type?]
    private(set) var meanings: [Meaning?]
    private var scope: [(name: String, type: Type)] = []

    /// The types of an expression's parts and the meanings of its names, by number.
    struct Findings {
        let types: [Type]
        let meanings: [Meaning?]
        /// Whether every part has a definite type.
        let isFullyTyped: Bool
    }

    static func check(
        _ root: Expression, count: Int, source: [UInt8], in environment: Environment, strict: Bool
    ) throws(SourceError) -> Findings {
        var checker = Checker(source: source, environment: environment, isStrict: strict, count: count)
        _ = try checker.check(root)
        let types = checker.types.map { type in type.map { checker.substitution.settle($0) } }
        return Findings(
            types: types.map { $0 ?? .dyn }, meanings: checker.meanings,
            isFullyTyped: strict && !checker.substitution.hasMixedNull
                && !types.contains { $0?.isPartlyDynamic ?? false })
    }

    private init(source: [UInt8], environment: Environment, isStrict: Bool, count: Int) {
        self.source = source
        self.environment = environment
        self.isStrict = isStrict
        types = Array(repeating: nil, count: count)
        meanings = Array(repeating: nil, count: count)
    }

    func fault(_ message: String, at expression: Expression) -> SourceError {
        SourceError(message, at: expression.offset, in: source)
    }

    mutating func check(_ expression: Expression) throws(SourceError) -> Type {
        let type = try find(expression)
        // A deeper type is of no use to anybody, and takes long to compare.
        let known = !isStrict || substitution.isDeeper(type, than: Limits.deepestType) ? .dyn : type
        types[expression.number] = known
        return known
    }

    private mutating func find(_ expression: Expression) throws(SourceError) -> Type {
        switch expression.content {
        case .literal(let value): return value.type
        case .name: return try name(expression)
        case .select(let operand, _, _):
            if let type = qualified(expression) { return type }
            return try member(of: operand)
        case .test(let operand, _):
            _ = try member(of: operand)
            return .bool
        case .call(let name, let target, let arguments):
            return try call(expression, name, target, arguments)
        case .not(let operand):
            try expect(.bool, of: operand, "'!' takes a bool")
            return .bool
        case .negate(let operand):
            let overloads: [Function.Overload] = [.global([.int], .int), .global([.double], .double)]
            return try operation("-", overloads, [operand], at: expression)
        case .arithmetic(let operation, let left, let right):
            return try self.operation(operation.symbol, operation.overloads, [left, right], at: expression)
        case .order(let ordering, let left, let right):
            return try operation(ordering.symbol, Ordering.overloads, [left, right], at: expression)
        case .equal(let left, let right, let negated):
            let overload = Function.Overload.global([Function.some, Function.some], .bool)
            return try operation(negated ? "!=" : "==", [overload], [left, right], at: expression)
        case .contained(let element, let range):
            let overloads: [Function.Overload] = [
                .global([Function.some, .list(Function.some)], .bool),
                .global([Function.some, .map(Function.some, Function.other)], .bool),
            ]
            return try operation("in", overloads, [element, range], at: expression)
        case .index(let operand, let index):
            let overloads: [Function.Overload] = [
                .global([.list(Function.some), .int], Function.some),
                .global([.map(Function.some, Function.other), Function.some], Function.other),
            ]
            return try operation("[]", overloads, [operand, index], at: expression)
        case .and(let terms):
            for term in terms { try expect(.bool, of: term, "'&&' takes bools") }
            return .bool
        case .or(let terms):
            for term in terms { try expect(.bool, of: term, "'||' takes bools") }
            return .bool
        case .conditional(let condition, let yes, let no):
            try expect(.bool, of: condition, "the condition of '?' must be a bool")
            let (yesType, noType) = (try check(yes), try check(no))
            guard isStrict else { return .dyn }
            let type = substitution.fresh()
            guard substitution.assign([yesType, noType], to: [type, type]) else {
                throw fault("both results of '?' must be of one type, not \(list([yesType, noType]))", at: expression)
            }
            return substitution.apply(type)
        case .list(let elements): return .list(try joined(elements))
        case .map(let entries): return try map(entries)
        case .message(let name):
            guard isStrict else { return .dyn }
            throw fault("there is no message type '\(name)'", at: expression)
        case .comprehension(let comprehension): return try self.comprehension(comprehension, at: expression)
        }
    }

    /// The types as messages list them.
    func list(_ types: [Type]) -> String {
        types.map { substitution.settle($0).name }.joined(separator: " and ")
    }

    private mutating func expect(
        _ type: Type, of expression: Expression, _ message: String
    ) throws(SourceError) {
        let found = try check(expression)
        guard isStrict, !substitution.assign(found, to: type) else { return }
        throw fault("\(message), not \(list([found]))", at: expression)
    }

    private mutating func joined(_ elements: [Expression]) throws(SourceError) -> Type {
        var type: Type?
        for element in elements {
            let next = try check(element)
            guard isStrict else { continue }
            type = type.map { substitution.join($0, next) } ?? next
        }
        return type ?? substitution.fresh()
    }

    private mutating func map(
        _ entries: [(key: Expression, value: Expression)]
    ) throws(SourceError) -> Type {
        var keyType: Type?
        for (key, _) in entries {
            let next = try keyed(try check(key), at: key)
            keyType = keyType.map { substitution.join($0, next) } ?? next
        }
        return .map(keyType ?? substitution.fresh(), try joined(entries.map(\.value)))
    }

    /// Requires a type that keys can have. A type that is not known yet stays unknown.
    private mutating func keyed(_ type: Type, at expression: Expression) throws(SourceError) -> Type {
        guard isStrict else { return .dyn }
        switch substitution.apply(type) {
        case .parameter, .dyn: return .dyn
        case .int, .uint, .bool, .string: return type
        default:
            throw fault("a key must be an int, uint, bool or string, not \(list([type]))", at: expression)
        }
    }

    // MARK: Names

    private mutating func name(_ expression: Expression) throws(SourceError) -> Type {
        if let type = qualified(expression) { return type }
        guard isStrict, case .name(let name, _) = expression.content else { return .dyn }
        let near = NearName.of(name, among: environment.names + scope.map(\.name))
        throw fault("undeclared reference to '\(name)'\(near)", at: expression)
    }

    /// The type of a name as a whole, dotted or not.
    private mutating func qualified(_ expression: Expression) -> Type? {
        guard var name = Parser.qualifiedName(expression) else { return nil }
        let isRoot = name.hasPrefix(".")
        if isRoot {
            name.removeFirst()
        } else if let local = scope.lastIndex(where: { name == $0.name || name.hasPrefix($0.name + ".") }) {
            guard name == scope[local].name else { return nil }
            meanings[expression.number] = .local(local)
            return scope[local].type
        }
        for candidate in environment.candidates(name, isRoot: isRoot) {
            if let variable = environment.variables[candidate] {
                meanings[expression.number] = .variable(variable)
                return variable.type
            }
            if let constant = environment.constants[candidate] {
                meanings[expression.number] = .constant(constant)
                return constant.type
            }
            if let kind = Value.Kind(name: candidate) {
                meanings[expression.number] = .kind(kind)
                return .type(kind.type)
            }
        }
        guard !name.contains("."), let variable = environment.discover?(name) else { return nil }
        meanings[expression.number] = .variable(variable)
        return variable.type
    }

    /// The type of a field of the operand.
    private mutating func member(of operand: Expression) throws(SourceError) -> Type {
        if isStrict, let name = Parser.qualifiedName(operand), qualified(operand) == nil, !isLocal(name),
            case let near = NearName.among(environment.names, under: name), !near.isEmpty
        {
            throw fault("'\(name)' has \(near)", at: operand)
        }
        let type = try check(operand)
        guard isStrict else { return .dyn }
        switch substitution.apply(type) {
        case .map(_, let value): return value
        case .dyn: return .dyn
        case .parameter:
            // Whatever it turns out to be, it was used as something with fields.
            _ = substitution.assign(.dyn, to: type)
            return .dyn
        default: throw fault("\(list([type])) has no fields", at: operand)
        }
    }

    private func isLocal(_ name: String) -> Bool {
        scope.contains { name == $0.name || name.hasPrefix($0.name + ".") }
    }

    // MARK: Calls

    private mutating func call(
        _ expression: Expression, _ name: String, _ target: Expression?, _ arguments: [Expression]
    ) throws(SourceError) -> Type {
        // A method's full name may be that of a function.
        let full = target.map { Parser.qualifiedName($0).map { "\($0).\(name)" } } ?? name
        if let full {
            let isRoot = full.hasPrefix(".")
            for candidate in environment.candidates(isRoot ? String(full.dropFirst()) : full, isRoot: isRoot) {
                guard let function = environment.functions[candidate] else { continue }
                meanings[expression.number] = .function(function)
                return try operation(
                    "\(candidate)()", [.global(function.parameters, function.result)], arguments, at: expression)
            }
        }
        let operands = (target.map { [$0] } ?? []) + arguments
        let plain = name.hasPrefix(".") ? String(name.dropFirst()) : name
        guard let function = Function(rawValue: plain) else {
            for operand in operands { _ = try check(operand) }
            guard isStrict else { return .dyn }
            let near = NearName.of(plain, among: Function.allCases.map(\.rawValue) + environment.functions.keys)
            throw fault("undeclared reference to function '\(plain)'\(near)", at: expression)
        }
        return try operation(
            "\(plain)()", function.overloads.filter { $0.isMember == (target != nil) }, operands, at: expression)
    }

    private mutating func operation(
        _ name: String, _ overloads: [Function.Overload], _ operands: [Expression], at expression: Expression
    ) throws(SourceError) -> Type {
        var types: [Type] = []
        for operand in operands { types.append(try check(operand)) }
        return try resolve(name, overloads, types, at: expression)
    }

    /// The result of the overload that fits; dyn for several with different results.
    private mutating func resolve(
        _ name: String, _ overloads: [Function.Overload], _ operandTypes: [Type], at expression: Expression
    ) throws(SourceError) -> Type {
        guard isStrict else { return .dyn }
        var result: Type?
        for overload in overloads {
            let (some, other) = (substitution.fresh(), substitution.fresh())
            let fresh = { (type: Type) in type.mapParameters { $0 == -1 ? some : other } }
            guard substitution.assign(operandTypes, to: overload.parameters.map(fresh)) else { continue }
            let type = substitution.apply(fresh(overload.result))
            if let known = result, known != type { result = .dyn } else { result = type }
        }
        if let result { return result }
        throw fault(
            Mismatch(name: name, overloads: overloads, types: operandTypes.map { substitution.settle($0) }).message,
            at: expression)
    }

    // MARK: Macros

    private mutating func comprehension(
        _ comprehension: Comprehension, at expression: Expression
    ) throws(SourceError) -> Type {
        let range = try check(comprehension.range)
        let (key, element) = try entries(of: range, at: comprehension.range)
        let isMap: Bool = if case .map = substitution.apply(range) { true } else { false }
        let variableTypes = comprehension.variables.count == 2 ? [key, element] : [isMap ? key : element]
        for (name, type) in zip(comprehension.variables, variableTypes) { scope.append((name, type)) }
        defer { scope.removeLast(variableTypes.count) }
        if let condition = comprehension.condition {
            try expect(.bool, of: condition, "the condition of \(comprehension.name)() must be a bool")
        }
        let transformed = try comprehension.transform.map { transform throws(SourceError) in try check(transform) }
        switch comprehension.form {
        case .all, .exists, .existsOne: return .bool
        case .filter: return .list(variableTypes[0])
        case .transformList: return .list(transformed ?? .dyn)
        case .transformMap: return .map(key, transformed ?? .dyn)
        case .transformMapEntry:
            guard isStrict, let transformed, let transform = comprehension.transform else { return .dyn }
            let entry = Type.map(substitution.fresh(), substitution.fresh())
            guard substitution.assign(transformed, to: entry) else {
                throw fault(
                    "transformMapEntry() makes of each element a map, not \(list([transformed]))", at: transform)
            }
            return substitution.apply(entry)
        }
    }

    /// The types of a macro's variables: index and element, or key and value.
    private mutating func entries(
        of range: Type, at expression: Expression
    ) throws(SourceError) -> (key: Type, element: Type) {
        switch substitution.apply(range) {
        case .list(let element): return (.int, element)
        case .map(let key, let value): return (key, value)
        case .dyn: return (.dyn, .dyn)
        case .parameter:
            _ = substitution.assign(.dyn, to: range)
            return (.dyn, .dyn)
        default:
            guard isStrict else { return (.dyn, .dyn) }
            throw fault("this goes over lists and maps, not \(list([range]))", at: expression)
        }
    }
}

extension Value {
    /// The static type. Elements of different types make it dyn.
    package var type: Type {
        switch self {
        case .list(let list): return .list(Self.common(list.elements))
        case .map(let map): return .map(Self.common(map.keys), Self.common(map.values))
        default: return kind.type
        }
    }

    private static func common(_ values: [Value]) -> Type {
        guard let first = values.first?.type else { return .dyn }
        return values.dropFirst().allSatisfy { $0.type == first } ? first : .dyn
    }
}

extension Value.Kind {
    /// The type without that of its elements.
    var type: Type {
        switch self {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        case .list: .list(.dyn)
        case .map: .map(.dyn, .dyn)
        case .timestamp: .timestamp
        case .duration: .duration
        case .type: .type(.dyn)
        }
    }
}
