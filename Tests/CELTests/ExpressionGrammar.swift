import CEL
import TestSupport

/// Makes up expressions: well-typed ones of a wanted type, sprinkled with mistakes when asked.
struct ExpressionGrammar {
    private var random: Random
    /// Out of a thousand parts, so many are of a type that may not fit there.
    let mistakes: Int
    /// Whether types are hidden here and there.
    var hasDynamic = false
    private var locals: [(name: String, type: Type)] = []

    init(seed: UInt64, mistakes: Int) {
        random = Random(state: seed)
        self.mistakes = mistakes
    }

    mutating func below(_ bound: Int) -> Int { Int(random.below(UInt64(bound))) }

    private mutating func one<T>(of choices: [T]) -> T { choices[below(choices.count)] }

    static let scalars: [Type] = [.int, .uint, .double, .string, .bytes, .bool, .timestamp, .duration]

    mutating func someType(_ depth: Int = 2) -> Type {
        switch below(depth > 0 ? 12 : 8) {
        case 8, 9: .list(someType(depth - 1))
        case 10: .map(one(of: [.int, .string, .bool]), someType(depth - 1))
        case 11: .null
        case let scalar: Self.scalars[scalar]
        }
    }

    mutating func expression(_ type: Type, depth: Int) -> String {
        if mistakes > 0, below(1000) < mistakes { return expression(someType(), depth: depth - 1) }
        if depth <= 0 { return leaf(type) }
        // What the checker then knows nothing of.
        if hasDynamic, below(12) == 0 { return "dyn(\(expression(type, depth: depth - 1)))" }
        switch below(10) {
        case 0: return leaf(type)
        case 1:
            return "(\(expression(.bool, depth: depth - 1)) ? \(expression(type, depth: depth - 1)) : "
                + "\(expression(type, depth: depth - 1)))"
        case 2: return "[\(expression(type, depth: depth - 1))][\(expression(.int, depth: 1))]"
        case 3: return "{\"a\": \(expression(type, depth: depth - 1))}.a"
        default: return operation(type, depth: depth - 1)
        }
    }

    private mutating func leaf(_ type: Type) -> String {
        let named = locals.filter { $0.type == type }.map(\.name)
        let variables = Sample.values.filter { $0.type == type }.map(\.name)
        if !(named + variables).isEmpty, below(2) == 0 { return one(of: named + variables) }
        switch type {
        case .int: return one(of: ["0", "1", "-1", "7", "0x10", "9223372036854775807", "-9223372036854775808"])
        case .uint: return one(of: ["0u", "1u", "18446744073709551615u"])
        case .double: return one(of: ["0.0", "1.5", "-2.5e3", "1e308", ".5"])
        case .string: return one(of: ["''", "'a'", "\"é\\n\"", "r'\\d+'", "'2009-02-13T23:31:30Z'", "'1h'", "'42'"])
        case .bytes: return one(of: ["b''", "b'a'", "b'\\xff'"])
        case .bool: return one(of: ["true", "false"])
        case .timestamp: return one(of: ["timestamp(0)", "timestamp('9999-12-31T23:59:59Z')"])
        case .duration: return one(of: ["duration('1h')", "duration('-9000000000s')"])
        case .null: return "null"
        case .list(let element): return below(4) == 0 ? "[]" : "[\(leaf(element))]"
        case .map(let key, let value): return below(4) == 0 ? "{}" : "{\(leaf(key)): \(leaf(value))}"
        default: return "1"
        }
    }

    private mutating func binary(_ operators: [String], _ left: Type, _ right: Type, _ depth: Int) -> String {
        "(\(expression(left, depth: depth)) \(one(of: operators)) \(expression(right, depth: depth)))"
    }

