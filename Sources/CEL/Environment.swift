import CivilTime

/// The names in expressions, and the host's variables for them.
package struct Environment {
    /// Prefixes for names, innermost first: in `a.b` the name `c` is a.b.c, a.c or c.
    package var container = ""
    package private(set) var variables: [String: Variable] = [:]
    package private(set) var constants: [String: Value] = [:]
    package private(set) var functions: [String: HostFunction] = [:]
    /// Called for a simple name that is not declared; nil leaves it undeclared.
    package var discover: ((String) -> Variable?)?
    /// Finds time zones by name.
    package var zones: @Sendable (String) -> TimeZoneRules? = { _ in nil }

    package init() {}

    package struct Variable: Sendable {
        /// Its number for the host.
        package let slot: Int
        package let type: Type

        package init(slot: Int, type: Type) {
            self.slot = slot
            self.type = type
        }
    }

    /// Declares a name, which may have dots: the longest declared one wins.
    package mutating func declare(_ name: String, _ type: Type, slot: Int) {
        variables[name] = Variable(slot: slot, type: type)
    }

    package mutating func define(_ name: String, _ value: Value) {
        constants[name] = value
    }

    package mutating func declare(_ function: HostFunction) {
        functions[function.name] = function
    }

    /// All names, for hints.
    var names: [String] { Array(variables.keys) + Array(constants.keys) }

    /// The full names that a name may mean, in order of the lookups.
    func candidates(_ name: String, isRoot: Bool) -> [String] {
        guard !isRoot, !container.isEmpty else { return [name] }
        var parts = container.split(separator: ".")
        var candidates: [String] = []
        while !parts.isEmpty {
            candidates.append(parts.joined(separator: ".") + "." + name)
            parts.removeLast()
        }
        return candidates + [name]
    }
}

/// A function of the host.
package struct HostFunction {
    package let name: String
    package let parameters: [Type]
    package let result: Type
    /// Called once per call, when the expression is compiled, with the arguments that are constants.
    package let prepare: ([Value?]) -> Preparation

    package enum Preparation {
        /// The call is replaced by this variable.
        case variable(Int)
        /// The host is called with the arguments each time, under this number.
        case call(Int)
        case fault(String)
    }

    package init(
        _ name: String, _ parameters: [Type], _ result: Type, prepare: @escaping ([Value?]) -> Preparation
    ) {
        self.name = name
        self.parameters = parameters
        self.result = result
        self.prepare = prepare
    }
}

/// Provides the variables of a running program. Slots and types are those of the environment.
package protocol Host: AnyObject {
    func value(_ slot: Int) throws(EvaluationError) -> Value
    /// Returns the entry of a map variable, nil when it has none.
    func member(_ slot: Int, _ key: Text) throws(EvaluationError) -> Value?
    /// How many elements a variable that is a list has.
    func count(_ slot: Int) throws(EvaluationError) -> Int
    /// One of them; nil when there are not so many.
    func element(_ slot: Int, _ position: Int) throws(EvaluationError) -> Value?
    /// The entry of an element that is a map, nil when it has none. There are more elements than `position`.
    func elementMember(_ slot: Int, _ position: Int, _ key: Text) throws(EvaluationError) -> Value?
    func int(_ slot: Int) throws(EvaluationError) -> Int64
    func double(_ slot: Int) throws(EvaluationError) -> Double
    func bool(_ slot: Int) throws(EvaluationError) -> Bool
    /// The steps for reading a variable or one of its members, if that is more than a few.
    func cost(_ slot: Int) -> Int
    /// Valid until the evaluation ends.
    func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8>
    func call(_ function: Int, _ arguments: [Value]) throws(EvaluationError) -> Value
}

/// Defaults for hosts that only have values.
extension Host {
    package func cost(_ slot: Int) -> Int { 0 }

    package func member(_ slot: Int, _ key: Text) throws(EvaluationError) -> Value? {
        guard case .map(let map) = try value(slot) else { throw EvaluationError(.noSuchOverload, "fields of no map") }
        return map.find(.string(key))
    }

    package func count(_ slot: Int) throws(EvaluationError) -> Int { try list(slot).elements.count }

    package func element(_ slot: Int, _ position: Int) throws(EvaluationError) -> Value? {
        let elements = try list(slot).elements
        return elements.indices.contains(position) ? elements[position] : nil
    }

    package func elementMember(_ slot: Int, _ position: Int, _ key: Text) throws(EvaluationError) -> Value? {
        let element = try list(slot).elements[position]
        guard case .map(let map) = element else {
            throw EvaluationError(.noSuchOverload, "\(element.kind.name) has no fields")
        }
        return map.find(.string(key))
    }

    private func list(_ slot: Int) throws(EvaluationError) -> ListValue {
        guard case .list(let list) = try value(slot) else { throw EvaluationError(.noSuchOverload, "no list") }
        return list
    }

    package func int(_ slot: Int) throws(EvaluationError) -> Int64 {
        guard case .int(let int) = try value(slot) else { throw EvaluationError(.noSuchOverload, "no int") }
        return int
    }

    package func double(_ slot: Int) throws(EvaluationError) -> Double {
        guard case .double(let double) = try value(slot) else { throw EvaluationError(.noSuchOverload, "no double") }
        return double
    }

    package func bool(_ slot: Int) throws(EvaluationError) -> Bool {
        guard case .bool(let bool) = try value(slot) else { throw EvaluationError(.noSuchOverload, "no bool") }
        return bool
    }

    package func call(_ function: Int, _ arguments: [Value]) throws(EvaluationError) -> Value {
        throw EvaluationError(.unknownFunction, "\(function)")
    }
}

/// Texts of values at fixed addresses, for hosts that have to lend them.
package final class LentTexts {
    private var texts: [Int: UnsafeMutableBufferPointer<UInt8>] = [:]

    package init() {}

    deinit { for text in texts.values { text.deallocate() } }

    /// Returns the bytes of a slot's text, copied at the first request.
    package func bytes(_ slot: Int, of value: () throws(EvaluationError) -> Value) throws(EvaluationError)
        -> UnsafeBufferPointer<UInt8>
    {
        if let text = texts[slot] { return UnsafeBufferPointer(text) }
        guard case .string(let text) = try value() else { throw EvaluationError(.noSuchOverload, "no string") }
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.string.utf8.count)
        _ = copy.update(fromContentsOf: Array(text.string.utf8))
        texts[slot] = copy
        return UnsafeBufferPointer(copy)
    }
}
