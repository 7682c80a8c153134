/// The functions of the standard library.
enum Function: String, CaseIterable, Sendable {
    case size, contains, startsWith, endsWith, matches
    case int, uint, double, string, bool, bytes, timestamp, duration, type, dyn
    case getFullYear, getMonth, getDate, getDayOfMonth, getDayOfWeek, getDayOfYear
    case getHours, getMinutes, getSeconds, getMilliseconds
    /// For lists. The language leaves them to libraries; Kubernetes uses these names.
    case sum, min, max

    struct Overload: Sendable {
        let isMember: Bool
        let parameters: [Type]
        let result: Type

        static func global(_ parameters: [Type], _ result: Type) -> Overload {
            Overload(isMember: false, parameters: parameters, result: result)
        }

        static func member(_ parameters: [Type], _ result: Type) -> Overload {
            Overload(isMember: true, parameters: parameters, result: result)
        }
    }

    /// Any type, the same one throughout an overload.
    static let some = Type.parameter(-1)
    static let other = Type.parameter(-2)

    /// For a method, the receiver is the first parameter.
    var overloads: [Overload] {
        switch self {
        case .size:
            let sized: [Type] = [.string, .bytes, .list(Self.some), .map(Self.some, Self.other)]
            return sized.map { .global([$0], .int) } + sized.map { .member([$0], .int) }
        case .contains, .startsWith, .endsWith: return [.member([.string, .string], .bool)]
        case .matches: return [.global([.string, .string], .bool), .member([.string, .string], .bool)]
        case .int: return [.int, .uint, .double, .string, .timestamp].map { .global([$0], .int) }
        case .uint: return [.int, .uint, .double, .string].map { .global([$0], .uint) }
        case .double: return [.int, .uint, .double, .string].map { .global([$0], .double) }
        case .string:
            return [.string, .bool, .int, .uint, .double, .bytes, .timestamp, .duration].map { .global([$0], .string) }
        case .bool: return [.bool, .string].map { .global([$0], .bool) }
        case .bytes: return [.bytes, .string].map { .global([$0], .bytes) }
        case .timestamp: return [.timestamp, .int, .string].map { .global([$0], .timestamp) }
        case .duration: return [.duration, .string].map { .global([$0], .duration) }
        case .type: return [.global([Self.some], .type(Self.some))]
        case .dyn: return [.global([Self.some], .dyn)]
        case .getFullYear, .getMonth, .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear:
            return [.member([.timestamp], .int), .member([.timestamp, .string], .int)]
        case .getHours, .getMinutes, .getSeconds, .getMilliseconds:
            return [.member([.timestamp], .int), .member([.timestamp, .string], .int), .member([.duration], .int)]
        // The sum of no elements is 0, and of ints and doubles a double, so the elements' type does not decide.
        case .sum: return [.member([.list(.dyn)], .dyn)]
        case .min, .max: return [.member([.list(Self.some)], Self.some)]
        }
    }

    /// Whether the second of two arguments is a time zone.
    var takesZone: Bool { overloads.contains { $0.parameters == [.timestamp, .string] } }

    /// Whether it exists as a method or as a function.
    func exists(asMember: Bool, arguments: Int) -> Bool {
        overloads.contains { $0.isMember == asMember && $0.parameters.count == arguments }
    }
}

extension Arithmetic {
    var overloads: [Function.Overload] {
        let integers: [Type] = [.int, .uint]
        let numbers = integers + [.double]
        switch self {
        case .add:
            let list = Type.list(Function.some)
            return (numbers + [.string, .bytes, list]).map { .global([$0, $0], $0) } + [
                .global([.timestamp, .duration], .timestamp), .global([.duration, .timestamp], .timestamp),
                .global([.duration, .duration], .duration),
            ]
        case .subtract:
            return numbers.map { .global([$0, $0], $0) } + [
                .global([.timestamp, .timestamp], .duration), .global([.timestamp, .duration], .timestamp),
                .global([.duration, .duration], .duration),
            ]
        case .multiply, .divide: return numbers.map { .global([$0, $0], $0) }
        case .modulo: return integers.map { .global([$0, $0], $0) }
        }
    }
}

extension Ordering {
    static let overloads: [Function.Overload] = {
        let numbers: [Type] = [.int, .uint, .double]
        let mixed = numbers.flatMap { left in numbers.map { Function.Overload.global([left, $0], .bool) } }
        let others: [Type] = [.bool, .string, .bytes, .timestamp, .duration]
        return mixed + others.map { .global([$0, $0], .bool) }
    }()

    var symbol: String {
        switch self {
        case .less: "<"
        case .lessOrEqual: "<="
        case .greater: ">"
        case .greaterOrEqual: ">="
        }
    }
}
