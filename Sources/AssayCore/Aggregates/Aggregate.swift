import CEL

/// A function over many events.
package enum Aggregate: Equatable, Sendable {
    case count
    /// Counts those whose argument is true.
    case countIf
    case sum, average, deviation
    case least, greatest, first, last
    /// The first values, up to this number.
    case collect(Int)
    case distinct
    case countBy
    /// The most frequent values or, with a second argument, those with the most weight, up to this number.
    case top(Int)
    case quantile(Double)

    static let defaultCollected = 100
    static let mostCollected = 10_000

    /// Their names in expressions.
    package static let names: Set<String> = [
        "count", "count_if", "sum", "avg", "stddev", "min", "max", "first", "last", "collect", "distinct", "count_by",
        "top", "quantile",
    ]

    package struct Fault: Error {
        package let message: String
    }

    /// A call of an aggregate: the arguments from each event, and the result's type.
    package struct Call: Sendable {
        package let aggregate: Aggregate
        /// The call's arguments that are evaluated for each event.
        package let arguments: [Int]
        package let result: CEL.`Type`
    }

    /// `literals` are the values of the arguments that are constants.
    package static func call(
        _ name: String, _ types: [CEL.`Type`], literals: [Value?]
    ) throws(Fault) -> Call {
        switch (name, types.count) {
        case ("count", 0): return Call(aggregate: .count, arguments: [], result: .int)
        case ("count_if", 1):
            try require(types[0], among: [.bool], name)
            return Call(aggregate: .countIf, arguments: [0], result: .int)
        case ("sum", 1):
            try require(types[0], among: numbers, name)
            let result: CEL.`Type` = types[0] == .uint ? .double : types[0]
            return Call(aggregate: .sum, arguments: [0], result: result)
        case ("avg", 1), ("stddev", 1):
            try require(types[0], among: numbers, name)
            return Call(aggregate: name == "avg" ? .average : .deviation, arguments: [0], result: .dyn)
        case ("min", 1), ("max", 1):
            try require(types[0], among: numbers + [.string, .timestamp, .duration], name)
            return Call(aggregate: name == "min" ? .least : .greatest, arguments: [0], result: .dyn)
        case ("first", 1): return Call(aggregate: .first, arguments: [0], result: .dyn)
        case ("last", 1): return Call(aggregate: .last, arguments: [0], result: .dyn)
        case ("collect", 1): return Call(aggregate: .collect(defaultCollected), arguments: [0], result: .list(types[0]))
        case ("collect", 2):
            let most = try whole(literals[1], 1...mostCollected, name, "second")
            return Call(aggregate: .collect(most), arguments: [0], result: .list(types[0]))
        case ("distinct", 1): return Call(aggregate: .distinct, arguments: [0], result: .map(.string, .dyn))
        case ("count_by", 1):
            try require(types[0], among: [.string, .int, .uint, .bool, .double], name)
            // Beside numbers there may be a text, that of all values beyond the bound.
            let key: CEL.`Type` = types[0] == .string || types[0] == .bool ? types[0] : .dyn
            return Call(aggregate: .countBy, arguments: [0], result: .map(key, .int))
        case ("top", 2), ("top", 3):
            let most = try whole(literals[0], 1...ValueWeights.mostValues, name, "first")
            if types.count == 3 { try require(types[2], among: numbers, name) }
            return Call(
                aggregate: .top(most), arguments: Array(1..<types.count), result: .list(.map(.string, .dyn)))
        case ("quantile", 2):
            try require(types[0], among: numbers, name)
            guard let part = literals[1]?.number, (0...1).contains(part) else {
                throw Fault(message: "quantile() takes a number from 0 to 1 as its second argument")
            }
            return Call(aggregate: .quantile(part), arguments: [0], result: .dyn)
        default: throw Fault(message: "\(name)() does not take \(types.count) arguments")
        }
    }

    private static let numbers: [CEL.`Type`] = [.int, .uint, .double]

    private static func require(
        _ type: CEL.`Type`, among types: [CEL.`Type`], _ name: String
    ) throws(Fault) {
        guard type != .dyn, !types.contains(type) else { return }
        throw Fault(message: "\(name)() takes no \(type.name), only \(types.map(\.name).joined(separator: ", "))")
    }

    private static func whole(
        _ value: Value?, _ range: ClosedRange<Int>, _ name: String, _ place: String
    ) throws(Fault) -> Int {
        guard case .int(let number)? = value, range.contains(Int(number)) else {
            throw Fault(
                message: "\(name)() takes a number from \(range.lowerBound) to \(range.upperBound) as its \(place) "
                    + "argument")
        }
        return Int(number)
    }
}
