import Glibc
import StateStore

/// Why rows could not be put where they go.
package struct SinkFault: Error, Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        /// Nobody reads any more.
        case closed
        case failed(errorNumber: Int32)
        case store(String)
    }

    /// For people.
    package let sink: String
    package let reason: Reason

    package var message: String {
        switch reason {
        case .closed: "nobody reads \(sink) any more"
        case .failed(let number): "cannot write \(sink): \(String(cString: strerror(number)))"
        case .store(let description): "cannot write \(sink): \(description)"
        }
    }
}

/// Where the rows of some streams go. It belongs to the thread that writes.
protocol RowSink: AnyObject {
    func write(_ rows: RowBuffer) throws(SinkFault)

    /// When something is to be done although no rows came, of the monotonic clock.
    var due: Double { get }

    /// Holds nothing back: what was written can be seen.
    func flush() throws(SinkFault)

    /// Makes everything written so far durable, and tells what a checkpoint has to know to go on from here.
    func settle(isLast: Bool) throws(SinkFault) -> CheckpointRecord.Output?

    /// The checkpoint that everything settled last belongs to is durable.
    func release() throws(SinkFault)
}

/// A file of lines, or standard output.
final class FileSink: RowSink {
    private let name: String
    private let output: OpenedOutput
    private var sink: OutputSink
    private let people: String
    /// The first line of a file, as long as it is not written: until the first checkpoint knows of a file, nothing may
    /// be in it.
    private var header: [UInt8]

    init(_ output: OpenedOutput, name: String, people: String, header: [UInt8]) {
        self.output = output
        self.name = name
        self.people = people
        sink = OutputSink(descriptor: output.descriptor, length: output.length)
        self.header = output.length == 0 ? header : []
    }

    private func writeHeader() throws(SinkFault) {
        guard !header.isEmpty else { return }
        do throws(OutputSink.Fault) {
            try header.withUnsafeBufferPointer { bytes throws(OutputSink.Fault) in
                try sink.write(UnsafeRawBufferPointer(bytes))
            }
            header = []
        } catch {
            throw fault(error)
        }
    }

    func write(_ rows: RowBuffer) throws(SinkFault) {
        try writeHeader()
        do throws(OutputSink.Fault) {
            try sink.write(rows.bytes.bytes)
        } catch {
            throw fault(error)
        }
    }

    private func fault(_ fault: OutputSink.Fault) -> SinkFault {
        switch fault {
        case .closed: SinkFault(sink: people, reason: .closed)
        case .failed(let number): SinkFault(sink: people, reason: .failed(errorNumber: number))
        }
    }

    var due: Double { .infinity }

    func flush() throws(SinkFault) {}

    func settle(isLast: Bool) throws(SinkFault) -> CheckpointRecord.Output? {
        // A file without rows has its columns too.
        if isLast { try writeHeader() }
        if output.isRegularFile, fsync(output.descriptor) != 0 {
            throw SinkFault(sink: people, reason: .failed(errorNumber: errno))
        }
        return CheckpointRecord.Output(name: name, path: output.realPath, length: sink.length)
    }

    func release() throws(SinkFault) {}
}
