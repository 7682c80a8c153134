/// What is known so far of the type parameters of an expression.
struct Substitution {
    private var types: [Int: Type] = [:]
    private var count = 0

    mutating func fresh() -> Type {
        count += 1
        return .parameter(count)
    }

    /// The type with everything put in that is known; parameters of which nothing is known stay.
    func apply(_ type: Type) -> Type {
        type.mapParameters { number in types[number].map(apply) ?? .parameter(number) }
    }

    /// And those become dyn.
    func settle(_ type: Type) -> Type {
        type.mapParameters { number in types[number].map(settle) ?? .dyn }
    }

    /// Whether a value of each type can be where the other is expected. What that says of parameters is remembered
    /// when all of them can.
    mutating func assign(_ types: [Type], to expected: [Type]) -> Bool {
        guard types.count == expected.count else { return false }
        var attempt = self
        for (type, expected) in zip(types, expected) where !attempt.unify(type, expected) { return false }
        self = attempt
        return true
    }

    mutating func assign(_ type: Type, to expected: Type) -> Bool { assign([type], to: [expected]) }

    /// One type for both: the more general when one can stand for the other, else dyn.
    mutating func join(_ first: Type, _ second: Type) -> Type {
        assign(first, to: second) ? moreGeneral(first, second) : .dyn
    }

    private mutating func unify(_ type: Type, _ expected: Type) -> Bool {
        if case .parameter(let number) = expected {
            let (fits, wasKnown) = bind(number, to: type)
            if fits || wasKnown { return fits }
        }
        if case .parameter(let number) = type { return bind(number, to: expected).fits }
        switch (type, expected) {
        case (.dyn, _), (_, .dyn): return true
        case (.list(let type), .list(let expected)): return unify(type, expected)
        case (.map(let key, let value), .map(let expectedKey, let expectedValue)):
            return unify(key, expectedKey) && unify(value, expectedValue)
        case (.type, .type): return true
        default: return type == expected
        }
    }

    private mutating func bind(_ number: Int, to type: Type) -> (fits: Bool, wasKnown: Bool) {
        if type == .parameter(number) { return (true, false) }
        if let known = types[number] {
            guard unify(type, known) else { return (false, true) }
            let general = moreGeneral(type, known)
            if !occurs(number, in: general) { types[number] = general }
            return (true, true)
        }
        guard !occurs(number, in: type) else { return (false, false) }
        types[number] = type
        return (true, false)
    }

    private func occurs(_ number: Int, in type: Type) -> Bool {
        switch type {
        case .parameter(let other):
            return other == number || (types[other].map { occurs(number, in: $0) } ?? false)
        case .list(let element): return occurs(number, in: element)
        case .map(let key, let value): return occurs(number, in: key) || occurs(number, in: value)
        case .type(let type): return occurs(number, in: type)
        default: return false
        }
    }

    private func moreGeneral(_ first: Type, _ second: Type) -> Type {
        isAsGeneral(first, as: second) ? first : second
    }

    private func isAsGeneral(_ first: Type, as second: Type) -> Bool {
        switch (first, second) {
        case (.dyn, _), (.parameter, _): true
        case (_, .dyn), (_, .parameter): false
        case (.list(let first), .list(let second)): isAsGeneral(first, as: second)
        case (.map(let key, let value), .map(let otherKey, let otherValue)):
            isAsGeneral(key, as: otherKey) && isAsGeneral(value, as: otherValue)
        case (.type, .type): true
        default: first == second
        }
    }
}
