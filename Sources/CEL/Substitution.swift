/// What is known so far of the type parameters of an expression.
struct Substitution {
    private var types: [Int: Type] = [:]
    private var count = 0
    /// The parameters before each change, for attempts that fail.
    private var changes: [(number: Int, before: Type?)] = []
    /// Whether null was taken for a time somewhere, so that a value of that type may be null.
    private(set) var hasMixedNull = false

    mutating func fresh() -> Type {
        count += 1
        return .parameter(count)
    }

    /// Returns the type with all known parameters replaced; unknown ones stay.
    func apply(_ type: Type) -> Type {
        type.mapParameters { number in types[number].map(apply) ?? .parameter(number) }
    }

    /// The same, where unknown ones become dyn.
    func settle(_ type: Type) -> Type {
        type.mapParameters { number in types[number].map(settle) ?? .dyn }
    }

    /// Whether values of the types can be used where the others are expected. What that says of parameters is kept only
    /// if all of them can.
    mutating func assign(_ types: [Type], to expected: [Type]) -> Bool {
        guard types.count == expected.count else { return false }
        let hadMixedNull = hasMixedNull
        changes.removeAll(keepingCapacity: true)
        for (type, expected) in zip(types, expected) where !unify(type, expected) {
            for change in changes.reversed() { self.types[change.number] = change.before }
            hasMixedNull = hadMixedNull
            return false
        }
        return true
    }

    private mutating func set(_ number: Int, _ type: Type) {
        changes.append((number, types.updateValue(type, forKey: number)))
    }

    /// Whether more than `depth` types are nested, with all known parameters replaced.
    func isDeeper(_ type: Type, than depth: Int) -> Bool {
        if depth < 0 { return true }
        return switch type {
        case .parameter(let number): types[number].map { isDeeper($0, than: depth) } ?? false
        case .list(let element): isDeeper(element, than: depth - 1)
        case .map(let key, let value): isDeeper(key, than: depth - 1) || isDeeper(value, than: depth - 1)
        case .type(let type): isDeeper(type, than: depth - 1)
        default: false
        }
    }

    mutating func assign(_ type: Type, to expected: Type) -> Bool { assign([type], to: [expected]) }

    /// Returns one type for both: the more general one if it can stand for the other, otherwise dyn.
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
        case (.dyn, _):
            dissolve(expected)
            return true
        case (_, .dyn):
            dissolve(type)
            return true
        case (.null, _) where expected.takesNull, (_, .null) where type.takesNull:
            hasMixedNull = true
            return true
        case (.list(let type), .list(let expected)): return unify(type, expected)
        case (.map(let key, let value), .map(let expectedKey, let expectedValue)):
            return unify(key, expectedKey) && unify(value, expectedValue)
        case (.type, .type): return true
        default: return type == expected
        }
    }

    /// A type that met dyn may hold a value of any type: its parameters no longer stand for one type.
    private mutating func dissolve(_ type: Type) {
        switch type {
        case .parameter(let number):
            if let known = types[number], known != .dyn, known.isParameterised { dissolve(known) }
            set(number, .dyn)
        case .list(let element): dissolve(element)
        case .map(let key, let value):
            dissolve(key)
            dissolve(value)
        default: return
        }
    }

    private mutating func bind(_ number: Int, to type: Type) -> (fits: Bool, wasKnown: Bool) {
        if type == .parameter(number) { return (true, false) }
        if let known = types[number] {
            guard unify(type, known) else { return (false, true) }
            let general = moreGeneral(type, known)
            if !occurs(number, in: general) { set(number, general) }
            return (true, true)
        }
        guard !occurs(number, in: type) else { return (false, false) }
        set(number, type)
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

    /// If each is more general in some part, the result is general in both.
    private func moreGeneral(_ first: Type, _ second: Type) -> Type {
        switch (first, second) {
        case (.dyn, _), (_, .dyn): .dyn
        case (.null, _): second
        case (_, .null): first
        case (.parameter, _): first
        case (_, .parameter): second
        case (.list(let first), .list(let second)): .list(moreGeneral(first, second))
        case (.map(let key, let value), .map(let otherKey, let otherValue)):
            .map(moreGeneral(key, otherKey), moreGeneral(value, otherValue))
        default: first
        }
    }
}
