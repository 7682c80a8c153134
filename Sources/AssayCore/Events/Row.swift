import CEL
import CivilTime

/// A row for a stream's expressions: an event of the input, or a row of another stream.
package class Row: Host {
    private(set) var time = EventTime(milliseconds: 0)
    private var lent: LentTexts?

    /// The slot of `event_time`.
    static let timeSlot = RowSlots.time
    /// The slot of `event`, the whole row.
    static let wholeSlot = RowSlots.whole

    /// Moves to another row.
    func move(to time: EventTime) {
        self.time = time
        lent = nil
    }

    package func value(_ slot: Int) throws(EvaluationError) -> Value {
        preconditionFailure("a row is one of the kinds below")
    }

    /// Sends the row to an output; another thread writes it later.
    func carry(to output: Int, in rows: inout CarriedRows) {
        preconditionFailure("a row is one of the kinds below")
    }

    /// What a pattern keeps of it besides the whole: fields whose value differs from that in the whole.
    var keptFields: [(name: String, value: Value)] { [] }

    /// The fields that expressions have named so far.
    var namedFields: [(name: String, value: Value)] { [] }

    /// Appends the whole row, for a pattern.
    func keepWhole(into buffer: inout OutputBuffer) {
        do throws(EvaluationError) {
            KeptContent.append(event: try value(Self.wholeSlot), into: &buffer)
        } catch {
            KeptContent.append(event: .null, into: &buffer)
        }
    }

    package func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        let lent = lent ?? LentTexts()
        self.lent = lent
        return try lent.bytes(slot) { () throws(EvaluationError) in try value(slot) }
    }

    package func int(_ slot: Int) throws(EvaluationError) -> Int64 {
        guard case .int(let int) = try value(slot) else { throw EvaluationError(.noSuchOverload, "no int") }
        return int
    }

    package func double(_ slot: Int) throws(EvaluationError) -> Double {
        guard case .double(let double) = try value(slot) else { throw EvaluationError(.noSuchOverload, "no double") }
        return double
    }

    package func bool(_ slot: Int) throws(EvaluationError) -> Bool {
        guard case .bool(let bool) = try value(slot) else { throw EvaluationError(.noSuchOverload, "no bool") }
        return bool
    }

    /// The bytes of a text field in the batch; nil for any other field.
    func textBytes(_ column: Int) -> UnsafeBufferPointer<UInt8>? { nil }

    package func member(_ slot: Int, _ key: Text) throws(EvaluationError) -> Value? {
        guard case .map(let map) = try value(slot) else { throw EvaluationError(.noSuchOverload, "fields of no map") }
        return map.find(.string(key))
    }

    package func cost(_ slot: Int) -> Int { 0 }

    package func count(_ slot: Int) throws(EvaluationError) -> Int { try elements(slot).count }

    package func element(_ slot: Int, _ position: Int) throws(EvaluationError) -> Value? {
        let elements = try elements(slot)
        return elements.indices.contains(position) ? elements[position] : nil
    }

    package func elementMember(_ slot: Int, _ position: Int, _ key: Text) throws(EvaluationError) -> Value? {
        let element = try elements(slot)[position]
        guard case .map(let map) = element else {
            throw EvaluationError(.noSuchOverload, "\(element.kind.name) has no fields")
        }
        return map.find(.string(key))
    }

    private func elements(_ slot: Int) throws(EvaluationError) -> [Value] {
        guard case .list(let list) = try value(slot) else { throw EvaluationError(.noSuchOverload, "no list") }
        return list.elements
    }

    static func timestamp(_ time: EventTime) throws(EvaluationError) -> Value {
        guard let timestamp = Timestamp(milliseconds: time.milliseconds) else {
            throw EvaluationError(.range, "timestamp")
        }
        return .timestamp(timestamp)
    }
}

/// A row of another stream: a value for each of its columns.
final class ValueRow: Row {
    // Only the owner of the batch uses it.
    @exclusivity(unchecked) private var values: [Value] = []
    private let shape: RowShape

    init(names: [String]) {
        shape = RowShape(names: names)
    }

    func begin(_ values: [Value], at time: EventTime) {
        self.values = values
        move(to: time)
    }

