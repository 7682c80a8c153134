/// Evaluation of macros over elements.
extension Machine {
    mutating func comprehension(
        _ comprehension: Program.CompiledComprehension, _ host: any Host, _ index: Int
    ) throws(EvaluationError) -> Value {
        let range = try value(comprehension.range, host)
        let count: Int
        switch range {
        case .list(let list): count = list.elements.count
        case .map(let map): count = map.keys.count
        default: throw noOverload("\(comprehension.name)()", [range], at: index)
        }
        switch comprehension.form {
        case .all, .exists, .existsOne:
            return .bool(try answer(comprehension, range, count, host, index))
        case .filter, .transformList:
            var elements: [Value] = []
            for position in 0..<count where try visit(comprehension, range, position, host, index) {
                guard let transform = comprehension.transform else {
                    elements.append(self[local: comprehension.firstLocal])
                    continue
                }
                elements.append(try value(transform, host))
            }
            return .list(try bounded(ListValue(elements), at: index))
        case .transformMap, .transformMapEntry: return try transformed(comprehension, range, count, host, index)
        }
    }

    /// Puts an element into the variables and returns whether it takes part.
    private mutating func visit(
        _ comprehension: Program.CompiledComprehension, _ range: Value, _ position: Int, _ host: any Host, _ index: Int
    ) throws(EvaluationError) -> Bool {
        try set(comprehension, range, position, index)
        guard let condition = comprehension.condition else { return true }
        return try bool(condition, host)
    }

    private mutating func set(
        _ comprehension: Program.CompiledComprehension, _ range: Value, _ position: Int, _ index: Int
    ) throws(EvaluationError) {
        try charge(1, at: index)
        let local = comprehension.firstLocal
        switch range {
        case .list(let list):
            if comprehension.variableCount == 2 {
                self[local: local] = .int(Int64(position))
                self[local: local + 1] = list.elements[position]
            } else {
                self[local: local] = list.elements[position]
            }
        case .map(let map):
            self[local: local] = map.keys[position]
            if comprehension.variableCount == 2 { self[local: local + 1] = map.values[position] }
        default: preconditionFailure("only lists and maps are gone over")
        }
    }

    /// For all and exists, a deciding element prevails over errors in others; exists_one requires all to be valid.
    private mutating func answer(
        _ comprehension: Program.CompiledComprehension, _ range: Value, _ count: Int, _ host: any Host, _ index: Int
    ) throws(EvaluationError) -> Bool {
        guard let condition = comprehension.condition else { preconditionFailure("questions have a condition") }
        if comprehension.form == .existsOne {
            var found = 0
            for position in 0..<count where try visit(comprehension, range, position, host, index) { found += 1 }
            return found == 1
        }
        let deciding = comprehension.form == .exists
        var error: EvaluationError?
        for position in 0..<count {
            try set(comprehension, range, position, index)
            do throws(EvaluationError) {
                if try bool(condition, host) == deciding { return deciding }
            } catch let failure {
                // Another element does not make up for exceeded costs.
                if failure.cause == .tooCostly { throw failure }
                if error == nil { error = failure }
            }
        }
        if let error { throw error }
        return !deciding
    }

    private mutating func transformed(
        _ comprehension: Program.CompiledComprehension, _ range: Value, _ count: Int, _ host: any Host, _ index: Int
    ) throws(EvaluationError) -> Value {
        guard let transform = comprehension.transform else { preconditionFailure("transformations have a transform") }
        var keys: [Value] = []
        var values: [Value] = []
        for position in 0..<count where try visit(comprehension, range, position, host, index) {
            let result = try value(transform, host)
            guard comprehension.form == .transformMapEntry else {
                let key: Value = if case .map(let map) = range { map.keys[position] } else { .int(Int64(position)) }
                keys.append(key)
                values.append(result)
                continue
            }
            guard case .map(let entries) = result else { throw noOverload("transformMapEntry()", [result], at: index) }
            try charge(entries.keys.count, at: index)
            keys += entries.keys
            values += entries.values
        }
        return try map(keys: keys, values: values, at: index)
    }
}
