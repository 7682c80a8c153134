import AssayCore
import Glibc

/// Generates lines one after another.
protocol LineGenerator: ~Copyable {
    /// The first line of the labels.
    var labelHeader: StaticString { get }

    /// Appends the next line, and its label if it has one. Returns false when there are no more. Both have room for a
    /// line of the longest kind.
    mutating func writeNext(into lines: inout OutputBuffer, labels: inout OutputBuffer) -> Bool
}

/// Writes a generated stream and its labels to files or pipes.
package enum GenerationRun {
    package enum Fault: Error, Equatable {
        /// There is no reader left.
        case closed
        case linesFailed(errorNumber: Int32)
        case labelsFailed(errorNumber: Int32)
    }

    /// 2025-01-01T00:00:00Z.
    package static let startSeconds = 1_735_689_600.0

    private static let blockBytes = 1 << 18
    private static let longestLine = 1024
    /// With a rate, due lines are written this often.
    private static let stepMicroseconds: UInt32 = 2000

    /// `rate`: lines per second of real time; nil for as fast as possible.
    package static func run(
        _ options: TransactionGenerator.Options, lines: Int32, labels: Int32?, rate: Double? = nil
    ) throws(Fault) {
        var generator = TransactionGenerator(options)
        try write(&generator, lines: lines, labels: labels, rate: rate)
    }

    package static func run(
        _ options: OrderGenerator.Options, lines: Int32, labels: Int32?, rate: Double? = nil
    ) throws(Fault) {
        var generator = OrderGenerator(options)
        try write(&generator, lines: lines, labels: labels, rate: rate)
    }

    private static func write<Generator: LineGenerator & ~Copyable>(
        _ generator: inout Generator, lines: Int32, labels: Int32?, rate: Double?
    ) throws(Fault) {
        var output = Output(lines: lines, labels: labels)
        output.labelBuffer.write(generator.labelHeader)
        let start = MonotonicClock.seconds
        var written = 0.0
        while true {
            let due = rate.map { ((MonotonicClock.seconds - start) * $0).rounded(.down) } ?? .infinity
            while written < due, output.lineBuffer.count < blockBytes {
                output.reserve(longestLine)
                guard generator.writeNext(into: &output.lineBuffer, labels: &output.labelBuffer) else {
                    return try output.flush()
                }
                written += 1
            }
            try output.flush()
            if written >= due { usleep(stepMicroseconds) }
        }
    }

    /// Where lines and labels go, with the bytes not written yet.
    private struct Output: ~Copyable {
        var lineBuffer = OutputBuffer(capacity: blockBytes * 2)
        var labelBuffer = OutputBuffer()
        private var lineSink: OutputSink
        private var labelSink: OutputSink?

        init(lines: Int32, labels: Int32?) {
            lineSink = OutputSink(descriptor: lines)
            labelSink = labels.map { OutputSink(descriptor: $0) }
        }

        mutating func reserve(_ room: Int) {
            lineBuffer.reserve(room)
            labelBuffer.reserve(room)
        }

        mutating func flush() throws(Fault) {
            do throws(OutputSink.Fault) {
                try lineSink.write(lineBuffer.bytes)
            } catch {
                switch error {
                case .closed: throw .closed
                case .failed(let number): throw .linesFailed(errorNumber: number)
                }
            }
            do throws(OutputSink.Fault) {
                try labelSink?.write(labelBuffer.bytes)
            } catch {
                throw .labelsFailed(errorNumber: error.errorNumber)
            }
            lineBuffer.removeAll()
            labelBuffer.removeAll()
        }
    }
}