    private mutating func operation(_ type: Type, depth: Int) -> String {
        switch type {
        case .bool: return question(depth: depth)
        case .int: return integer(depth: depth)
        case .uint:
            if below(4) == 0 { return "uint(\(expression(.int, depth: depth)))" }
            return binary(["+", "-", "*", "/", "%"], .uint, .uint, depth)
        case .double:
            if below(4) == 0 { return "double(\(expression(one(of: [.int, .uint, .string]), depth: depth)))" }
            return binary(["+", "-", "*", "/"], .double, .double, depth)
        case .string:
            if below(3) == 0 { return "string(\(expression(one(of: Self.scalars), depth: depth)))" }
            return binary(["+"], .string, .string, depth)
        case .bytes:
            return below(2) == 0
                ? "bytes(\(expression(.string, depth: depth)))" : binary(["+"], .bytes, .bytes, depth)
        case .timestamp: return binary(["+", "-"], .timestamp, .duration, depth)
        case .duration:
            return below(2) == 0
                ? binary(["-"], .timestamp, .timestamp, depth) : binary(["+", "-"], .duration, .duration, depth)
        case .list(let element): return list(of: element, depth: depth)
        case .map(let key, let value):
            return "{\(expression(key, depth: depth)): \(expression(value, depth: depth))}"
        default: return leaf(type)
        }
    }

    private mutating func question(depth: Int) -> String {
        switch below(9) {
        case 0: return binary(["&&", "||"], .bool, .bool, depth)
        case 1: return "!\(expression(.bool, depth: depth))"
        case 2:
            let type = someType()
            return binary(["==", "!="], type, type, depth)
        case 3:
            let type = one(of: Self.scalars)
            return binary(["<", "<=", ">", ">="], type, type, depth)
        case 4: return binary(["<", "<=", ">", ">="], one(of: [.int, .double]), one(of: [.uint, .double]), depth)
        case 5:
            let type = someType(1)
            return binary(["in"], type, .list(type), depth)
        case 6:
            let method = one(of: ["startsWith", "endsWith", "contains", "matches"])
            return "\(expression(.string, depth: depth)).\(method)(\(expression(.string, depth: depth)))"
        case 7: return macro(one(of: ["all", "exists", "exists_one"]), over: someType(1), .bool, depth: depth)
        default:
            return "has({'a': \(expression(someType(), depth: depth))}.\(one(of: ["a", "b"])))"
        }
    }

    private mutating func integer(depth: Int) -> String {
        switch below(6) {
        case 0: return "size(\(expression(one(of: [.string, .bytes, .list(.int), .map(.string, .int)]), depth: depth)))"
        case 1: return "int(\(expression(one(of: [.uint, .double, .string, .timestamp]), depth: depth)))"
        case 2:
            let part = one(of: ["getFullYear", "getMonth", "getDate", "getDayOfWeek", "getHours", "getMilliseconds"])
            return "\(expression(.timestamp, depth: depth)).\(part)(\(one(of: ["", "'+01:30'", "'Asia/Seoul'"])))"
        case 3: return "-\(expression(.int, depth: depth))"
        default: return binary(["+", "-", "*", "/", "%"], .int, .int, depth)
        }
    }

    private mutating func list(of element: Type, depth: Int) -> String {
        switch below(5) {
        case 0: return binary(["+"], .list(element), .list(element), depth)
        case 1: return macro("filter", over: element, .bool, depth: depth)
        case 2: return macro("map", over: someType(1), element, depth: depth)
        case 3:
            let (source, index, value) = (someType(1), "x\(locals.count)", "y\(locals.count)")
            let range = expression(.list(source), depth: depth)
            locals += [(index, .int), (value, source)]
            defer { locals.removeLast(2) }
            return "\(range).transformList(\(index), \(value), \(expression(element, depth: depth)))"
        default: return "[\(expression(element, depth: depth)), \(expression(element, depth: depth))]"
        }
    }

    private mutating func macro(_ name: String, over element: Type, _ body: Type, depth: Int) -> String {
        let variable = "x\(locals.count)"
        let range = expression(.list(element), depth: depth)
        locals.append((variable, element))
        defer { locals.removeLast() }
        return "\(range).\(name)(\(variable), \(expression(body, depth: depth)))"
    }
}
