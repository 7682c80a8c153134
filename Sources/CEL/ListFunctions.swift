extension Function {
    var looksAtElements: Bool { self == .sum || self == .min || self == .max }
}

extension ListValue {
    /// Nil for elements that cannot be added. Ints and doubles together give a double.
    func sum() throws(EvaluationError) -> Value? {
        if elements.isEmpty { return .int(0) }
        var total = elements[0].isAddable ? elements[0] : nil
        for element in elements.dropFirst() {
            guard let sum = total else { return nil }
            total = try sum.adding(element)
        }
        return total
    }

    /// The least or the greatest element, the first of equal ones; nil when they have no order.
    func extreme(_ ordering: Ordering) throws(EvaluationError) -> Value? {
        guard var found = elements.first else { throw EvaluationError(.range, "of no elements none is the extreme") }
        for element in elements {
            // A single element has to be comparable too.
            guard let isBetter = ordering.holds(element, found) else { return nil }
            if isBetter { found = element }
        }
        return found
    }
}

extension Value {
    fileprivate var isAddable: Bool {
        switch self {
        case .int, .uint, .double, .duration: true
        default: false
        }
    }

    fileprivate func adding(_ other: Value) throws(EvaluationError) -> Value? {
        func whole<T: FixedWidthInteger>(_ left: T, _ right: T) throws(EvaluationError) -> T {
            let (sum, isOverflow) = left.addingReportingOverflow(right)
            guard !isOverflow else { throw EvaluationError(.overflow, "sum") }
            return sum
        }
        switch (self, other) {
        case (.int(let left), .int(let right)): return .int(try whole(left, right))
        case (.uint(let left), .uint(let right)): return .uint(try whole(left, right))
        case (.double(let left), .double(let right)): return .double(left + right)
        case (.int(let left), .double(let right)): return .double(Double(left) + right)
        case (.double(let left), .int(let right)): return .double(left + Double(right))
        case (.duration(let left), .duration(let right)):
            return .duration(Duration(nanoseconds: try whole(left.nanoseconds, right.nanoseconds)))
        default: return nil
        }
    }
}
