/// Evaluation with types known only at run time.
extension Machine {
    mutating func value(_ index: Int, _ host: any Host) throws(EvaluationError) -> Value {
        let instruction = instruction(index)
        let (x, y) = (Int(instruction.x), Int(instruction.y))
        switch instruction.operation {
        case .constant: return program.tables.constants[x]
        case .textConstant: return program.tables.constants[y]
        case .local: return self[local: x]
        case .variable:
            try charge(host.cost(x), at: index)
            return try placed(index) { () throws(EvaluationError) in try host.value(x) }
        case .textVariable: return .string(String(decoding: try text(index, host), as: UTF8.self))
        case .member:
            try charge(host.cost(x), at: index)
            let key = program.tables.texts[y]
            let found = try placed(index) { () throws(EvaluationError) in try host.member(x, key) }
            guard let found else { throw failure(.noSuchKey, key.string, at: index) }
            return found
        case .select:
            guard let found = try member(of: value(x, host), y, at: index) else {
                throw failure(.noSuchKey, program.tables.texts[y].string, at: index)
            }
            return found
        case .failure: throw failure(program.tables.failures[x], at: index)
        case .intConstant, .intVariable, .addInts, .subtractInts, .multiplyInts, .sizeOfText:
            return .int(try int(index, host))
        case .doubleConstant, .doubleVariable, .addDoubles, .subtractDoubles, .multiplyDoubles, .divideDoubles:
            return .double(try double(index, host))
        case .negate: return try negated(value(x, host), at: index)
        case .arithmetic:
            let operation = Arithmetic(rawValue: instruction.detail)!
            return try arithmetic(operation, value(x, host), value(y, host), at: index)
        case .index: return try element(of: value(x, host), at: value(y, host), index)
        case .element, .elementMember, .countOfElements: return try element(instruction, host, index)
        case .conditional: return try value(bool(x, host) ? y : Int(instruction.z), host)
        case .list: return try list(x, y, host, index)
        case .map: return try map(x, y, host, index)
        case .call: return try call(Function.allCases[Int(instruction.detail)], x, y, host, index)
        case .hostCall:
            let arguments = try values(x, y, host)
            return try placed(index) { () throws(EvaluationError) in try host.call(Int(instruction.z), arguments) }
        case .comprehension: return try comprehension(program.tables.comprehensions[x], host, index)
        case .and, .or, .not, .order, .equal, .contained, .test, .testMember, .boolVariable, .boolConstant,
            .orderInts, .orderDoubles, .orderTexts, .equalInts, .equalDoubles, .equalTexts, .inTexts, .inKeys,
            .startsWith, .endsWith, .containsText, .matchesPattern:
            return .bool(try bool(index, host))
        }
    }

    /// Returns the field of a map, nil when it has none of this name.
    func member(of value: Value, _ text: Int, at index: Int) throws(EvaluationError) -> Value? {
        guard case .map(let map) = value else {
            throw failure(.noSuchOverload, "\(value.kind.name) has no fields", at: index)
        }
        return map.find(.text(program.tables.texts[text]))
    }

    private mutating func values(_ first: Int, _ count: Int, _ host: any Host) throws(EvaluationError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(count)
        for position in first..<first + count {
            values.append(try value(child(position), host))
        }
        return values
    }

    // MARK: Operators

    private func negated(_ value: Value, at index: Int) throws(EvaluationError) -> Value {
        switch value {
        case .int(let int):
            guard int != .min else { throw failure(.overflow, "int", at: index) }
            return .int(-int)
        case .double(let double): return .double(-double)
        default: throw noOverload("-", [value], at: index)
        }
    }

    private mutating func arithmetic(
        _ operation: Arithmetic, _ left: Value, _ right: Value, at index: Int
    ) throws(EvaluationError) -> Value {
        switch (left, right) {
        case (.int(let left), .int(let right)): return .int(try whole(operation, left, right, "int", at: index))
        case (.uint(let left), .uint(let right)): return .uint(try whole(operation, left, right, "uint", at: index))
        case (.double(let left), .double(let right)):
            switch operation {
            case .add: return .double(left + right)
            case .subtract: return .double(left - right)
            case .multiply: return .double(left * right)
            case .divide: return .double(left / right)
            case .modulo: break
            }
        case (.string, .string) where operation == .add, (.bytes, .bytes) where operation == .add,
            (.list, .list) where operation == .add:
            return try joined(left, right, at: index)
        default:
            if let time = try time(operation, left, right, at: index) { return time }
        }
        throw noOverload(operation.symbol, [left, right], at: index)
    }

