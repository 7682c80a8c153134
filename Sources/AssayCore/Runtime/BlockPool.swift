/// Memory for the lists of states, in blocks of a few capacities: what one state returns the next one takes.
///
/// A general allocator takes several times as long for blocks that grow word by word, and eight bytes more for each.
package struct BlockPool: ~Copyable {
    private var chunks = MemoryChunks()
    /// By capacity, the free blocks; each begins with the address of the next.
    private var free: [UnsafeMutableRawPointer?] = []

    package init() {}

    /// The block's words are uninitialized.
    mutating func take(_ capacity: BlockCapacity) -> UnsafeMutablePointer<UInt64> {
        let step = capacity.step
        if step < free.count, let block = free[step] {
            free[step] = block.load(as: UnsafeMutableRawPointer?.self)
            return block.assumingMemoryBound(to: UInt64.self)
        }
        if capacity.isLarge {
            return .allocate(capacity: capacity.words)
        }
        return chunks.take(capacity.words * 8).bindMemory(to: UInt64.self, capacity: capacity.words)
    }

    mutating func giveBack(_ block: UnsafeMutablePointer<UInt64>, _ capacity: BlockCapacity) {
        if capacity.isLarge { return block.deallocate() }
        let step = capacity.step
        while free.count <= step { free.append(nil) }
        UnsafeMutableRawPointer(block).storeBytes(of: free[step], as: UnsafeMutableRawPointer?.self)
        free[step] = UnsafeMutableRawPointer(block)
    }
}

/// The capacity of a block in one byte: four steps to each power of two.
struct BlockCapacity {
    static let none = BlockCapacity(number: 0)
    private var number: UInt8

    private init(number: UInt8) {
        self.number = number
    }

    /// The least capacity for this many words.
    init(words: Int) {
        let least = max(words, 4)
        let exponent = 61 - least.leadingZeroBitCount
        number = UInt8(1 + exponent * 4 + (least >> exponent & 3))
        if self.words < words { number += 1 }
    }

    /// That of a step.
    init(step: Int) {
        number = UInt8(step)
    }

    var step: Int { Int(number) }

    @inline(__always)
    var words: Int {
        if number == 0 { return 0 }
        let position = Int(number) - 1
        return (4 + position & 3) << (position >> 2)
    }

    /// So rare and so large that each comes from the system directly.
    fileprivate var isLarge: Bool { words > Self.largestPooledWords }

    private static let largestPooledWords = 4 << 10
}
