import CBytes

/// The weights of a logistic regression over slots, learned one example at a time (FTRL-proximal).
package struct Weights: ~Copyable {
    package struct Slot: Equatable, Sendable {
        /// The sum of the adjusted gradients.
        package var gradients = 0.0
        /// The sum of their squares.
        package var squares = 0.0
    }

    private let slots: UnsafeMutableBufferPointer<assay_slot>
    private var pace: assay_pace

    init(slotCount: Int, _ settings: ScoringSettings.Learning) {
        // Two slots lie in a cache line.
        let bytes = UnsafeMutableRawPointer.allocate(
            byteCount: slotCount * MemoryLayout<assay_slot>.stride, alignment: 64)
        slots = UnsafeMutableBufferPointer(
            start: bytes.bindMemory(to: assay_slot.self, capacity: slotCount), count: slotCount)
        slots.initialize(repeating: assay_slot())
        pace = Self.pace(settings)
    }

    deinit { slots.deallocate() }

    private static func pace(_ settings: ScoringSettings.Learning) -> assay_pace {
        assay_pace(rate: settings.rate, beta: settings.beta, l2: settings.l2)
    }

    mutating func follow(_ settings: ScoringSettings.Learning) {
        pace = Self.pace(settings)
        for slot in slots.indices { set(slot, self[slot]) }
    }

    /// Takes those of another model of the same inputs.
    func take(_ others: borrowing Weights) {
        for slot in slots.indices { set(slot, others[slot]) }
    }

    // MARK: Slots

    var slotNumbers: Range<Int> { slots.indices }

    package subscript(slot: Int) -> Slot { Slot(gradients: slots[slot].gradients, squares: slots[slot].squares) }

    func set(_ slot: Int, _ value: Slot) {
        slots[slot] = withUnsafePointer(to: pace) { assay_make_slot(value.gradients, value.squares, $0) }
    }

    package func weight(at slot: Int) -> Double { slots[slot].weight }

    // MARK: Examples

    /// The probability that an example's slots stand for.
    @inline(__always)
    func probability(_ active: UnsafeBufferPointer<Int32>) -> Double {
        assay_probability(assay_weigh(slots.baseAddress!, active.baseAddress!, UInt32(active.count)))
    }

    /// Moves the weights of an example towards what it turned out to be. No slot occurs twice in it.
    @inline(__always)
    func learn(_ active: UnsafeBufferPointer<Int32>, isFraud: Bool) {
        withUnsafePointer(to: pace) { pace in
            assay_learn(slots.baseAddress!, active.baseAddress!, UInt32(active.count), pace, isFraud)
        }
    }

    /// Those that an example had.
    var usedCount: Int { slots.reduce(0) { $0 + ($1.squares > 0 ? 1 : 0) } }

    // MARK: As bytes

    /// Appends the slots of a range that an example had. Returns false when there are none.
    func encode(_ range: Range<Int>, into bytes: inout OutputBuffer) -> Bool {
        var hasAny = false
        for slot in range where self[slot] != Slot() {
            hasAny = true
            bytes.append(byte: UInt8(slot - range.lowerBound))
            bytes.append(double: slots[slot].gradients)
            bytes.append(double: slots[slot].squares)
        }
        return hasAny
    }

    func decode(first: UInt64, _ reader: inout StateByteReader) throws(StateDecodingError) {
        while reader.remaining > 0 {
            let slot = first &+ UInt64(try reader.byte())
            guard slot < UInt64(slots.count) else { throw StateDecodingError(.outOfBounds) }
            set(Int(slot), Slot(gradients: try reader.double(), squares: try reader.double()))
        }
    }
}
