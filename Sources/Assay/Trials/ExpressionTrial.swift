import AssayCore
import CEL
import CivilTime

/// Expressions that people and conformance suites try, outside of any rule.
package enum ExpressionTrial {
    /// The result of an expression.
    package enum Outcome {
        case value(Value)
        case refused(SourceError)
        /// With its position in the source.
        case failed(EvaluationError)
    }

    /// Evaluates an expression over known variables, checked by their types.
    package static func evaluate(_ expression: String, with variables: [(String, Value)]) -> Outcome {
        var environment = standardEnvironment
        for (slot, (name, value)) in variables.enumerated() { environment.declare(name, value.type, slot: slot) }
        do throws(SourceError) {
            var compiler = Compiler(environment)
            try compiler.add(expression)
            return run(compiler.finish(), variables.map(\.1))
        } catch {
            return .refused(error)
        }
    }

    private static var standardEnvironment: Environment {
        var environment = Environment()
        let zones = ZoneCache()
        environment.zones = { zones.zone($0) }
        return environment
    }

    private static func run(_ program: Program, _ values: [Value]) -> Outcome {
        do throws(EvaluationError) {
            return .value(try program.value(host: BoundValues(values)))
        } catch {
            return .failed(error)
        }
    }

    // MARK: Batches

    /// Returns the answer to one line of a batch, also a line of JSON.
    package static func answer(_ line: some Sequence<UInt8>) -> String {
        do throws(JSONError) {
            return answer(try JSON(parsing: line)).text
        } catch {
            return failure("not JSON: \(error.message) at byte \(error.offset)").text
        }
    }

    private static func failure(_ message: String) -> JSON { .object([("error", .string(message))]) }

    private static func answer(_ request: JSON) -> JSON {
        guard let expression = request["expr"]?.string else { return failure("'expr' is missing") }
        let isChecked = request["check"]?.bool ?? true
        var environment = standardEnvironment
        environment.container = request["container"]?.string ?? ""
        var values: [Value] = []
        do throws(ValueError) {
            values = try declare(request, isChecked: isChecked, in: &environment)
        } catch {
            return failure(error.message)
        }
        do throws(SourceError) {
            var compiler = Compiler(environment)
            let outline = try compiler.add(expression, checked: isChecked, macros: request["macros"]?.bool ?? true)
            if request["check_only"]?.bool == true { return .object([("type", .string(outline.type.name))]) }
            switch run(compiler.finish(), values) {
            case .value(let value): return .object([("value", JSON(typed: value))])
            case .failed(let error): return failure(error.message)
            case .refused(let error): return failure(error.report)
            }
        } catch {
            return failure(error.report)
        }
    }

    /// Declares bound and typed names; returns the values by their slots.
    private static func declare(
        _ request: JSON, isChecked: Bool, in environment: inout Environment
    ) throws(ValueError) -> [Value] {
        var slots: [String: Int] = [:]
        var values: [Value] = []
        for (name, json) in request["bindings"]?.members ?? [] where !["true", "false", "null"].contains(name) {
            slots[name] = values.count
            values.append(try Value(typed: json))
            environment.declare(name, .dyn, slot: values.count - 1)
        }
        for declaration in request["type_env"]?.elements ?? [] {
            guard let name = declaration["name"]?.string, let typeName = declaration["type"]?.string,
                let type = Type(name: typeName)
            else { throw ValueError(message: "a declaration has a name and a type, not \(declaration.text)") }
            // A declared name without a value fails when it is read.
            environment.declare(name, isChecked ? type : .dyn, slot: slots[name] ?? BoundValues.unbound)
        }
        return values
    }
}

/// Variables with known values.
private final class BoundValues: Host {
    static let unbound = -1
    private let values: [Value]
    private let texts = LentTexts()

    init(_ values: [Value]) {
        self.values = values
    }

    func value(_ slot: Int) throws(EvaluationError) -> Value {
        guard slot != Self.unbound else { throw EvaluationError(.host, "the variable has no value") }
        return values[slot]
    }

    func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        try texts.bytes(slot) { () throws(EvaluationError) in try value(slot) }
    }
}
