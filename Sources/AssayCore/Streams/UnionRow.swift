import CEL

/// A row of one of several sources read as one.
final class UnionRow: Row {
    private let union: StreamPlan.Union
    /// By name, made once, since most rows lack some.
    private let missing: [EvaluationError]
    /// The sources' names, at a fixed address.
    private let sourceNames: [UnsafeMutableBufferPointer<UInt8>]
    /// By source and name, the source's slot for the name; negative where it has none.
    private let places: UnsafeMutableBufferPointer<Int>
    // Only the owner of the batch uses these.
    /// Kept alive by the caller that passes it on.
    @exclusivity(unchecked) private var row: Unmanaged<Row>?
    @exclusivity(unchecked) private var source = 0

    /// The slots from here on are names.
    static let firstSlot = RowSlots.firstUnion
    static let sourceSlot = RowSlots.unionSource

    init(_ union: StreamPlan.Union) {
        self.union = union
        missing = union.names.map { EvaluationError(.noSuchKey, $0) }
        let slots = union.slots.flatMap { $0.map { $0 ?? -1 } }
        places = .allocate(capacity: slots.count)
        _ = places.initialize(from: slots)
        sourceNames = union.sources.map { name in
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: name.utf8.count)
            _ = copy.initialize(from: name.utf8)
            return copy
        }
    }

    deinit {
        places.deallocate()
        for name in sourceNames { name.deallocate() }
    }

    func begin(_ row: Row, of source: Int) {
        self.row = Unmanaged.passUnretained(row)
        self.source = source
        move(to: row.time)
    }

    func end() { row = nil }

    /// Whether it stands for the other row.
    func isOf(_ other: Row) -> Bool { row?.toOpaque() == Unmanaged.passUnretained(other).toOpaque() }

    /// Calls `body` with the row that it stands for, without counting a reference to it.
    @inline(__always)
    private func withPresent<Content>(
        _ body: (Row) throws(EvaluationError) -> Content
    ) throws(EvaluationError) -> Content {
        guard let row else { preconditionFailure("a row is read only while it is current") }
        return try row.withReference(body)
    }

    private var present: Row {
        guard let row else { preconditionFailure("a row is read only while it is current") }
        return row.takeUnretainedValue()
    }

    @inline(__always)
    private func place(_ slot: Int) throws(EvaluationError) -> Int {
        if slot < Self.firstSlot || slot >= Row.timeSlot { return slot }
        let known = places[source * missing.count + slot - Self.firstSlot]
        if known < 0 { throw missing[slot - Self.firstSlot] }
        return known
    }

    override func value(_ slot: Int) throws(EvaluationError) -> Value {
        if slot == Self.sourceSlot { return .string(union.sources[source]) }
        let place = try place(slot)
        return try withPresent { row throws(EvaluationError) in try row.value(place) }
    }

    override func int(_ slot: Int) throws(EvaluationError) -> Int64 {
        let place = try place(slot)
        return try withPresent { row throws(EvaluationError) in try row.int(place) }
    }

    override func double(_ slot: Int) throws(EvaluationError) -> Double {
        let place = try place(slot)
        return try withPresent { row throws(EvaluationError) in try row.double(place) }
    }

    override func bool(_ slot: Int) throws(EvaluationError) -> Bool {
        let place = try place(slot)
        return try withPresent { row throws(EvaluationError) in try row.bool(place) }
    }

    override func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        if slot == Self.sourceSlot { return UnsafeBufferPointer(sourceNames[source]) }
        let place = try place(slot)
        return try withPresent { row throws(EvaluationError) in try row.text(place) }
    }

    override func member(_ slot: Int, _ key: Text) throws(EvaluationError) -> Value? {
        try present.member(try place(slot), key)
    }

    override func cost(_ slot: Int) -> Int {
        do throws(EvaluationError) {
            return present.cost(try place(slot))
        } catch {
            return 0
        }
    }

    override var keptFields: [(name: String, value: Value)] {
        present.keptFields + [("stream", .string(union.sources[source]))]
    }

    override func keepWhole(into buffer: inout OutputBuffer) { present.keepWhole(into: &buffer) }

    override func carry(to output: Int, in rows: inout CarriedRows) { present.carry(to: output, in: &rows) }
}
