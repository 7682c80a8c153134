/// The static type of a value.
package indirect enum Type: Hashable, Sendable {
    case dyn
    case null, bool, int, uint, double, string, bytes, timestamp, duration
    case list(Type)
    case map(Type, Type)
    /// The type of a type's name.
    case type(Type)
    /// Stands for one type that is not known yet.
    case parameter(Int)

    package var name: String {
        switch self {
        case .dyn: "dyn"
        case .null: "null_type"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .list(let element): "list(\(element.name))"
        case .map(let key, let value): "map(\(key.name), \(value.name))"
        case .type(let type): "type(\(type.name))"
        case .parameter(let number): "T\(number)"
        }
    }

    /// Parses what `name` writes; plain `timestamp`, `duration`, `null`, `list`, `map` and `type` are accepted too.
    package init?(name: String) {
        let name = name.filter { $0 != " " }
        if let open = name.firstIndex(of: "(") {
            guard name.last == ")" else { return nil }
            let inner = name[name.index(after: open)...].dropLast()
            guard let parts = Self.parts(inner) else { return nil }
            switch (name[..<open], parts.count) {
            case ("list", 1): self = .list(parts[0])
            case ("map", 2): self = .map(parts[0], parts[1])
            case ("type", 1): self = .type(parts[0])
            default: return nil
            }
            return
        }
        switch name {
        case "dyn", "any", "google.protobuf.Any", "google.protobuf.Value": self = .dyn
        case "null", "null_type": self = .null
        case "bool": self = .bool
        case "int": self = .int
        case "uint": self = .uint
        case "double": self = .double
        case "string": self = .string
        case "bytes": self = .bytes
        case "timestamp", "google.protobuf.Timestamp": self = .timestamp
        case "duration", "google.protobuf.Duration": self = .duration
        case "list": self = .list(.dyn)
        case "map": self = .map(.dyn, .dyn)
        case "type": self = .type(.dyn)
        default: return nil
        }
    }

    /// The types between commas outside of brackets.
    private static func parts(_ text: Substring) -> [Type]? {
        var parts: [Type] = []
        var depth = 0
        var start = text.startIndex
        for index in text.indices {
            switch text[index] {
            case "(": depth += 1
            case ")": depth -= 1
            case "," where depth == 0:
                guard let part = Type(name: String(text[start..<index])) else { return nil }
                parts.append(part)
                start = text.index(after: index)
            default: break
            }
            guard (0...Limits.deepestNesting).contains(depth) else { return nil }
        }
        guard let last = Type(name: String(text[start...])) else { return nil }
        return parts + [last]
    }

    var isParameterised: Bool {
        switch self {
        case .parameter: true
        case .list(let element): element.isParameterised
        case .map(let key, let value): key.isParameterised || value.isParameterised
        default: false
        }
    }

    var isPartlyDynamic: Bool {
        switch self {
        case .dyn: true
        case .list(let element): element.isPartlyDynamic
        case .map(let key, let value): key.isPartlyDynamic || value.isPartlyDynamic
        default: false
        }
    }

    /// Whether null is accepted instead.
    var takesNull: Bool {
        switch self {
        case .null, .timestamp, .duration: true
        default: false
        }
    }

    /// Replaces every type parameter.
    func mapParameters(_ body: (Int) -> Type) -> Type {
        switch self {
        case .parameter(let number): body(number)
        case .list(let element): .list(element.mapParameters(body))
        case .map(let key, let value): .map(key.mapParameters(body), value.mapParameters(body))
        case .type(let type): .type(type.mapParameters(body))
        default: self
        }
    }
}
