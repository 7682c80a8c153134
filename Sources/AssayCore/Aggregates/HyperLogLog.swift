import CEL
import Glibc

/// Estimates how many different hashes were seen, in four kilobytes: the standard error is 1.6 %.
struct HyperLogLog: Equatable, Sendable {
    private static let bits: UInt64 = 12
    static let registerCount = 1 << 12

    /// For each part of the hashes, the longest run of zeros before a one, plus one.
    private(set) var registers = [UInt8](repeating: 0, count: registerCount)

    mutating func add(hash: UInt64) {
        let register = Int(hash >> (64 - Self.bits))
        let rest = hash << Self.bits | 1 << (Self.bits - 1)
        registers[register] = max(registers[register], UInt8(rest.leadingZeroBitCount + 1))
    }

    mutating func merge(_ other: HyperLogLog) {
        for index in registers.indices { registers[index] = max(registers[index], other.registers[index]) }
    }

    var estimate: Int64 {
        let count = Double(Self.registerCount)
        let sum = registers.reduce(0.0) { $0 + exp2(-Double($1)) }
        let raw = 0.7213 / (1 + 1.079 / count) * count * count / sum
        let zeros = registers.count { $0 == 0 }
        // Few values leave registers empty, whose number is the better estimate.
        if raw <= 2.5 * count, zeros > 0 { return Int64((count * log(count / Double(zeros))).rounded()) }
        return Int64(raw.rounded())
    }

    static let memoryBytes = registerCount + Value.headerBytes

    // MARK: As bytes

    init() {}

    func encode(into bytes: inout OutputBuffer) {
        bytes.reserve(registers.count)
        registers.withUnsafeBufferPointer { bytes.write($0) }
    }

    init(_ reader: inout StateByteReader) throws(StateDecodingError) {
        registers = Array(try reader.bytes(Self.registerCount))
        guard registers.allSatisfy({ $0 <= 64 }) else { throw StateDecodingError(.outOfBounds) }
    }
}
