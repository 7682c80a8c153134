/// Instructions for operands of known types: they neither check tags nor create values.
extension Emitter {
    /// Returns nil when there is none for this expression.
    mutating func emitTyped(_ expression: Expression) throws(SourceError) -> Int32? {
        switch expression.content {
        case .order(let ordering, let left, let right):
            guard let (operation, x, y) = try operands(left, right, .orderInts, .orderDoubles, .orderTexts) else {
                return nil
            }
            return add(operation, expression, detail: ordering.rawValue, x: x, y: y)
        case .equal(let left, let right, let negated):
            guard let (operation, x, y) = try operands(left, right, .equalInts, .equalDoubles, .equalTexts) else {
                return nil
            }
            return add(operation, expression, detail: negated ? 1 : 0, x: x, y: y)
        case .arithmetic(let arithmetic, let left, let right):
            guard let operation = typed(arithmetic, type(left), type(right)) else { return nil }
            let (x, y) = (try emit(left), try emit(right))
            return add(operation, expression, x: x, y: y)
        case .contained(let element, let range): return try contained(element, range, expression)
        case .call(let name, let target?, let arguments): return try textCall(name, target, arguments, expression)
        case .call("size", nil, let arguments) where arguments.count == 1 && isBorrowable(arguments[0]):
            return add(.sizeOfText, expression, x: try emit(arguments[0]))
        case .call("matches", nil, let arguments) where arguments.count == 2:
            return try textCall("matches", arguments[0], [arguments[1]], expression)
        default: return nil
        }
    }

    /// Returns both operands in one form, and the operation for it.
    private mutating func operands(
        _ left: Expression, _ right: Expression, _ ints: Instruction.Operation, _ doubles: Instruction.Operation,
        _ texts: Instruction.Operation
    ) throws(SourceError) -> (Instruction.Operation, Int32, Int32)? {
        switch (type(left), type(right)) {
        case (.int, .int): return (ints, try emit(left), try emit(right))
        case (.double, .double): return (doubles, try emit(left), try emit(right))
        // Integers are compared with doubles as doubles.
        case (.double, .int):
            guard case .literal(.int(let int)) = right.content else { return nil }
            return (doubles, try emit(left), constant(.double(Double(int)), right))
        case (.int, .double):
            guard case .literal(.int(let int)) = left.content else { return nil }
            return (doubles, constant(.double(Double(int)), left), try emit(right))
        case (.string, .string):
            guard isBorrowable(left), isBorrowable(right) else { return nil }
            return (texts, try emit(left), try emit(right))
        default: return nil
        }
    }

    private func typed(_ arithmetic: Arithmetic, _ left: Type, _ right: Type) -> Instruction.Operation? {
        switch (arithmetic, left, right) {
        case (.add, .int, .int): .addInts
        case (.subtract, .int, .int): .subtractInts
        case (.multiply, .int, .int): .multiplyInts
        case (.add, .double, .double): .addDoubles
        case (.subtract, .double, .double): .subtractDoubles
        case (.multiply, .double, .double): .multiplyDoubles
        case (.divide, .double, .double): .divideDoubles
        default: nil
        }
    }

    /// Whether the text keeps its address until the evaluation ends.
    private func isBorrowable(_ expression: Expression) -> Bool {
        guard type(expression) == .string else { return false }
        if case .literal = expression.content { return true }
        return meaningIsLasting(expression)
    }

    private mutating func contained(
        _ element: Expression, _ range: Expression, _ expression: Expression
    ) throws(SourceError) -> Int32? {
        guard let values = knownElements(range), !values.isEmpty else { return nil }
        if type(element) == .string || type(element) == .dyn {
            guard let set = textSet(values, of: range) else { return nil }
            return add(.inTexts, expression, x: try emit(element), y: set)
        }
        guard type(element) == .int else { return nil }
        var keys: Set<MapKey> = []
        for value in values {
            guard case .int = value, let key = MapKey(value) else { return nil }
            keys.insert(key)
        }
        tables.keySets.append(keys)
        return add(.inKeys, expression, x: try emit(element), y: Int32(tables.keySets.count - 1))
    }

    /// Returns the number of the set of texts; expressions with the same list share one.
    private mutating func textSet(_ values: [Value], of range: Expression) -> Int32? {
        var name: ObjectIdentifier?
        if case .list(let list)? = knownConstant(range) { name = ObjectIdentifier(list) }
        if let name, let known = namedTextSets[name] { return known }
        var texts: [Text] = []
        for value in values {
            guard case .string(let text) = value else { return nil }
            texts.append(text)
        }
        tables.textSets.append(TextSet(texts))
        let number = Int32(tables.textSets.count - 1)
        // The environment keeps the list, and so its identity.
        if let name { namedTextSets[name] = number }
        return number
    }

    /// The elements of a list, if all are known.
    private func knownElements(_ expression: Expression) -> [Value]? {
        if case .list(let list)? = knownConstant(expression) { return list.elements }
        guard case .list(let elements) = expression.content else { return nil }
        var values: [Value] = []
        for element in elements {
            guard case .literal(let value) = element.content else { return nil }
            values.append(value)
        }
        return values
    }

    /// A known pattern is compiled now, whatever text it is applied to. A bad one is a doubt now, and an error when it
    /// is used.
    private mutating func matches(
        _ target: Expression, _ text: Text, at argument: Expression, _ expression: Expression
    ) throws(SourceError) -> Int32 {
        switch RegularExpression.compile(text) {
        case .success(let pattern):
            tables.patterns.append(pattern)
            let number = Int32(tables.patterns.count - 1)
            return add(.matchesPattern, expression, x: try emit(target), y: number)
        case .failure(let error):
            doubts.append(fault(error.message, argument))
            return failure(error.cause, error.detail, expression)
        }
    }

    private mutating func textCall(
        _ name: String, _ target: Expression, _ arguments: [Expression], _ expression: Expression
    ) throws(SourceError) -> Int32? {
        if name == "matches", arguments.count == 1, [.string, .dyn].contains(type(target)),
            case .literal(.string(let pattern)) = arguments[0].content
        {
            return try matches(target, pattern, at: arguments[0], expression)
        }
        guard isBorrowable(target) else { return nil }
        if name == "size", arguments.isEmpty { return add(.sizeOfText, expression, x: try emit(target)) }
        guard arguments.count == 1, isBorrowable(arguments[0]) else { return nil }
        let operation: Instruction.Operation
        switch name {
        case "startsWith": operation = .startsWith
        case "endsWith": operation = .endsWith
        case "contains": operation = .containsText
        default: return nil
        }
        let (x, y) = (try emit(target), try emit(arguments[0]))
        return add(operation, expression, x: x, y: y)
    }
}
