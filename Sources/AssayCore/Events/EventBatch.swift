/// One event of a batch.
struct Event: Sendable {
    var time: EventTime
    /// Counted from the batch's first line.
    var lineIndex: UInt32
    var line: ByteSlice
}

/// Lines as events: the fields in use of each, and the lines that were not events.
///
/// @unchecked Sendable: like any batch of lines.
package class EventBatch: LineBatch, @unchecked Sendable {
    // These are used for each line, by one stage at a time.
    @exclusivity(unchecked) final var events: [Event] = []
    /// The same number for each event, one event after the other.
    @exclusivity(unchecked) final var cells = EventCells()
    final var width = 0
    /// How many are columns of the schema that the lines were read with.
    final var schemaColumns = 0
    private final var rejectedLines: [Reject] = []
    private final var hasLateRejects = false
    @exclusivity(unchecked) private final var lines: UInt64 = 0
    /// For CSV: its columns with their places among the cells.
    final var csvColumns: [CSVColumn] = []
    /// Filled if events are transactions too.
    @exclusivity(unchecked) final var transactions = DecodedBatch()

    struct CSVColumn: Sendable {
        let name: String
        let cell: Int
    }

    /// Rejects an event whose line was accepted first.
    final func reject(_ event: Event) {
        rejectedLines.append(
            Reject(
                line: event.line, lineIndex: event.lineIndex, reason: .tooFarAhead,
                message: RejectReason.tooFarAhead.message))
        hasLateRejects = true
    }

    /// Brings rejects in the order of their lines again.
    final func sortRejects() {
        guard hasLateRejects else { return }
        rejectedLines.sort { $0.lineIndex < $1.lineIndex }
        hasLateRejects = false
    }

    package override final var rejects: [Reject] { rejectedLines }
    package override final var lineCount: UInt64 { lines }

    final func endLine(_ count: UInt64 = 1) { lines += count }

    package override func reset() {
        super.reset()
        events.removeAll(keepingCapacity: true)
        cells.removeAll()
        rejectedLines.removeAll(keepingCapacity: true)
        lines = 0
        transactions.reset()
    }

    final func reject(
        _ line: ByteSlice, _ reason: RejectReason, _ message: StaticString? = nil, field: String? = nil,
        value: String? = nil, position: UInt32? = nil
    ) {
        rejectedLines.append(
            Reject(
                line: line, lineIndex: UInt32(truncatingIfNeeded: lineCount), reason: reason,
                message: message ?? reason.message, value: value, fieldName: field, position: position))
    }
}

/// The cells of a batch's events, in memory that does not move while they are read.
struct EventCells: ~Copyable {
    private(set) var base: UnsafeMutablePointer<EventCell>
    private(set) var count = 0
    private var capacity = 1 << 12

    init() {
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    mutating func removeAll() { count = 0 }

    mutating func removeLast(_ removed: Int) { count -= removed }

    /// Appends missing cells.
    @inline(__always)
    mutating func append(missing added: Int) {
        if count + added > capacity { grow(added) }
        (base + count).initialize(repeating: .missing, count: added)
        count += added
    }

    private mutating func grow(_ added: Int) {
        capacity = max(2 * capacity, count + added)
        let larger = UnsafeMutablePointer<EventCell>.allocate(capacity: capacity)
        larger.update(from: base, count: count)
        base.deallocate()
        base = larger
    }
}

extension EventSchema {
    /// The message for a value that does not fit its column.
    static func expectation(_ type: FieldType) -> StaticString {
        switch type {
        case .string: "must be a text"
        case .int: "must be a whole number"
        case .double: "must be a number"
        case .bool: "must be true or false"
        case .timestamp: "must be a time"
        case .list: "must be a list"
        case .dyn: "must be no number beyond all bounds"
        default: "must be an object"
        }
    }

    static let timeExpectation: StaticString = "must be a time from 1970 to 9999: a number or ISO 8601"
}

extension EventBatch {
    /// Takes the event of the last cells, or rejects its line if it has no time and returns false.
    @discardableResult
    func finishEvent(_ line: ByteSlice, _ schema: EventSchema) -> Bool {
        let base = UnsafePointer(text.base)
        let cell = cells.base[cells.count - width + schema.timeColumn]
        if let time = cell.time(schema, in: base) {
            events.append(Event(time: time, lineIndex: UInt32(truncatingIfNeeded: lineCount), line: line))
            return true
        }
        cells.removeLast(width)
        let name = schema.columns[schema.timeColumn].name
        if cell.kind == .missing || cell.kind == .null {
            reject(line, .missingField, field: name)
        } else {
            let value: String? =
                switch cell.kind {
                case .text: Reject.shown(BatchText(base: base).bytes(cell.slice))
                case .int: "\(cell.int)"
                case .double: "\(cell.double)"
                default: nil
                }
            reject(line, .invalidField, EventSchema.timeExpectation, field: name, value: value)
        }
        return false
    }
}
