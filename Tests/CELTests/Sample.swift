import CEL
import CivilTime

/// Variables to try expressions with.
enum Sample {
    static let values: [(name: String, type: Type, value: Value)] = [
        ("i", .int, .int(42)),
        ("u", .uint, .uint(7)),
        ("d", .double, .double(2.5)),
        ("s", .string, .string("text")),
        ("b", .bool, .bool(true)),
        ("l", .list(.int), .list([.int(1), .int(2), .int(3)])),
        ("m", .map(.string, .int), map([("a", .int(1)), ("b", .int(2))])),
        ("t", .timestamp, .timestamp(Timestamp("2025-12-30T21:10:15Z")!)),
        (
            "anything", .map(.string, .dyn),
            map([
                ("name", .string("Ada")), ("first-name", .string("Ada")), ("list", .list([.int(1), .int(2)])),
                ("amount", .double(1.5)),
            ])
        ),
        ("rows", .list(.map(.string, .dyn)), .list([map([("name", .string("a"))]), map([("name", .string("b"))])])),
        ("qualified.name", .map(.string, .int), map([("there", .int(1))])),
        ("qualified.name.here", .string, .string("yes")),
    ]

    static func map(_ entries: [(String, Value)]) -> Value {
        .map(MapValue(entries.map { (.string($0.0), $0.1) })!)
    }

    static var environment: Environment {
        var environment = Environment()
        for (slot, variable) in values.enumerated() { environment.declare(variable.name, variable.type, slot: slot) }
        environment.zones = zones
        return environment
    }

    static let zones: @Sendable (String) -> TimeZoneRules? = { try? ZoneFile.load($0) }  // nil is the answer

    enum Outcome: CustomStringConvertible {
        case value(Value)
        case failed(EvaluationError)
        case refused(SourceError)

        var description: String {
            switch self {
            case .value(let value): value.literal
            case .failed(let error): "!\(error.cause.rawValue): \(error.message)"
            case .refused(let error): "?\(error.report)"
            }
        }

        func matches(_ expected: String) -> Bool {
            switch self {
            case .value(let value): value.literal == expected
            case .failed(let error): "!\(error.cause.rawValue)" == expected
            case .refused(let error): expected.hasPrefix("?") && error.message.contains(expected.dropFirst())
            }
        }
    }

    static func outcome(
        of expression: String, checked: Bool, in environment: Environment? = nil, limits: Limits = Limits()
    ) -> Outcome {
        do throws(SourceError) {
            var compiler = Compiler(environment ?? Self.environment)
            try compiler.add(expression, checked: checked)
            let program = compiler.finish()
            do throws(EvaluationError) {
                return .value(try program.value(host: SampleHost(), limits: limits))
            } catch {
                return .failed(error)
            }
        } catch {
            return .refused(error)
        }
    }
}

final class SampleHost: Host {
    private let texts = LentTexts()
    private(set) var reads = 0

    func value(_ slot: Int) throws(EvaluationError) -> Value {
        reads += 1
        return Sample.values[slot].value
    }

    func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        try texts.bytes(slot) { () throws(EvaluationError) in try value(slot) }
    }

    func call(_ function: Int, _ arguments: [Value]) throws(EvaluationError) -> Value {
        .list(arguments)
    }
}
