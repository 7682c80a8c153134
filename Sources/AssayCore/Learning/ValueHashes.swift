/// By risk key, the hashes of the values of a batch's transactions, and where they may be remembered; none of keys that
/// are not read anyway.
struct ValueHashes: ~Copyable {
    private struct Value {
        let hash: UInt64
        var candidate = ValueHashes.none
    }

    private struct OfKey {
        var values: UnsafeMutablePointer<Value>
        var count = 0
        var capacity: Int
    }

    private let keys: UnsafeMutableBufferPointer<OfKey>

    private static let leastCapacity = 256
    private static let none = UInt32.max

    init(keys count: Int) {
        keys = .allocate(capacity: count)
        for key in 0..<count {
            let values = UnsafeMutablePointer<Value>.allocate(capacity: Self.leastCapacity)
            keys.initializeElement(at: key, to: OfKey(values: values, capacity: Self.leastCapacity))
        }
    }

    deinit {
        for key in keys { key.values.deallocate() }
        keys.deallocate()
    }

    func removeAll(ofKey key: Int) { keys[key].count = 0 }

    func append(_ hash: UInt64, key: Int) {
        if keys[key].count == keys[key].capacity { grow(key) }
        (keys[key].values + keys[key].count).initialize(to: Value(hash: hash))
        keys[key].count += 1
    }

    @inline(never)
    private func grow(_ key: Int) {
        let old = keys[key]
        keys[key].capacity = 2 * old.capacity
        keys[key].values = .allocate(capacity: 2 * old.capacity)
        keys[key].values.initialize(from: old.values, count: old.count)
        old.values.deallocate()
    }

    /// That of a transaction, by its place in the batch; nil where none is known.
    @inline(__always)
    func hash(_ place: Int, key: Int) -> UInt64? {
        place < keys[key].count ? keys[key].values[place].hash : nil
    }

    @inline(__always)
    func setCandidate(_ slot: UInt32, _ place: Int, key: Int) { keys[key].values[place].candidate = slot }

    /// Where the value may be remembered.
    @inline(__always)
    func candidate(_ place: Int, key: Int) -> Int? {
        guard place < keys[key].count, case let slot = keys[key].values[place].candidate, slot != Self.none else {
            return nil
        }
        return Int(slot)
    }
}