    private func whole<T: FixedWidthInteger>(
        _ operation: Arithmetic, _ left: T, _ right: T, _ name: String, at index: Int
    ) throws(EvaluationError) -> T {
        let result: (partialValue: T, overflow: Bool)
        switch operation {
        case .add: result = left.addingReportingOverflow(right)
        case .subtract: result = left.subtractingReportingOverflow(right)
        case .multiply: result = left.multipliedReportingOverflow(by: right)
        case .divide:
            guard right != 0 else { throw failure(.divisionByZero, "division", at: index) }
            result = left.dividedReportingOverflow(by: right)
        case .modulo:
            guard right != 0 else { throw failure(.divisionByZero, "modulus", at: index) }
            result = left.remainderReportingOverflow(dividingBy: right)
        }
        guard !result.overflow else { throw failure(.overflow, name, at: index) }
        return result.partialValue
    }

    private mutating func joined(_ left: Value, _ right: Value, at index: Int) throws(EvaluationError) -> Value {
        try charge(left.weight.addingSaturating(right.weight), at: index)
        switch (left, right) {
        case (.string(let left), .string(let right)):
            try checkLength(left.string.utf8.count + right.string.utf8.count, at: index)
            return .string(left.string + right.string)
        case (.bytes(let left), .bytes(let right)):
            try checkLength(left.count + right.count, at: index)
            return .bytes(left + right)
        case (.list(let left), .list(let right)):
            return .list(try bounded(ListValue(left.elements + right.elements), at: index))
        default: preconditionFailure("only texts, bytes and lists are joined")
        }
    }

    private func checkLength(_ bytes: Int, at index: Int) throws(EvaluationError) {
        guard bytes <= Limits.longestText else {
            throw failure(.tooCostly, "a text of more than \(Limits.longestText) bytes", at: index)
        }
    }

    /// Returns the list if it is not too large.
    func bounded(_ list: ListValue, at index: Int) throws(EvaluationError) -> ListValue {
        guard list.weight <= Limits.largestWeight else { throw tooLarge("list", at: index) }
        guard list.depth <= Limits.deepestValue else { throw tooDeep(at: index) }
        return list
    }

    private func tooLarge(_ name: String, at index: Int) -> EvaluationError {
        failure(.tooCostly, "a \(name) of more than \(Limits.largestWeight) values", at: index)
    }

    private func tooDeep(at index: Int) -> EvaluationError {
        failure(.tooCostly, "more than \(Limits.deepestValue) lists and maps inside each other", at: index)
    }

    private func time(
        _ operation: Arithmetic, _ left: Value, _ right: Value, at index: Int
    ) throws(EvaluationError) -> Value? {
        let result: Value?
        switch (operation, left, right) {
        case (.add, .timestamp(let timestamp), .duration(let duration)),
            (.add, .duration(let duration), .timestamp(let timestamp)):
            result = (timestamp + duration).map(Value.timestamp)
        case (.subtract, .timestamp(let timestamp), .duration(let duration)):
            result = (timestamp - duration).map(Value.timestamp)
        case (.subtract, .timestamp(let left), .timestamp(let right)): result = (left - right).map(Value.duration)
        case (.add, .duration(let left), .duration(let right)):
            let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
            result = overflow ? nil : .duration(Duration(nanoseconds: sum))
        case (.subtract, .duration(let left), .duration(let right)):
            let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
            result = overflow ? nil : .duration(Duration(nanoseconds: difference))
        default: return nil
        }
        guard let result else { throw failure(.range, "the time is out of range", at: index) }
        return result
    }

