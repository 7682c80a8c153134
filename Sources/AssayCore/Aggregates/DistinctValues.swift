import CEL

/// The number of different values: exact up to a limit, then to about two per cent.
enum DistinctValues: Equatable, Sendable {
    case exact(Set<[UInt8]>)
    case about(HyperLogLog)

    static let mostExact = 1000

    mutating func add(_ value: Value) {
        let bytes = value.stateBytes
        switch self {
        case .exact(var values):
            // Must not be shared while it is changed, or every value would copy everything.
            self = .exact([])
            values.insert(bytes)
            self = .exact(values)
            giveWay()
        case .about(var sketch):
            self = .exact([])
            sketch.add(hash: Self.hash(bytes))
            self = .about(sketch)
        }
    }

    mutating func merge(_ other: DistinctValues) {
        switch (self, other) {
        case (.exact(let values), .exact(let more)):
            self = .exact(values.union(more))
            giveWay()
        case (_, .exact), (_, .about):
            var sketch = sketch
            sketch.merge(other.sketch)
            self = .about(sketch)
        }
    }

    private mutating func giveWay() {
        if case .exact(let values) = self, values.count > Self.mostExact { self = .about(sketch) }
    }

    private var sketch: HyperLogLog {
        switch self {
        case .about(let sketch): return sketch
        case .exact(let values):
            var sketch = HyperLogLog()
            for value in values { sketch.add(hash: Self.hash(value)) }
            return sketch
        }
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBufferPointer { $0.stableHash } }

    var count: Int64 {
        switch self {
        case .exact(let values): Int64(values.count)
        case .about(let sketch): sketch.estimate
        }
    }

    var isExact: Bool { if case .exact = self { true } else { false } }

    // MARK: As bytes

    func encode(into bytes: inout OutputBuffer) {
        switch self {
        case .exact(let values):
            bytes.append(byte: 0)
            bytes.append(varint: UInt64(values.count))
            for value in values.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                bytes.append(varint: UInt64(value.count))
                bytes.reserve(value.count)
                value.withUnsafeBufferPointer { bytes.write($0) }
            }
        case .about(let sketch):
            bytes.append(byte: 1)
            sketch.encode(into: &bytes)
        }
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        switch try reader.byte() {
        case 0:
            let count = try reader.count()
            guard count <= Self.mostExact else { throw StateDecodingError(.outOfBounds) }
            var values: Set<[UInt8]> = []
            for _ in 0..<count { values.insert(Array(try reader.content())) }
            self = .exact(values)
        case 1: self = .about(try HyperLogLog(&reader))
        default: throw StateDecodingError(.outOfBounds)
        }
    }
}
