import CivilTime

/// What expressions may name, and what the host gives for it.
package struct Environment {
    /// Tried in front of names, innermost first: in `a.b` the name `c` is a.b.c, a.c or c.
    package var container = ""
    package private(set) var variables: [String: Variable] = [:]
    package private(set) var constants: [String: Value] = [:]
    package private(set) var functions: [String: HostFunction] = [:]
    /// Finds time zones by name.
    package var zones: @Sendable (String) -> TimeZoneRules? = { _ in nil }

    package init() {}

    package struct Variable: Sendable {
        /// By which the host knows it.
        package let slot: Int
        package let type: Type
    }

    /// A name may have dots: the longest one that is declared wins.
    package mutating func declare(_ name: String, _ type: Type, slot: Int) {
        variables[name] = Variable(slot: slot, type: type)
    }

    package mutating func define(_ name: String, _ value: Value) {
        constants[name] = value
    }

    package mutating func declare(_ function: HostFunction) {
        functions[function.name] = function
    }

    /// Everything that can be named, for hints.
    var names: [String] { Array(variables.keys) + Array(constants.keys) }

    /// The full names that a name may mean, in the order in which they are tried.
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

/// A function of the host's.
package struct HostFunction {
    package let name: String
    package let parameters: [Type]
    package let result: Type
    /// Asked once a call, when the expression is compiled, with those arguments that are constants.
    package let prepare: ([Value?]) -> Preparation

    package enum Preparation {
        /// The call is this variable.
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

/// What gives a running program its variables. Slots and types are those of the environment.
package protocol Host: AnyObject {
    func value(_ slot: Int) throws(EvaluationError) -> Value
    /// The entry of a variable that is a map, nil when it has none.
    func member(_ slot: Int, _ key: Text) throws(EvaluationError) -> Value?
    func int(_ slot: Int) throws(EvaluationError) -> Int64
    func double(_ slot: Int) throws(EvaluationError) -> Double
    func bool(_ slot: Int) throws(EvaluationError) -> Bool
    /// Valid until the evaluation ends.
    func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8>
    func call(_ function: Int, _ arguments: [Value]) throws(EvaluationError) -> Value
}