    /// The same, reusing the storage of the previous row's values.
    @inline(__always)
    func begin(at time: EventTime, _ append: (inout [Value]) -> Void) {
        values.removeAll(keepingCapacity: true)
        append(&values)
        move(to: time)
    }

    override func value(_ slot: Int) throws(EvaluationError) -> Value {
        if slot == Self.timeSlot { return try Self.timestamp(time) }
        if slot == Self.wholeSlot {
            let entries = zip(shape.names, values).map { (key: Value.string($0), value: $1) }
            guard let map = MapValue(entries) else { preconditionFailure("columns have different names") }
            return .map(map)
        }
        return values[slot]
    }

    override func carry(to output: Int, in rows: inout CarriedRows) { rows.append(values, shape, to: output) }
}

/// The row for expressions over many events: the results of aggregates, the window and the key, and an event where a
/// single one is the cause.
final class EmissionRow: Row {
    // Only the owner of the batch uses what changes here.
    @exclusivity(unchecked) private var values: [Value]
    @exclusivity(unchecked) private var event: Row?
    /// Fills the first slots, which most rows that are dropped never need.
    private let opening: (count: Int, fill: (inout [Value]) -> Void)?
    /// So many slots are still to be filled.
    @exclusivity(unchecked) private var unfilled = 0

    /// The slots from here on are its own.
    static let firstSlot = RowSlots.firstEmission

    init(slotCount: Int, opening: (count: Int, fill: (inout [Value]) -> Void)? = nil) {
        values = Array(repeating: .null, count: slotCount)
        self.opening = opening
    }

    func begin(event: Row?, at time: EventTime) {
        self.event = event
        unfilled = opening?.count ?? 0
        move(to: time)
    }

    func end() { event = nil }

    /// A value of its own.
    subscript(slot slot: Int) -> Value {
        get {
            if slot < unfilled { fill() }
            return values[slot]
        }
        set { values[slot] = newValue }
    }

    private func fill() {
        unfilled = 0
        opening?.fill(&values)
    }

    override func value(_ slot: Int) throws(EvaluationError) -> Value {
        if slot >= Self.firstSlot { return self[slot: slot - Self.firstSlot] }
        guard let event else { preconditionFailure("the checker allows no field without an event") }
        return try event.value(slot)
    }

    override func int(_ slot: Int) throws(EvaluationError) -> Int64 {
        let own = slot - Self.firstSlot
        guard own >= unfilled, case .int(let int) = values[own] else { return try super.int(slot) }
        return int
    }

    override func double(_ slot: Int) throws(EvaluationError) -> Double {
        let own = slot - Self.firstSlot
        guard own >= unfilled, case .double(let double) = values[own] else { return try super.double(slot) }
        return double
    }

    override func cost(_ slot: Int) -> Int { slot >= Self.firstSlot ? 0 : event?.cost(slot) ?? 0 }
}

/// An event of the input as it is in its batch, with its derived fields.
///
/// Its pointers belong to the owner of the batch, and are valid for one event.
final class EventRow: Row {
    private let schema: EventSchema
    private let derived: DerivedFields
    /// Columns whose values may differ from the line's.
    private let typedColumns: [Int]
    private var batch: EventBatch!
    private var base = UnsafePointer<UInt8>(bitPattern: 1)!
    private var cells = UnsafePointer<EventCell>(bitPattern: 16)!
    private var line = ByteSlice()
    private var index = 0
    /// The number of columns in the batch; one that was read before patterns changed may lack the last ones.
    private var width = 0
    /// By field, what was derived for the current event.
    private let known: UnsafeMutableBufferPointer<Known>
    private let numbers: UnsafeMutableBufferPointer<UInt64>
    private var values: [Value]

    private enum Known: UInt8 {
        case nothing, int, double, value
    }

    /// The slots from here on are derived fields.
    static let firstDerivedSlot = RowSlots.firstDerived

    init(_ schema: EventSchema, derived: DerivedFields) {
        self.schema = schema
        self.derived = derived
        typedColumns = schema.columns.indices.filter { schema.columns[$0].type != .dyn }
        known = .allocate(capacity: derived.names.count)
        known.initialize(repeating: .nothing)
        numbers = .allocate(capacity: derived.names.count)
        numbers.initialize(repeating: 0)
        values = Array(repeating: .null, count: derived.names.count)
    }

