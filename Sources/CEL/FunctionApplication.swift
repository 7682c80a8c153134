import CBytes
import CivilTime

extension Function {
    /// The result of a call, nil when the function does not accept these values.
    func apply(
        _ arguments: [Value], zones: (String) -> TimeZoneRules?
    ) throws(EvaluationError) -> Value? {
        guard let first = arguments.first else { return nil }
        switch self {
        case .size: return first.size.map { .int(Int64($0)) }
        case .contains, .startsWith, .endsWith, .matches:
            guard arguments.count == 2, case .string(let text) = first, case .string(let part) = arguments[1] else {
                return nil
            }
            return .bool(try search(text, part))
        case .int: return try Conversion.int(first)
        case .uint: return try Conversion.uint(first)
        case .double: return try Conversion.double(first)
        case .string: return try Conversion.string(first)
        case .bool: return try Conversion.bool(first)
        case .bytes: return Conversion.bytes(first)
        case .timestamp: return try Conversion.timestamp(first)
        case .duration: return try Conversion.duration(first)
        case .type: return .type(first.kind)
        case .dyn: return first
        case .getFullYear, .getMonth, .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear, .getHours, .getMinutes,
            .getSeconds, .getMilliseconds:
            return try part(of: first, arguments.dropFirst().first, zones).map(Value.int)
        case .sum, .min, .max:
            guard case .list(let list) = first else { return nil }
            return self == .sum ? try list.sum() : try list.extreme(self == .min ? .less : .greater)
        }
    }

    private func search(_ text: Text, _ part: Text) throws(EvaluationError) -> Bool {
        if self == .matches {
            let pattern = try RegularExpression.compile(part).get()
            let steps = text.withBytes { pattern.steps(for: $0.count) }
            guard steps <= Limits().steps else { throw EvaluationError(.tooCostly, "too large a pattern for the text") }
            return text.withBytes { pattern.isFound(in: $0) }
        }
        return text.withBytes { text in
            part.withBytes { part in
                switch self {
                case .startsWith: text.begins(with: part)
                case .endsWith: text.ends(with: part)
                default: text.contains(part)
                }
            }
        }
    }

    private func part(
        of value: Value, _ zone: Value?, _ zones: (String) -> TimeZoneRules?
    ) throws(EvaluationError) -> Int64? {
        switch (value, zone) {
        case (.timestamp(let timestamp), nil): return part(of: timestamp, .fixed(seconds: 0))
        case (.timestamp(let timestamp), .string(let name)?):
            guard let zone = Zone(name.string, named: zones) else { throw EvaluationError(.badZone, name.string) }
            return part(of: timestamp, zone)
        case (.duration(let duration), nil):
            switch self {
            case .getHours: return duration.nanoseconds / 3_600_000_000_000
            case .getMinutes: return duration.nanoseconds / 60_000_000_000
            case .getSeconds: return duration.nanoseconds / 1_000_000_000
            // The part below a second, not the total in milliseconds.
            case .getMilliseconds: return duration.nanoseconds / 1_000_000 % 1000
            default: return nil
            }
        default: return nil
        }
    }

    private func part(of timestamp: Timestamp, _ zone: Zone) -> Int64? {
        let fields = TimeFields(timestamp, offset: zone.offset(at: timestamp))
        switch self {
        case .getFullYear: return fields.date.year
        case .getMonth: return fields.date.month - 1
        case .getDate: return fields.date.day
        case .getDayOfMonth: return fields.date.day - 1
        case .getDayOfWeek: return fields.weekday
        case .getDayOfYear: return fields.dayOfYear
        case .getHours: return fields.hour
        case .getMinutes: return fields.minute
        case .getSeconds: return fields.second
        case .getMilliseconds: return Int64(timestamp.nanoseconds / 1_000_000)
        default: return nil
        }
    }
}

extension Value {
    /// The number of code points, bytes, elements or entries.
    fileprivate var size: Int? {
        switch self {
        case .string(let text): text.string.unicodeScalars.count
        case .bytes(let bytes): bytes.count
        case .list(let list): list.elements.count
        case .map(let map): map.keys.count
        default: nil
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    func begins(with part: UnsafeBufferPointer<UInt8>) -> Bool {
        count >= part.count && UnsafeBufferPointer(rebasing: self[..<part.count]).isEqual(to: part)
    }

    func ends(with part: UnsafeBufferPointer<UInt8>) -> Bool {
        count >= part.count && UnsafeBufferPointer(rebasing: self[(count - part.count)...]).isEqual(to: part)
    }

    func contains(_ part: UnsafeBufferPointer<UInt8>) -> Bool {
        guard part.count > 0, count > 0 else { return part.count == 0 }
        return assay_contains(baseAddress, count, part.baseAddress, part.count)
    }
}
