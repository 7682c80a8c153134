import CBytes

/// Sixteen bytes that tell texts apart.
package struct Digest: Equatable, Sendable {
    package var low: UInt64 = 0
    package var high: UInt64 = 0

    package init(low: UInt64 = 0, high: UInt64 = 0) {
        self.low = low
        self.high = high
    }

    package init?(_ bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        low = bytes[..<8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        high = bytes[8...].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    package var bytes: [UInt8] {
        [low, high].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    }
}

/// Everything about a checkpoint but the keyed state itself.
package struct CheckpointRecord: Equatable, Sendable {
    package enum Reason: String, CaseIterable, Sendable {
        case start, interval, count, memory, signal, end
        /// Whoever read the output went away.
        case closed
    }

    /// How far an input was read, and what it looked like.
    package struct Input: Equatable, Sendable {
        package var name: String
        package var path = ""
        package var offset: UInt64 = 0
        package var line: UInt64 = 0
        /// The last line had no newline: when the input grows, the next byte must be one.
        package var endsInsideLine = false
        package var head = Digest()
        package var chain = Digest()
        package var previous = Digest()
        package var partial = Digest()
        package var format = ""
        package var csvHeader: [UInt8] = []

        package init(name: String) {
            self.name = name
        }
    }

    /// How long an output was.
    package struct Output: Equatable, Sendable {
        package var name: String
        /// Empty for what is no regular file.
        package var path: String
        package var length: UInt64

        package init(name: String, path: String, length: UInt64) {
            self.name = name
            self.path = path
            self.length = length
        }
    }

    package struct Tally: Equatable, Sendable {
        package var name: String
        package var count: UInt64

        package init(name: String, count: UInt64) {
            self.name = name
            self.count = count
        }
    }

    package var id: Int64 = 0
    /// Milliseconds since 1970.
    package var takenAt: Int64 = 0
    package var reason = Reason.start
    package var sequence: UInt64 = 0
    /// The greatest event time so far, in milliseconds.
    package var eventTime: Int64 = 0
    package var keys: Int64 = 0
    package var firstPage: Int64 = 1
    package var pageCount: Int64 = 0
    package var pageSum: UInt64 = 0
    package var keysWritten: Int64 = 0
    package var bytesWritten: Int64 = 0
    package var durationMicroseconds: Int64 = 0
    /// All settings, as YAML.
    package var configuration = ""
    package var inputs: [Input] = []
    package var outputs: [Output] = []
    package var tallies: [Tally] = []

    package init() {}

    /// Of everything above, in a fixed order.
    var checksum: UInt64 {
        var digest = FieldDigest()
        for number in [
            id, takenAt, Int64(bitPattern: sequence), eventTime, keys, firstPage, pageCount,
            Int64(bitPattern: pageSum), keysWritten, bytesWritten, durationMicroseconds,
        ] { digest.add(number) }
        digest.add(reason.rawValue)
        digest.add(configuration)
        for input in inputs {
            digest.add(input.name)
            digest.add(input.path)
            digest.add(Int64(bitPattern: input.offset))
            digest.add(Int64(bitPattern: input.line))
            digest.add(input.endsInsideLine ? 1 : 0)
            for part in [input.head, input.chain, input.previous, input.partial] { digest.add(part.bytes) }
            digest.add(input.format)
            digest.add(input.csvHeader)
        }
        digest.add(Int64(inputs.count))
        for output in outputs {
            digest.add(output.name)
            digest.add(output.path)
            digest.add(Int64(bitPattern: output.length))
        }
        digest.add(Int64(outputs.count))
        for tally in tallies {
            digest.add(tally.name)
            digest.add(Int64(bitPattern: tally.count))
        }
        return digest.value
    }
}

/// A checksum over fields, each with its length, so that none can run into the next.
struct FieldDigest {
    private var bytes: [UInt8] = []

    mutating func add(_ number: Int64) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func add(_ text: String) { add(Array(text.utf8)) }

    mutating func add(_ field: [UInt8]) {
        add(Int64(field.count))
        bytes += field
    }

    var value: UInt64 { bytes.withUnsafeBytes { assay_hash($0.baseAddress, $0.count) } }
}
