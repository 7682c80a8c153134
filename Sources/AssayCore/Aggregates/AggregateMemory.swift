import CEL

/// The memory of aggregates' states besides their own size, about. It is asked for with each event, so it is known
/// without looking at all values.
extension AggregateState {
    var memoryBytes: Int {
        switch self {
        case .count, .sum, .average, .spread: 0
        case .least(let value), .greatest(let value): value?.memoryBytes ?? 0
        case .first(let arrived), .last(let arrived): arrived?.value.memoryBytes ?? 0
        case .collected(let values, _):
            values.capacity * MemoryLayout<ArrivedValue>.stride + values.count * (values.last?.value.memoryBytes ?? 0)
        case .distinct(let values): values.memoryBytes
        case .weights(let weights): weights.memoryBytes
        case .sketch(let sketch): sketch.memoryBytes
        }
    }
}

extension Aggregate {
    /// Whether its state is usually by reference, and may grow with what is added.
    var isHeld: Bool {
        switch self {
        case .count, .countIf, .sum, .average: false
        default: true
        }
    }
}

extension Value {
    /// The memory it points to, about: texts, and the values of lists and maps.
    var memoryBytes: Int {
        switch self {
        // Shorter texts are in the value itself.
        case .string(let text): text.string.utf8.count > 15 ? text.string.utf8.count + Self.headerBytes : 0
        case .bytes(let bytes): bytes.count + Self.headerBytes
        case .list, .map: weight * 2 * MemoryLayout<Value>.stride + Self.headerBytes
        default: 0
        }
    }

    /// Of a piece of memory.
    static let headerBytes = 48
}

extension DistinctValues {
    fileprivate var memoryBytes: Int {
        switch self {
        case .exact(let values):
            // A table is three quarters full at the most.
            values.capacity * 2 * MemoryLayout<[UInt8]>.stride
                + values.count * (Value.headerBytes + (values.first?.count ?? 0))
        case .about: HyperLogLog.memoryBytes
        }
    }
}