    private mutating func element(
        of value: Value, at position: Value, _ index: Int
    ) throws(EvaluationError) -> Value {
        if case .string = position { try charge(position.weight, at: index) }
        switch value {
        case .list(let list):
            guard let number = try number(position, index), list.elements.indices.contains(number) else {
                throw failure(.noSuchIndex, position.shortLiteral, at: index)
            }
            return list.elements[number]
        case .map(let map):
            guard let found = map.find(position) else { throw failure(.noSuchKey, position.shortLiteral, at: index) }
            return found
        default: throw noOverload("[]", [value, position], at: index)
        }
    }

    /// The position in a list that a value says, nil for one that no list has.
    private func number(_ position: Value, _ index: Int) throws(EvaluationError) -> Int? {
        switch position {
        case .int(let int): Int(exactly: int)
        case .uint(let uint): Int(exactly: uint)
        case .double(let double): Int(exactly: double)
        default: throw noOverload("[]", [.list([]), position], at: index)
        }
    }

    /// What is asked of a variable that is a list, which the host may know without making all of it.
    private mutating func element(
        _ instruction: Instruction, _ host: any Host, _ index: Int
    ) throws(EvaluationError) -> Value {
        let slot = Int(instruction.x)
        try charge(host.cost(slot), at: index)
        if instruction.operation == .countOfElements {
            return .int(Int64(try placed(index) { () throws(EvaluationError) in try host.count(slot) }))
        }
        let position = try value(Int(instruction.y), host)
        if case .string = position { try charge(position.weight, at: index) }
        guard let number = try number(position, index) else {
            throw failure(.noSuchIndex, position.shortLiteral, at: index)
        }
        let found = try placed(index) { () throws(EvaluationError) -> Value? in
            guard instruction.operation == .elementMember else { return try host.element(slot, number) }
            let key = program.tables.texts[Int(instruction.z)]
            guard number >= 0, number < (try host.count(slot)) else { return nil }
            guard let member = try host.elementMember(slot, number, key) else {
                throw EvaluationError(.noSuchKey, key.string)
            }
            return member
        }
        guard let found else { throw failure(.noSuchIndex, position.shortLiteral, at: index) }
        return found
    }

    // MARK: Creating lists and maps

    private mutating func list(
        _ first: Int, _ count: Int, _ host: any Host, _ index: Int
    ) throws(EvaluationError) -> Value {
        try charge(count, at: index)
        return .list(try bounded(ListValue(values(first, count, host)), at: index))
    }

    private mutating func map(
        _ first: Int, _ count: Int, _ host: any Host, _ index: Int
    ) throws(EvaluationError) -> Value {
        try charge(count, at: index)
        let parts = try values(first, count * 2, host)
        return try map(
            keys: stride(from: 0, to: parts.count, by: 2).map { parts[$0] },
            values: stride(from: 1, to: parts.count, by: 2).map { parts[$0] }, at: index)
    }

    func map(keys: [Value], values: [Value], at index: Int) throws(EvaluationError) -> Value {
        switch MapValue.of(keys: keys, values: values) {
        case .success(let map):
            guard map.weight <= Limits.largestWeight else { throw tooLarge("map", at: index) }
            guard map.depth <= Limits.deepestValue else { throw tooDeep(at: index) }
            return .map(map)
        case .failure(.badKey(let kind)): throw failure(.badKey, kind.name, at: index)
        case .failure(.duplicateKey(let key)): throw failure(.duplicateKey, key.shortLiteral, at: index)
        }
    }

    // MARK: Library functions

    private mutating func call(
        _ function: Function, _ first: Int, _ count: Int, _ host: any Host, _ index: Int
    ) throws(EvaluationError) -> Value {
        let arguments = try values(first, count, host)
        if function == .matches, arguments.count == 2, case .string(let pattern) = arguments[1] {
            try charge(pattern.string.utf8.count * Limits.stepsPerPatternByte, at: index)
        }
        // Lists and maps know their size; texts are scanned.
        for argument in arguments {
            switch argument {
            case .string, .bytes: try charge(argument.weight, at: index)
            case .list(let list) where function.looksAtElements: try charge(list.elements.count, at: index)
            default: break
            }
        }
        let (known, others) = (program.tables.zones, program.zones)
        let result = try placed(index) { () throws(EvaluationError) in
            try function.apply(arguments) { name in known[name] ?? others(name) }
        }
        guard let result else { throw noOverload("\(function.rawValue)()", arguments, at: index) }
        return result
    }
}
