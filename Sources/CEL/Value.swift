import Glibc

/// A result of an expression.
package enum Value: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case string(Text)
    case bytes([UInt8])
    case list(ListValue)
    case map(MapValue)
    case timestamp(Timestamp)
    case duration(Duration)
    case type(Kind)

    package static func string(_ string: String) -> Value { .string(Text(string)) }
    package static func list(_ elements: [Value]) -> Value { .list(ListValue(elements)) }

    /// The run-time type, without the parameters of lists and maps.
    package enum Kind: UInt8, CaseIterable, Sendable {
        case null, bool, int, uint, double, string, bytes, list, map, timestamp, duration, type

        package var name: String {
            switch self {
            case .null: "null_type"
            case .bool: "bool"
            case .int: "int"
            case .uint: "uint"
            case .double: "double"
            case .string: "string"
            case .bytes: "bytes"
            case .list: "list"
            case .map: "map"
            case .timestamp: "google.protobuf.Timestamp"
            case .duration: "google.protobuf.Duration"
            case .type: "type"
            }
        }

        package init?(name: String) {
            guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = kind
        }
    }

    package var kind: Kind {
        switch self {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        case .list: .list
        case .map: .map
        case .timestamp: .timestamp
        case .duration: .duration
        case .type: .type
        }
    }

    /// How deeply lists and maps are nested.
    package var depth: Int {
        switch self {
        case .list(let list): list.depth
        case .map(let map): map.depth
        default: 0
        }
    }

    /// The number of values in this one, itself included; long texts count by their length. Shared values count each
    /// time, since a traversal visits them each time.
    package var weight: Int {
        switch self {
        case .list(let list): list.weight
        case .map(let map): map.weight
        case .string(let text): 1 + text.string.utf8.count / Limits.bytesPerStep
        case .bytes(let bytes): 1 + bytes.count / Limits.bytesPerStep
        default: 1
        }
    }
}

/// A string that is compared by its code points.
package struct Text: Sendable, Hashable, Comparable {
    package let string: String

    package init(_ string: String) {
        self.string = string
    }

    /// Swift compares by canonical equivalence, CEL by code points, which are ordered like their bytes.
    package static func == (left: Text, right: Text) -> Bool {
        left.withBytes { left in right.withBytes { right in left.isEqual(to: right) } }
    }

    package static func < (left: Text, right: Text) -> Bool {
        left.withBytes { left in right.withBytes { right in left.precedes(right) } }
    }

    /// Whether these are its bytes.
    package func hasBytes(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool { withBytes { $0.isEqual(to: bytes) } }

    package func hash(into hasher: inout Hasher) {
        withBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = string.utf8.withContiguousStorageIfAvailable(body) { return result }
        return Array(string.utf8).withUnsafeBufferPointer(body)
    }
}

extension UnsafeBufferPointer<UInt8> {
    @inline(__always)
    func isEqual(to other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard count == other.count else { return false }
        guard let left = baseAddress, let right = other.baseAddress else { return true }
        return memcmp(left, right, count) == 0
    }

    func precedes(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
        let common = Swift.min(count, other.count)
        if common > 0, let left = baseAddress, let right = other.baseAddress {
            let order = memcmp(left, right, common)
            if order != 0 { return order < 0 }
        }
        return count < other.count
    }
}

package final class ListValue: Sendable {
    package let elements: [Value]
    let weight: Int
    let depth: Int

    package init(_ elements: [Value]) {
        self.elements = elements
        depth = elements.reduce(0) { max($0, $1.depth) } + 1
        weight = elements.reduce(1) { $0.addingSaturating($1.weight) }
    }
}

/// Entries in the order given.
package final class MapValue: Sendable {
    package let keys: [Value]
    package let values: [Value]
    let weight: Int
    let depth: Int
    /// The index of each key; small maps are searched.
    private let index: [MapKey: Int]
    private let normalizedKeys: [MapKey]

    private static let largestSearched = 8

    /// Nil when a value cannot be a key, or a key repeats.
    package convenience init?(_ entries: [(key: Value, value: Value)]) {
        guard case .success(let map) = MapValue.of(keys: entries.map(\.key), values: entries.map(\.value)) else {
            return nil
        }
        self.init(copying: map)
    }

    enum Fault: Error {
        case badKey(Value.Kind)
        case duplicateKey(Value)
    }

    static func of(keys: [Value], values: [Value]) -> Result<MapValue, Fault> {
        var normalized: [MapKey] = []
        normalized.reserveCapacity(keys.count)
        for key in keys {
            guard let key = MapKey(literal: key) else { return .failure(.badKey(key.kind)) }
            normalized.append(key)
        }
        var index: [MapKey: Int] = [:]
        if keys.count > largestSearched {
            for (position, key) in normalized.enumerated() where index.updateValue(position, forKey: key) != nil {
                return .failure(.duplicateKey(keys[position]))
            }
        } else {
            for (position, key) in normalized.enumerated() where normalized[..<position].contains(key) {
                return .failure(.duplicateKey(keys[position]))
            }
        }
        return .success(MapValue(keys: keys, values: values, normalized: normalized, index: index))
    }

    private init(keys: [Value], values: [Value], normalized: [MapKey], index: [MapKey: Int]) {
        self.keys = keys
        self.values = values
        normalizedKeys = normalized
        self.index = index
        depth = values.reduce(0) { max($0, $1.depth) } + 1
        weight = zip(keys, values).reduce(1) { $0.addingSaturating($1.0.weight).addingSaturating($1.1.weight) }
    }

    private convenience init(copying other: MapValue) {
        self.init(keys: other.keys, values: other.values, normalized: other.normalizedKeys, index: other.index)
    }

    /// Finds a value; numbers match across types.
    package func find(_ key: Value) -> Value? {
        guard let key = MapKey(key) else { return nil }
        return find(key)
    }

    func find(_ key: MapKey) -> Value? {
        if normalizedKeys.count > Self.largestSearched { return index[key].map { values[$0] } }
        return normalizedKeys.firstIndex(of: key).map { values[$0] }
    }
}

/// A key in the form that all equal keys share.
enum MapKey: Hashable, Sendable {
    case bool(Bool)
    case natural(UInt64)
    case negative(Int64)
    case text(Text)

    /// The key for a lookup.
    init?(_ value: Value) {
        switch value {
        case .bool(let bool): self = .bool(bool)
        case .int(let int): self = int < 0 ? .negative(int) : .natural(UInt64(int))
        case .uint(let uint): self = .natural(uint)
        case .double(let double):
            if let natural = UInt64(exactly: double) {
                self = .natural(natural)
            } else if let negative = Int64(exactly: double) {
                self = .negative(negative)
            } else {
                return nil
            }
        case .string(let text): self = .text(text)
        default: return nil
        }
    }

    /// The key for a map literal, which must not be a double.
    init?(literal value: Value) {
        if case .double = value { return nil }
        self.init(value)
    }
}

extension Int {
    func addingSaturating(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
