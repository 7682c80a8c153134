import AssayCore

/// Lines in the order of their times, as many as fit into memory: they become one run of an external sort.
struct SortBuffer: ~Copyable {
    private struct Entry {
        var time: Int64
        var start: Int
        var count: Int
    }

    private var entries: [Entry] = []
    private var bytes: [UInt8] = []
    private let capacity: Int

    /// `capacity`: bytes of lines and of what is noted of each.
    init(capacity: Int) {
        self.capacity = capacity
        // Memory that is reserved and not touched costs nothing; arrays that grow take twice as much.
        bytes.reserveCapacity(capacity)
    }

    var isEmpty: Bool { entries.isEmpty }

    /// What sorting needs besides the lines is counted as well.
    var isFull: Bool { bytes.count + 2 * entries.count * MemoryLayout<Entry>.stride >= capacity }

    mutating func append(_ time: EventTime, _ line: UnsafeBufferPointer<UInt8>) {
        entries.append(Entry(time: time.milliseconds, start: bytes.count, count: line.count))
        bytes.append(contentsOf: line)
    }

    /// Hands out all lines in their order, those of equal times as they came, and forgets them.
    mutating func drain<Failure: Error>(
        _ body: (Int64, UnsafeBufferPointer<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        entries.sort { ($0.time, $0.start) < ($1.time, $1.start) }
        try bytes.withUnsafeBufferPointer { bytes throws(Failure) in
            for entry in entries {
                try body(
                    entry.time, UnsafeBufferPointer(rebasing: bytes[entry.start..<entry.start + entry.count]))
            }
        }
        entries.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
    }
}
