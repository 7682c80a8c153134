import Glibc
import StateStore

/// The last stage of a pipeline: rows into their sinks, and lines that could not be events to where those go.
final class RowOutputStage {
    private let sinks: [any RowSink]
    private var rejects: OutputSink?
    private let rejectsOutput: OpenedOutput?
    private let encoder = RejectEncoder()
    private let report: @Sendable (PipelineRun.Report) -> Void
    private var reported = 0

    /// So many rejected lines are reported one by one.
    private static let mostReported = 10

    init(_ preparation: borrowing PipelinePreparation, _ report: @escaping @Sendable (PipelineRun.Report) -> Void) {
        sinks = preparation.sinks
        rejectsOutput = preparation.rejects
        rejects = preparation.rejects.map { OutputSink(descriptor: $0.descriptor, length: $0.length) }
        self.report = report
    }

    /// How the outputs stand before anything is written.
    func begin() throws(RunFailure) -> [CheckpointRecord.Output] {
        do throws(PipelineError) {
            return try settle(isLast: false)
        } catch {
            switch error {
            case .outputFailed(let fault): throw RunFailure(.inputOutput, fault.message)
            case .rejectsFailed(let number):
                throw RunFailure(.inputOutput, "cannot write the rejects: \(String(cString: strerror(number)))")
            default: preconditionFailure("only outputs were touched")
            }
        }
    }

    func write(_ batch: EventBatch) throws(PipelineError) {
        for (buffer, sink) in zip(batch.buffers, sinks) where buffer.rows > 0 {
            buffer.format(with: batch)
            try guarded { () throws(SinkFault) in try sink.write(buffer) }
        }
        for reject in batch.rejects { write(reject, batch) }
        guard batch.rejectLines.count > 0 else { return }
        do throws(OutputSink.Fault) {
            try rejects?.write(batch.rejectLines.bytes)
        } catch {
            throw .rejectsFailed(errorNumber: error.errorNumber)
        }
    }

    private func write(_ reject: Reject, _ batch: EventBatch) {
        if rejects != nil { return encoder.encode(reject, text: batch.text, into: &batch.rejectLines) }
        guard reported < Self.mostReported else { return }
        report(.rejected(RejectedLine(reject, text: batch.text)))
        reported += 1
    }

    private func guarded(_ body: () throws(SinkFault) -> Void) throws(PipelineError) {
        do throws(SinkFault) {
            try body()
        } catch {
            throw .outputFailed(error)
        }
    }

    // MARK: What is held back

    /// When something is held back too long.
    var due: Double { sinks.reduce(.infinity) { min($0, $1.due) } }

    func flushDue() throws(PipelineError) {
        let now = MonotonicClock.seconds
        for sink in sinks where sink.due <= now { try guarded { () throws(SinkFault) in try sink.flush() } }
    }

    // MARK: Checkpoints

    func settle(isLast: Bool) throws(PipelineError) -> [CheckpointRecord.Output] {
        var outputs: [CheckpointRecord.Output] = []
        for sink in sinks {
            try guarded { () throws(SinkFault) in
                if let output = try sink.settle(isLast: isLast) { outputs.append(output) }
            }
        }
        if let rejectsOutput {
            if rejectsOutput.isRegularFile, fsync(rejectsOutput.descriptor) != 0 {
                throw .rejectsFailed(errorNumber: errno)
            }
            outputs.append(
                CheckpointRecord.Output(
                    name: PipelinePreparation.rejectsName, path: rejectsOutput.realPath, length: rejects?.length ?? 0))
        }
        // As checkpoints list them.
        return outputs.sorted { $0.name < $1.name }
    }

    func release() throws(PipelineError) {
        for sink in sinks { try guarded { () throws(SinkFault) in try sink.release() } }
    }
}
