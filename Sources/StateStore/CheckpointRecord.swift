import AssayCore
import CBytes

/// Everything about a checkpoint except the pages of state.
package struct CheckpointRecord: Equatable, Sendable {
    package enum Reason: String, CaseIterable, Sendable {
        case start, interval, count, memory, signal, end
        /// The reader of the output went away.
        case closed
    }

    /// How far an input was read.
    package struct Input: Equatable, Sendable {
        package var name: String
        package var path = ""
        package var format = ""
        /// For people; the position is what counts.
        package var offset: UInt64 = 0
        package var line: UInt64 = 0
        /// What the source needs to resume from here. Only the source reads it.
        package var position: [UInt8] = []

        package init(name: String) {
            self.name = name
        }
    }

    /// How far an output was written.
    package struct Output: Equatable, Sendable {
        package var name: String
        /// For people, and so is the length: bytes or rows. Empty for what is not a regular file.
        package var path: String
        package var length: UInt64
        /// What the sink needs to resume from here. Only the sink reads it.
        package var resume: [UInt8]

        package init(name: String, path: String, length: UInt64, resume: [UInt8]) {
            self.name = name
            self.path = path
            self.length = length
            self.resume = resume
        }
    }

    package var id: Int64 = 0
    /// Milliseconds since 1970.
    package var takenAt: Int64 = 0
    package var reason = Reason.start
    package var stage = StageRecord()
    package var keysWritten: Int64 = 0
    package var bytesWritten: Int64 = 0
    package var durationMicroseconds: Int64 = 0
    /// All settings, as YAML.
    package var configuration = ""
    package var inputs: [Input] = []
    package var outputs: [Output] = []

    package init() {}

    /// The checksum of everything above, in a fixed order.
    var checksum: UInt64 {
        var digest = FieldDigest()
        for number in [
            id, takenAt, Int64(bitPattern: stage.sequence), stage.eventTime, keysWritten, bytesWritten,
            durationMicroseconds,
        ] { digest.add(number) }
        digest.add(reason.rawValue)
        digest.add(configuration)
        for log in stage.logs {
            for number in [log.function, log.firstPage, log.pageCount, Int64(bitPattern: log.pageSum), log.keys] {
                digest.add(number)
            }
        }
        digest.add(Int64(stage.logs.count))
        // The store has them by name, whatever order the run reads them in.
        for input in inputs.sorted(by: { $0.name < $1.name }) {
            for text in [input.name, input.path, input.format] { digest.add(text) }
            for number in [input.offset, input.line] { digest.add(Int64(bitPattern: number)) }
            digest.add(input.position)
        }
        digest.add(Int64(inputs.count))
        for output in outputs {
            for text in [output.name, output.path] { digest.add(text) }
            digest.add(Int64(bitPattern: output.length))
            digest.add(output.resume)
        }
        digest.add(Int64(outputs.count))
        for tally in stage.tallies {
            digest.add(tally.name)
            digest.add(Int64(bitPattern: tally.count))
        }
        digest.add(Int64(stage.tallies.count))
        for field in stage.fields {
            digest.add(field.name)
            digest.add(field.value)
        }
        return digest.value
    }
}

/// A checksum over fields, each with its length, so that field boundaries count.
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
