import CEL
import CivilTime

/// The fields of events that a pipeline uses, and how the time of an event is found.
package final class EventSchema: Sendable {
    package struct Column: Sendable {
        package let name: String
        /// `dyn` if it was not declared: then a value has the type that it is written with.
        package let type: FieldType

        package init(name: String, type: FieldType) {
            self.name = name
            self.type = type
        }
    }

    /// What a number means as a time.
    package enum TimeUnit: String, CaseIterable, Sendable {
        /// Guessed from the number's size.
        case auto
        case seconds = "s"
        case milliseconds = "ms"
        case microseconds = "us"
    }

    package let columns: [Column]
    /// The column of the event's time.
    package let timeColumn: Int
    let unit: TimeUnit
    /// The zone of local times.
    let zone: TimeZoneRules

    package init(columns: [Column], timeColumn: Int, unit: TimeUnit = .auto, zone: TimeZoneRules = .utc) {
        self.columns = columns
        self.timeColumn = timeColumn
        self.unit = unit
        self.zone = zone
    }
}

/// The types for declared fields.
package enum FieldType: String, CaseIterable, Sendable {
    case string, int, double, bool, timestamp, list, map
    /// Any type, depending on how the value is written.
    case dyn

    package var type: CEL.`Type` {
        switch self {
        case .string: .string
        case .int: .int
        case .double: .double
        case .bool: .bool
        case .timestamp: .timestamp
        case .list: .list(.dyn)
        case .map: .map(.string, .dyn)
        case .dyn: .dyn
        }
    }
}

/// The place of a field in its event's batch.
struct EventCell: Sendable {
    package enum Kind: UInt8, Sendable {
        case missing, null, no, yes, int, unsigned, double
        /// Milliseconds.
        case time
        /// A slice of the batch's text, without escapes.
        case text
        /// A slice that is an object or array of JSON.
        case json
    }

    var kind = Kind.missing
    var bits: UInt64 = 0

    static let missing = EventCell()

    static func int(_ value: Int64) -> EventCell { EventCell(kind: .int, bits: UInt64(bitPattern: value)) }
    static func double(_ value: Double) -> EventCell { EventCell(kind: .double, bits: value.bitPattern) }
    static func time(_ time: EventTime) -> EventCell {
        EventCell(kind: .time, bits: UInt64(bitPattern: time.milliseconds))
    }
    static func text(_ slice: ByteSlice) -> EventCell { EventCell(kind: .text, slice) }
    static func json(_ slice: ByteSlice) -> EventCell { EventCell(kind: .json, slice) }

    private init(kind: Kind, _ slice: ByteSlice) {
        self.kind = kind
        bits = UInt64(slice.offset) | UInt64(slice.count) << 32
    }

    init(kind: Kind = .missing, bits: UInt64 = 0) {
        self.kind = kind
        self.bits = bits
    }

    @inline(__always)
    var slice: ByteSlice {
        ByteSlice(offset: UInt32(truncatingIfNeeded: bits), count: UInt32(truncatingIfNeeded: bits >> 32))
    }

    var int: Int64 { Int64(bitPattern: bits) }
    var double: Double { Double(bitPattern: bits) }
}

extension EventCell {
    /// A number as a column of some type accepts it; nil when it does not.
    @inline(__always)
    init?(
        _ number: ScannedNumber, type: FieldType, schema: borrowing EventSchema, in base: UnsafePointer<UInt8>
    ) {
        switch type {
        case .double:
            guard number.value.isFinite else { return nil }
            self = .double(number.value)
        case .int:
            guard let integer = number.integer ?? Int64(exactly: number.value) else { return nil }
            self = .int(integer)
        case .dyn:
            if let integer = number.integer {
                self = .int(integer)
            } else if let unsigned = number.unsigned {
                self = EventCell(kind: .unsigned, bits: unsigned)
            } else {
                guard number.value.isFinite else { return nil }
                self = .double(number.value)
            }
        case .string:
            // Identifiers are often written as numbers.
            guard number.isInteger else { return nil }
            self = .text(ByteSlice(number.start, count: number.end - number.start, in: base))
        case .timestamp:
            guard let time = EventTime(number, unit: schema.unit) else { return nil }
            self = .time(time)
        default: return nil
        }
    }

    /// The same for a text.
    @inline(__always)
    init?(_ text: ByteSlice, type: FieldType, schema: borrowing EventSchema, in base: UnsafePointer<UInt8>) {
        switch type {
        case .string, .dyn: self = .text(text)
        case .timestamp:
            guard let time = EventTime(BatchText(base: base).bytes(text), schema) else {
                return nil
            }
            self = .time(time)
        default: return nil
        }
    }

    /// The time in the cell, if it is one.
    @inline(__always)
    func time(_ schema: EventSchema, in base: UnsafePointer<UInt8>) -> EventTime? {
        switch kind {
        case .time: EventTime(checkedMilliseconds: int)
        case .int: EventTime(integer: int, unit: schema.unit)
        case .double: EventTime(real: double, unit: schema.unit)
        case .text: EventTime(BatchText(base: base).bytes(slice), schema)
        default: nil
        }
    }
}

extension EventTime {
    /// A text: a number in the unit of the schema, or ISO 8601.
    fileprivate init?(_ text: UnsafeBufferPointer<UInt8>, _ schema: borrowing EventSchema) {
        if let number = ScannedNumber(whole: text) {
            self.init(number, unit: schema.unit)
        } else {
            self.init(text: text, zone: schema.zone)
        }
    }

    init?(_ number: ScannedNumber, unit: EventSchema.TimeUnit) {
        if let integer = number.integer {
            self.init(integer: integer, unit: unit)
        } else {
            self.init(real: number.value, unit: unit)
        }
    }

    init?(integer: Int64, unit: EventSchema.TimeUnit) {
        switch unit {
        case .auto: self.init(integer: integer)
        case .seconds:
            guard integer <= Self.endMilliseconds / 1000 else { return nil }
            self.init(checkedMilliseconds: integer < 0 ? -1 : integer * 1000)
        case .milliseconds: self.init(checkedMilliseconds: integer)
        case .microseconds: self.init(checkedMilliseconds: integer < 0 ? -1 : integer / 1000)
        }
    }

    init?(real: Double, unit: EventSchema.TimeUnit) {
        guard real >= 0, real < 1e18 else { return nil }
        switch unit {
        case .auto: self.init(real: real)
        case .seconds: self.init(checkedMilliseconds: real < 1e12 ? Int64((real * 1000 + 0.5).rounded(.down)) : -1)
        case .milliseconds: self.init(checkedMilliseconds: Int64(real))
        case .microseconds: self.init(checkedMilliseconds: Int64(real) / 1000)
        }
    }
}
