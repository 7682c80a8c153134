import Glibc
import StateStore

/// How far the outputs have come.
struct OutputLengths: Equatable, Sendable {
    var assessments: UInt64
    var rejects: UInt64

    /// The outputs of a checkpoint, so long.
    func applied(to outputs: [CheckpointRecord.Output]) -> [CheckpointRecord.Output] {
        outputs.map { output in
            var output = output
            output.length = output.name == Preparation.rejectsName ? rejects : assessments
            return output
        }
    }
}

extension OutputSink {
    /// `isDurable`: checkpoints will want it on the disk.
    init(_ output: OpenedOutput, isDurable: Bool) {
        let isOwn = output.isRegularFile && output.descriptor != STDOUT_FILENO
        self.init(
            descriptor: output.descriptor, length: output.length,
            pathPastCache: isDurable && isOwn ? output.realPath : nil)
    }
}

/// The last stage: assessments to bytes, and the bytes out.
struct OutputStage: ~Copyable {
    private var assessments: OutputSink
    private var rejects: OutputSink?
    private var rejectsLength: UInt64
    private let assessmentEncoder: AssessmentEncoder
    private let rejectEncoder = RejectEncoder()
    private let isStrict: Bool
    private let turns: Turns
    private let report: @Sendable (ScoreRun.Report) -> Void
    private var reported = 0
    private(set) var counts = ScoreCounts()

    /// So many rejected lines are reported one by one.
    private static let mostReported = 10

    init(
        assessments: consuming OutputSink, rejects: consuming OutputSink?,
        rejectsStart: UInt64, settings: ScoringSettings, isStrict: Bool, turns: Turns,
        report: @escaping @Sendable (ScoreRun.Report) -> Void
    ) {
        self.assessments = assessments
        rejectsLength = rejectsStart
        self.rejects = rejects
        assessmentEncoder = AssessmentEncoder(settings)
        self.isStrict = isStrict
        self.turns = turns
        self.report = report
    }

    var lengths: OutputLengths {
        OutputLengths(assessments: assessments.length, rejects: rejectsLength)
    }

    /// Writes a batch; the end of it may wait for `flush`.
    mutating func write(_ batch: Batch) throws(ScoreError) {
        let firstReject = isStrict ? batch.decoded.rejects.first : nil
        var transactions = batch.decoded.transactions
        if let firstReject { transactions.removeAll { $0.lineIndex > firstReject.lineIndex } }
        do throws(OutputSink.Fault) {
            try assessments.write { buffer in
                turns.take()
                defer { turns.giveBack() }
                assessmentEncoder.encode(transactions, text: batch.text.view, scored: batch.scored, into: &buffer)
            }
        } catch {
            throw Self.failure(error)
        }
        if let firstReject {
            try flush()
            throw .badLine(RejectedLine(firstReject, text: batch.text))
        }
        try writeRejects(batch)
        counts += batch.counts
    }

    /// Writes what is held back.
    mutating func flush() throws(ScoreError) {
        do throws(OutputSink.Fault) {
            try assessments.flush()
        } catch {
            throw Self.failure(error)
        }
    }

    private static func failure(_ fault: OutputSink.Fault) -> ScoreError {
        switch fault {
        case .closed: .outputClosed
        case .failed(let number): .outputFailed(.assessments, errorNumber: number)
        }
    }

    private mutating func writeRejects(_ batch: Batch) throws(ScoreError) {
        for reject in batch.decoded.rejects {
            guard rejects != nil else {
                if reported < Self.mostReported {
                    report(.rejected(RejectedLine(reject, text: batch.text)))
                    reported += 1
                }
                continue
            }
            rejectEncoder.encode(reject, text: batch.text, into: &batch.rejects)
        }
        do throws(OutputSink.Fault) {
            try rejects?.write(batch.rejects.bytes)
            rejectsLength += UInt64(batch.rejects.bytes.count)
        } catch {
            throw .outputFailed(.rejects, errorNumber: error.errorNumber)
        }
    }
}

/// A rejected line as people are told of it.
package struct RejectedLine: Sendable, Equatable {
    package let line: UInt64
    package let offset: UInt64
    package let reason: RejectReason
    package let message: String

    init(_ reject: Reject, text: borrowing InputText) {
        line = text.firstLine + UInt64(reject.lineIndex)
        offset = text.offset + UInt64(reject.line.offset)
        reason = reject.reason
        let field = (reject.field.map { "\($0.name)" } ?? reject.fieldName).map { $0 + " " } ?? ""
        let position = reject.position.map { " at byte \($0 + 1) of the line" } ?? ""
        message = "\(field)\(reject.message)\(position)"
    }
}
