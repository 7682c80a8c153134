/// The order of two values.
enum Ordering: UInt8, Sendable {
    case less, lessOrEqual, greater, greaterOrEqual

    @inline(__always)
    func holds<T: Comparable>(_ left: T, _ right: T) -> Bool {
        switch self {
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        }
    }

    /// The same comparison with the sides exchanged.
    var mirrored: Ordering {
        switch self {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        }
    }

    /// Nil when the two have no order.
    func holds(_ left: Value, _ right: Value) -> Bool? {
        switch (left, right) {
        case (.int(let left), .int(let right)): holds(left, right)
        case (.double(let left), .double(let right)): holds(left, right)
        case (.string(let left), .string(let right)): holds(left, right)
        case (.uint(let left), .uint(let right)): holds(left, right)
        // The standard library compares integers of both kinds by value.
        case (.int(let left), .uint(let right)): left < 0 ? holds(-1, 0) : holds(UInt64(left), right)
        case (.uint, .int): mirrored.holds(right, left)
        // And with a double as doubles, so that neighbours near 2^63 are equal.
        case (.int(let left), .double(let right)): holds(Double(left), right)
        case (.double(let left), .int(let right)): holds(left, Double(right))
        case (.uint(let left), .double(let right)): holds(Double(left), right)
        case (.double(let left), .uint(let right)): holds(left, Double(right))
        case (.bool(let left), .bool(let right)): holds(left ? 1 : 0, right ? 1 : 0)
        case (.timestamp(let left), .timestamp(let right)): holds(left, right)
        case (.duration(let left), .duration(let right)): holds(left, right)
        case (.bytes(let left), .bytes(let right)):
            switch self {
            case .less: left.lexicographicallyPrecedes(right)
            case .greater: right.lexicographicallyPrecedes(left)
            case .lessOrEqual: !right.lexicographicallyPrecedes(left)
            case .greaterOrEqual: !left.lexicographicallyPrecedes(right)
            }
        default: nil
        }
    }
}

extension Value {
    /// Numbers are equal by value whatever their types; other values of different types are not equal.
    package static func equal(_ left: Value, _ right: Value) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.uint(let left), .uint(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.int(let left), .uint(let right)): left >= 0 && UInt64(left) == right
        case (.uint(let left), .int(let right)): right >= 0 && UInt64(right) == left
        case (.int(let left), .double(let right)): Double(left) == right
        case (.double(let left), .int(let right)): left == Double(right)
        case (.uint(let left), .double(let right)): Double(left) == right
        case (.double(let left), .uint(let right)): left == Double(right)
        case (.string(let left), .string(let right)): left == right
        case (.bytes(let left), .bytes(let right)): left == right
        case (.timestamp(let left), .timestamp(let right)): left == right
        case (.duration(let left), .duration(let right)): left == right
        case (.type(let left), .type(let right)): left == right
        case (.list(let left), .list(let right)): equal(left, right)
        case (.map(let left), .map(let right)): equal(left, right)
        default: false
        }
    }

    private static func equal(_ left: ListValue, _ right: ListValue) -> Bool {
        left.elements.count == right.elements.count
            && zip(left.elements, right.elements).allSatisfy { equal($0, $1) }
    }

    private static func equal(_ left: MapValue, _ right: MapValue) -> Bool {
        left.keys.count == right.keys.count
            && zip(left.keys, left.values).allSatisfy { key, value in
                right.find(key).map { equal(value, $0) } ?? false
            }
    }
}

extension Value {
    /// Whether the first is `<` the second; false without an order.
    package static func isLess(_ left: Value, _ right: Value) -> Bool { Ordering.less.holds(left, right) ?? false }
}
