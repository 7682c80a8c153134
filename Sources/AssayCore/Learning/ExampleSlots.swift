import CBytes

/// The slots that a transaction has, from its bins: the bias, one of each input, one of each pair of inputs.
struct ExampleSlots: ~Copyable {
    private struct Pair {
        let firstSlot: Int32
        let one: Int32
        let other: Int32
    }

    /// By input, where its slots begin.
    private let inputs: UnsafeMutableBufferPointer<Int32>
    private let pairs: UnsafeMutableBufferPointer<Pair>
    private let slots: UnsafeMutableBufferPointer<Int32>

    init(_ layout: InputLayout) {
        precondition(layout.activeCount <= Int(ASSAY_MOST_ACTIVE), "an example has so many slots at most")
        inputs = .allocate(capacity: layout.inputCount)
        for input in 0..<layout.inputCount {
            inputs.initializeElement(at: input, to: Int32(layout.slot(ofInput: input, bin: 0)))
        }
        pairs = .allocate(capacity: layout.pairs.count)
        for (number, pair) in layout.pairs.enumerated() {
            let firstSlot = Int32(layout.slot(ofPair: number, 0, 0))
            pairs.initializeElement(
                at: number, to: Pair(firstSlot: firstSlot, one: Int32(pair.0), other: Int32(pair.1)))
        }
        slots = .allocate(capacity: layout.activeCount)
        slots.initialize(repeating: 0)
    }

    deinit {
        inputs.deallocate()
        pairs.deallocate()
        slots.deallocate()
    }

    /// Valid until others are listed. `bins`: one of each input.
    @inline(__always)
    func list(_ bins: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<Int32> {
        precondition(bins.count == inputs.count, "each input has a bin")
        // The bias is first, and stays. No bin is greater than 63, so that each sum is a slot of the layout.
        let (bins, slots) = (bins.baseAddress!, slots.baseAddress! + 1)
        for input in 0..<inputs.count { slots[input] = inputs[input] &+ Int32(bins[input]) }
        let ofPairs = slots + inputs.count
        for number in 0..<pairs.count {
            let pair = pairs[number]
            ofPairs[number] = pair.firstSlot &+ Int32(bins[Int(pair.one)]) << 6 &+ Int32(bins[Int(pair.other)])
        }
        return UnsafeBufferPointer(self.slots)
    }
}
