import CEL

/// A row of one of several sources read as one.
final class UnionRow: Row {
    private let union: StreamPlan.Union
    /// By name, made once, since most rows lack some.
    private let missing: [EvaluationError]
    /// The sources' names, at a fixed address.
    private let sourceNames: [UnsafeMutableBufferPointer<UInt8>]
    /// Kept alive by the caller that passes it on.
    private var row: Unmanaged<Row>?
    private var source = 0

    /// The slots from here on are names.
    static let firstSlot = RowSlots.firstUnion
    static let sourceSlot = RowSlots.unionSource

    init(_ union: StreamPlan.Union) {
        self.union = union
        missing = union.names.map { EvaluationError(.noSuchKey, $0) }
        sourceNames = union.sources.map { name in
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: name.utf8.count)
            _ = copy.initialize(from: name.utf8)
            return copy
        }
    }

    deinit { for name in sourceNames { name.deallocate() } }

    func begin(_ row: Row, of source: Int) {
        self.row = Unmanaged.passUnretained(row)
        self.source = source
        move(to: row.time)
    }

    func end() { row = nil }

    /// Whether it stands for the other row.
    func isOf(_ other: Row) -> Bool { row?.toOpaque() == Unmanaged.passUnretained(other).toOpaque() }

    private var present: Row {
        guard let row else { preconditionFailure("a row is read only while it is current") }
        return row.takeUnretainedValue()
    }

    private func place(_ slot: Int) throws(EvaluationError) -> Int {
        if slot < Self.firstSlot || slot >= Row.timeSlot { return slot }
        guard let known = union.slots[source][slot - Self.firstSlot] else {
            throw missing[slot - Self.firstSlot]
        }
        return known
    }

    override func value(_ slot: Int) throws(EvaluationError) -> Value {
        if slot == Self.sourceSlot { return .string(union.sources[source]) }
        return try present.value(try place(slot))
    }

    override func int(_ slot: Int) throws(EvaluationError) -> Int64 { try present.int(try place(slot)) }

    override func double(_ slot: Int) throws(EvaluationError) -> Double { try present.double(try place(slot)) }

    override func bool(_ slot: Int) throws(EvaluationError) -> Bool { try present.bool(try place(slot)) }

    override func text(_ slot: Int) throws(EvaluationError) -> UnsafeBufferPointer<UInt8> {
        if slot == Self.sourceSlot { return UnsafeBufferPointer(sourceNames[source]) }
        return try present.text(try place(slot))
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
