import CBytes

/// The layout of lines that are events.
struct EventLayout: LineLayout {
    var shape = LineShape()
    private var parts: [Part] = []

    /// The value of a column.
    private struct Part {
        let column: Int
        let type: FieldType
        let kind: LineShape.Kind
    }

    /// A column in use, by its number.
    struct Field {
        let column: Int
        let type: FieldType
    }

    // MARK: Learning

    static let fixesWords = false

    mutating func target(of field: Field, _ kind: LineShape.Kind) -> Int? {
        guard parts.count < LineShape.mostTargets, !parts.contains(where: { $0.column == field.column }) else {
            return nil
        }
        parts.append(Part(column: field.column, type: field.type, kind: kind))
        return parts.count - 1
    }

    mutating func finish() {}

    // MARK: Reading lines

    /// Reads the values of the line that was matched last. Returns false where some column does not take its value.
    @inline(__always)
    mutating func read(
        _ base: UnsafePointer<UInt8>, _ schema: EventSchema, into cells: UnsafeMutablePointer<EventCell>
    ) -> Bool {
        parts.withUnsafeBufferPointer { parts in
            for target in parts.indices {
                let part = parts[target]
                guard let cell = cell(part, target, base, schema) else { return false }
                cells[part.column] = cell
            }
            return true
        }
    }

    @inline(__always)
    private func cell(
        _ part: Part, _ target: Int, _ base: UnsafePointer<UInt8>, _ schema: EventSchema
    ) -> EventCell? {
        switch part.kind {
        case .text: EventCell(shape.slice(target), type: part.type, schema: schema, in: base)
        case .number: number(part.type, target, base, schema)
        default: rare(part.type, target, base)
        }
    }

    @inline(__always)
    private func number(
        _ type: FieldType, _ target: Int, _ base: UnsafePointer<UInt8>, _ schema: EventSchema
    ) -> EventCell? {
        let number = shape.number(target)
        switch type {
        case .double: return .double(number)
        case .int: return Int64(exactly: number).map(EventCell.int)
        case .timestamp:
            let time =
                shape.hasFraction(target)
                ? EventTime(real: number, unit: schema.unit) : EventTime(integer: Int64(number), unit: schema.unit)
            return time.map(EventCell.time)
        default:
            let bytes = BatchText(base: base).bytes(shape.slice(target))
            guard let scanned = ScannedNumber(whole: bytes) else { return nil }
            return EventCell(scanned, type: type, schema: schema, in: base)
        }
    }

    /// A word, an object or a list.
    @inline(never)
    private func rare(_ type: FieldType, _ target: Int, _ base: UnsafePointer<UInt8>) -> EventCell? {
        let slice = shape.slice(target)
        let first = base[Int(slice.offset)]
        switch first {
        case UInt8(ascii: "t"), UInt8(ascii: "f"):
            guard type == .bool || type == .dyn else { return nil }
            return EventCell(kind: first == UInt8(ascii: "t") ? .yes : .no)
        // A typed column has no null: the field counts as missing.
        case UInt8(ascii: "n"): return EventCell(kind: type == .dyn ? .null : .missing)
        case UInt8(ascii: "{"): return type == .dyn || type == .map ? .json(slice) : nil
        default: return type == .dyn || type == .list ? .json(slice) : nil
        }
    }
}

/// What the members of a line are to an event.
struct EventRoles: LayoutRoles {
    typealias Layout = EventLayout

    let schema: EventSchema
    let columns: [[UInt8]: Int]
    /// Members with columns inside of them, which are not read by layouts.
    let nested: Set<[UInt8]>

    enum Place {
        case root, nothing
    }

    var root: Place { .root }
    var nothing: Place { .nothing }

    func place(inside field: EventLayout.Field) -> Place? { nil }

    func role(of key: UnsafeBufferPointer<UInt8>, in place: Place) -> LayoutRole<EventLayout.Field, Place> {
        guard place == .root else { return .nothing }
        let name = Array(key)
        if let column = columns[name] {
            return .field(EventLayout.Field(column: column, type: schema.columns[column].type))
        }
        return nested.contains(name) ? .other : .nothing
    }
}
