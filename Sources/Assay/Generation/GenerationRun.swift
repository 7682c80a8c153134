/// Writes a generated stream and its labels to files or pipes.
package enum GenerationRun {
    package enum Fault: Error, Equatable {
        /// Nobody reads any more.
        case closed
        case linesFailed(errorNumber: Int32)
        case labelsFailed(errorNumber: Int32)
    }

    private static let blockBytes = 1 << 18

    package static func run(
        _ options: TransactionGenerator.Options, lines: Int32, labels: Int32?
    ) throws(Fault) {
        var generator = TransactionGenerator(options)
        var lineSink = OutputSink(descriptor: lines)
        var labelSink = labels.map { OutputSink(descriptor: $0) }
        var lineBuffer = OutputBuffer(capacity: blockBytes * 2)
        var labelBuffer = OutputBuffer()
        labelBuffer.write("transaction_id,label\n")
        var hasMore = true
        while hasMore {
            hasMore = generator.write(blockBytes, into: &lineBuffer, labels: &labelBuffer)
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
