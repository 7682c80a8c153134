import Glibc

/// What ended a run before its input ended.
package enum ScoreError: Error, Equatable {
    package enum Output: Sendable {
        case assessments, rejects
    }
    case inputFailed(errorNumber: Int32)
    case outputFailed(Output, errorNumber: Int32)
    /// Whoever read the assessments has gone.
    case outputClosed
    /// The first rejected line, when rejected lines are not to be had.
    case badLine(RejectedLine)
}

/// Scores one input from beginning to end.
package struct ScoreRun: ~Copyable {
    /// What a run is made of. The descriptors stay the caller's.
    package struct Parts {
        package var settings = ScoringSettings()
        package var zone = TimeZoneRules.utc
        package var fields = FieldNames.standard
        package var format = InputFormat.jsonl
        package var input: Int32 = STDIN_FILENO
        package var output: Int32 = STDOUT_FILENO
        package var rejects: Int32?
        /// Becomes readable when the run shall end with what it has read.
        package var interruption: Int32 = -1
        package var waitsForGrowth = false
        package var isStrict = false
        /// Told of the first rejected lines, when they are written nowhere.
        package var report: @Sendable (RejectedLine) -> Void = { _ in }
        /// Told of every batch: what the run has done so far, and the bytes of input behind it.
        package var progress: (ScoreCounts, _ bytes: UInt64) -> Void = { _, _ in }

        package init() {}
    }

    private var input: InputStage
    private var scoring: ScoringStage
    private var output: OutputStage
    private let interruption: Int32
    private let progress: (ScoreCounts, UInt64) -> Void

    package init(_ parts: Parts) {
        input = InputStage(
            reader: LineReader(
                descriptor: parts.input, interruption: parts.interruption, waitsForGrowth: parts.waitsForGrowth,
                position: InputPosition()),
            decoder: TransactionDecoder(format: parts.format, fields: parts.fields, zone: parts.zone))
        scoring = ScoringStage(function: FraudDetection(settings: parts.settings, zone: parts.zone))
        output = OutputStage(
            assessments: OutputSink(descriptor: parts.output),
            rejects: parts.rejects.map { OutputSink(descriptor: $0) }, settings: parts.settings,
            isStrict: parts.isStrict, report: parts.report)
        interruption = parts.interruption
        progress = parts.progress
    }

    /// What the run has written about so far, also after an error.
    package var counts: ScoreCounts { output.counts }

    package var userCount: Int { scoring.userCount }

    package mutating func run() throws(ScoreError) {
        let batch = Batch()
        while !isInterrupted {
            batch.reset()
            let outcome: LineReader.Outcome
            do throws(InputError) {
                outcome = try input.fill(batch)
            } catch {
                throw .inputFailed(errorNumber: error.errorNumber)
            }
            guard outcome == .lines else { return }
            scoring.score(batch)
            try output.write(batch)
            progress(output.counts, batch.text.endOffset)
        }
    }

    private var isInterrupted: Bool {
        guard interruption >= 0 else { return false }
        var event = pollfd(fd: interruption, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, 0) > 0
    }
}