    deinit {
        known.deallocate()
        numbers.deallocate()
    }

    /// `index`: that of the event in its batch.
    @inline(__always)
    func begin(_ event: Event, at index: Int, of batch: EventBatch) {
        move(to: event.time)
        line = event.line
        self.index = index
        cells = UnsafePointer(batch.cells.base + index * batch.width)
        self.batch = batch
        width = batch.schemaColumns
        base = UnsafePointer(batch.text.base)
        known.update(repeating: .nothing)
    }

    private var text: BatchText { BatchText(base: base) }

    private func missing(_ slot: Int) -> EvaluationError {
        EvaluationError(.noSuchKey, "the event has no '\(schema.columns[slot].name)'")
    }

    // MARK: Host

    override func value(_ slot: Int) throws(EvaluationError) -> Value {
        if slot >= width { return slot >= Self.firstDerivedSlot ? try special(slot) : try unread(slot) }
        let cell = cells[slot]
        switch cell.kind {
        case .missing: throw missing(slot)
        default: return try Self.value(cell, text)
        }
    }

    /// A field that was not in use when the line was read.
    private func unread(_ slot: Int) throws(EvaluationError) -> Value {
        let name = schema.columns[slot].name
        if batch.csvColumns.isEmpty {
            guard let value = JSONMembers(line, text).find(Text(name)) else { throw missing(slot) }
            return value
        }
        let cell = batch.csvColumns.first { $0.name == name }.map { cells[$0.cell] }
        guard let cell, cell.kind != .missing else { throw missing(slot) }
        return try Self.value(cell, text)
    }

    static func value(_ cell: EventCell, _ text: BatchText) throws(EvaluationError) -> Value {
        switch cell.kind {
        case .missing, .null: .null
        case .no: .bool(false)
        case .yes: .bool(true)
        case .int: .int(cell.int)
        case .unsigned: .uint(cell.bits)
        case .double: .double(cell.double)
        case .time: try timestamp(EventTime(milliseconds: cell.int))
        case .text: .string(text.string(cell.slice))
        case .json: JSONMembers.value(cell.slice, text)
        }
    }

    private func special(_ slot: Int) throws(EvaluationError) -> Value {
        if slot == Self.timeSlot { return try Self.timestamp(time) }
        if slot == Self.wholeSlot {
            return batch.csvColumns.isEmpty ? JSONMembers(line, text).all : try wholeRecord
        }
        let index = slot - Self.firstDerivedSlot
        switch known[index] {
        case .int: return .int(Int64(bitPattern: numbers[index]))
        case .double: return .double(Double(bitPattern: numbers[index]))
        case .value: return values[index]
        case .nothing: break
        }
        let value = try derived.program.value(index, host: self)
        switch value {
        case .int(let int): (known[index], numbers[index]) = (.int, UInt64(bitPattern: int))
        case .double(let double): (known[index], numbers[index]) = (.double, double.bitPattern)
        default: (known[index], values[index]) = (.value, value)
        }
        return value
    }

    private var wholeRecord: Value {
        get throws(EvaluationError) {
            var entries: [(key: Value, value: Value)] = []
            for column in batch.csvColumns where cells[column.cell].kind != .missing {
                entries.append((.string(column.name), try Self.value(cells[column.cell], text)))
            }
            guard let map = MapValue(entries) else { throw EvaluationError(.duplicateKey, "of the header") }
            return .map(map)
        }
    }

    @inline(__always)
    override func int(_ slot: Int) throws(EvaluationError) -> Int64 {
        if slot >= Self.firstDerivedSlot { return try derivedInt(slot) }
        guard cells[slot].kind == .int else { throw missing(slot) }
        return cells[slot].int
    }

    /// The checker has its type as int.
    private func derivedInt(_ slot: Int) throws(EvaluationError) -> Int64 {
        let index = slot - Self.firstDerivedSlot
        if index >= known.count { return try super.int(slot) }
        if known[index] == .int { return Int64(bitPattern: numbers[index]) }
        let int = try derived.program.int(index, host: self)
        (known[index], numbers[index]) = (.int, UInt64(bitPattern: int))
        return int
    }

