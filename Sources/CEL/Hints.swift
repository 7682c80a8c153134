/// Similar names for hints.
enum NearName {
    /// `; did you mean 'x'?`, or nothing.
    static func of(_ name: String, among names: [String]) -> String {
        guard name.count > 2 else { return "" }
        let allowed = max(1, name.count / 4)
        let best =
            names.map { (name: $0, distance: distance(Array(name.utf8), Array($0.utf8))) }
            .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
        guard let best, best.distance <= allowed else { return "" }
        return "; did you mean '\(best.name)'?"
    }

    /// The names declared with a dot after the prefix, for a reference to an unknown field of it: `a, b and c`.
    static func among(_ names: [String], under prefix: String) -> String {
        let fields = names.filter { $0.hasPrefix(prefix + ".") }.map { $0.dropFirst(prefix.count + 1) }.sorted()
        guard let last = fields.last else { return "" }
        return fields.count == 1 ? "only '\(last)'" : "\(fields.dropLast().joined(separator: ", ")) and \(last)"
    }

    /// The number of insertions, removals, replacements and swaps of neighbours between two names.
    private static func distance(_ first: [UInt8], _ second: [UInt8]) -> Int {
        guard abs(first.count - second.count) <= 8, first.count <= 64 else { return .max }
        var previous: [Int] = []
        var row = Array(0...second.count)
        for (index, byte) in first.enumerated() {
            var next = [index + 1]
            for (column, other) in second.enumerated() {
                var cost = min(row[column + 1] + 1, next[column] + 1, row[column] + (byte == other ? 0 : 1))
                if index > 0, column > 0, byte == second[column - 1], first[index - 1] == other {
                    cost = min(cost, previous[column - 1] + 1)
                }
                next.append(cost)
            }
            previous = row
            row = next
        }
        return row[second.count]
    }
}

/// Describes operands that no overload takes.
struct Mismatch {
    let name: String
    let overloads: [Function.Overload]
    let types: [Type]

    var message: String {
        let found = types.map(\.name).joined(separator: ", ")
        let isOperator = !name.hasSuffix("()")
        let counts = Set(overloads.map(\.parameters.count))
        if !isOperator, overloads.isEmpty {
            return "\(name) is not called this way: no such overload"
        }
        if !isOperator, !counts.contains(types.count) {
            let wanted = counts.sorted().map(String.init).joined(separator: " or ")
            return "\(name) takes \(wanted) values, the one before the dot counted, not \(types.count)"
        }
        if isOperator, Set(types) == [.int, .double] {
            return "'\(name)' takes no \(found): write the int as a double, as in 2.0 or double(n)"
        }
        let label = isOperator ? "'\(name)'" : name
        let taken = overloads.filter { $0.parameters.count == types.count }.prefix(9).map { overload in
            "(\(overload.parameters.map(display).joined(separator: ", ")))"
        }
        return "\(label) takes no (\(found)), only \(taken.joined(separator: " "))"
    }

    private func display(_ type: Type) -> String {
        type.mapParameters { _ in .dyn }.name
    }
}
