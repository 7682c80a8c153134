import AssayCore

/// Whether two lines say the same: the same members with the same values, whatever their order, spacing and escapes.
enum LineDifference {
    /// What differs, for people; nil where nothing does.
    static func between(_ one: UnsafeBufferPointer<UInt8>, _ other: UnsafeBufferPointer<UInt8>) -> String? {
        if one.elementsEqual(other) { return nil }
        do throws(JSONError) {
            return between(try JSON(parsing: one), try JSON(parsing: other), at: "")
        } catch {
            return "the text"
        }
    }

    private static func between(_ one: JSON, _ other: JSON, at path: String) -> String? {
        if let members = one.members, let others = other.members {
            // Of members with one name the last one counts.
            let (left, right) = (last(members), last(others))
            for name in Set(left.keys).union(right.keys).sorted() {
                let place = path.isEmpty ? name : "\(path).\(name)"
                guard let mine = left[name], let yours = right[name] else { return "'\(shown(place))'" }
                if let difference = between(mine, yours, at: place) { return difference }
            }
            return nil
        }
        if case .array(let left) = one, case .array(let right) = other, left.count == right.count {
            for (mine, yours) in zip(left, right) {
                if let difference = between(mine, yours, at: path) { return difference }
            }
            return nil
        }
        return isEqual(one, other) ? nil : path.isEmpty ? "the text" : "'\(shown(path))'"
    }

    private static func last(_ members: [(String, JSON)]) -> [String: JSON] {
        Dictionary(members, uniquingKeysWith: { $1 })
    }

    private static let longestShown = 64

    private static func shown(_ path: String) -> String {
        path.count > longestShown ? path.prefix(longestShown) + "…" : path
    }

    private static func isEqual(_ one: JSON, _ other: JSON) -> Bool {
        switch (one, other) {
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.bool(let left), .bool(let right)): left == right
        case (.null, .null): true
        default: number(one).map { $0 == number(other) } ?? false
        }
    }

    /// Whole numbers with all their digits where both are such.
    private enum Number: Equatable {
        case whole(Bool, UInt64)
        case real(Double)
    }

    private static func number(_ value: JSON) -> Number? {
        switch value {
        case .integer(let number): .whole(number < 0, number.magnitude)
        case .unsigned(let number): .whole(false, number)
        case .real(let number):
            number == number.rounded() && abs(number) < 9e15 ? .whole(number < 0, UInt64(abs(number))) : .real(number)
        default: nil
        }
    }
}