    override func double(_ slot: Int) throws(EvaluationError) -> Double {
        if slot >= Self.firstDerivedSlot { return try super.double(slot) }
        guard cells[slot].kind == .double else { throw missing(slot) }
        return cells[slot].double
    }

    override func bool(_ slot: Int) throws(EvaluationError) -> Bool {
        if slot >= Self.firstDerivedSlot { return try super.bool(slot) }
        guard cells[slot].kind == .yes || cells[slot].kind == .no else { throw missing(slot) }
        return cells[slot].kind == .yes
    }

    override func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        if slot >= Self.firstDerivedSlot { return try super.text(slot) }
        guard cells[slot].kind == .text else { throw missing(slot) }
        return text.bytes(cells[slot].slice)
    }

    override func textBytes(_ column: Int) -> UnsafeBufferPointer<UInt8>? {
        column < width && cells[column].kind == .text ? text.bytes(cells[column].slice) : nil
    }

    override func member(_ slot: Int, _ key: Text) throws(EvaluationError) -> Value? {
        if slot == Self.wholeSlot, batch.csvColumns.isEmpty { return JSONMembers(line, text).find(key) }
        if slot < width {
            guard cells[slot].kind != .missing else { throw missing(slot) }
            if cells[slot].kind == .json, text.bytes(cells[slot].slice).first == UInt8(ascii: "{") {
                return JSONMembers(cells[slot].slice, text).find(key)
            }
        }
        return try super.member(slot, key)
    }

    override func cost(_ slot: Int) -> Int {
        if slot == Self.wholeSlot { return Int(line.count) / Self.bytesPerStep }
        if slot >= width { return slot < Self.firstDerivedSlot ? Int(line.count) / Self.bytesPerStep : 0 }
        guard cells[slot].kind == .json else { return 0 }
        return Int(cells[slot].slice.count) / Self.bytesPerStep
    }

    /// About what is scanned in the time of one operation.
    private static let bytesPerStep = 64

    // MARK: For patterns

    override var keptFields: [(name: String, value: Value)] {
        if typedColumns.isEmpty, derived.names.isEmpty { return [] }
        var fields: [(name: String, value: Value)] = []
        for slot in typedColumns {
            // Other kinds have the line's value.
            guard cells[slot].kind == .double || cells[slot].kind == .time else { continue }
            if let value = valueIfAny(slot) { fields.append((schema.columns[slot].name, value)) }
        }
        for (index, name) in derived.names.enumerated() {
            if let value = valueIfAny(Self.firstDerivedSlot + index) { fields.append((name, value)) }
        }
        return fields
    }

    override func keepWhole(into buffer: inout OutputBuffer) {
        guard batch.csvColumns.isEmpty else { return super.keepWhole(into: &buffer) }
        KeptContent.append(line: text.bytes(line), into: &buffer)
    }

    /// Returns nil for a missing or failed value.
    func valueIfAny(_ slot: Int) -> Value? {
        do throws(EvaluationError) {
            return try value(slot)
        } catch {
            return nil
        }
    }

    override var namedFields: [(name: String, value: Value)] {
        let own = keptFields
        let named = schema.columns.enumerated().compactMap { slot, column in
            valueIfAny(slot).map { (name: column.name, value: $0) }
        }
        return named.filter { field in !own.contains { $0.name == field.name } } + own
    }

    // MARK: Output

    override func carry(to output: Int, in rows: inout CarriedRows) { rows.append(event: index, to: output) }

    /// Writes `"field": value` of all fields as they came, without braces; for CSV, its columns.
    func writeJSON(into buffer: inout OutputBuffer, _ encoder: borrowing RowEncoder) {
        if batch.csvColumns.isEmpty { return encoder.write(object: text.bytes(line), into: &buffer) }
        encoder.write(batch.csvColumns, cells, text, into: &buffer)
    }
}

/// Fields computed from others, on demand.
package struct DerivedFields: Sendable {
    package let names: [String]
    /// By number.
    let program: Program

    package init(names: [String], program: Program) {
        self.names = names
        self.program = program
    }

    static let none = DerivedFields(names: [], program: Compiler(Environment()).finish())
}
