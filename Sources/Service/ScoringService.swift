import Assay
import AssayCore
import StateStore
import Synchronization

/// Scoring for those who wait: the input, the output and the ledger of a run that answers requests.
///
/// @unchecked Sendable: what is set when a run begins is set by the thread that prepares it, before the run's threads
/// exist; everything else guards itself.
package final class ScoringService: @unchecked Sendable {
    package struct Options: Sendable {
        package var folder: String
        package var isDurable = true
        package var journalKeepSeconds: Int64 = 7 * 86_400
        package var answersKeepSeconds: Int64 = 86_400
        package var answersMost = 1_000_000
        /// Where rejected lines are appended, if anywhere.
        package var rejects: String?

        package init(folder: String) {
            self.folder = folder
        }
    }

    let options: Options
    let driver: HTTPDriver
    let intake: Intake
    let figures = JournalFigures()
    private let replayedBatches = Atomic<UInt64>(0)
    private var present: Answers?
    private var start: JournalStart?
    private var source: RequestSource?
    /// The configuration of the checkpoint that the run goes on from.
    package var recordedConfiguration: String?
    /// Whether labels are taken.
    package var learns = false
    /// Asks the thread that owns the state, which answers between two batches. Nobody asks after the end of the run.
    package var ask: @Sendable (@escaping @Sendable (borrowing ScoringStage) -> Void) -> Void = { _ in }
    /// The same, for a thread that may be waiting for requests.
    func question(_ question: @escaping @Sendable (borrowing ScoringStage) -> Void) {
        ask(question)
        intake.call()
    }

    /// Is shown each assessment that somebody gets.
    var review: (RiskAssessment, UnsafeBufferPointer<UInt8>) -> Void = { _, _ in }

    package init(_ options: Options) {
        self.options = options
        driver = HTTPDriver()
        intake = Intake(driver)
    }

    var journalFolder: SegmentFolder { SegmentFolder(path: "\(options.folder)/journal", suffix: ".jsonl") }
    var answerFolder: SegmentFolder { SegmentFolder(path: "\(options.folder)/answers", suffix: ".answers") }

    var answers: Answers {
        guard let present else { preconditionFailure("a run has begun") }
        return present
    }

    /// Nil before a run has begun.
    var answersIfOpen: Answers? { present }

    var replayed: UInt64 { replayedBatches.load(ordering: .acquiring) }

    /// The configuration that holds from the next line on.
    package func want(_ configuration: String) { intake.want(configuration) }

    // MARK: The parts of a run

    package var input: NamedInput { NamedInput(name: NamedInput.onlyName, Requests(service: self)) }

    package var output: NamedOutput { NamedOutput(stream: "answers", AnswerOutput(service: self), columns: nil) }

    package var ledger: any LedgerDefinition { JournalLedger(service: self) }

    fileprivate func openSource(_ position: SourcePosition, _ present: String?, _ reading: SourceReading)
        -> RequestSource
    {
        guard let start else { preconditionFailure("the journal was opened") }
        let opened = RequestSource(self, start, position: position, present: present, reading)
        source = opened
        return opened
    }

    fileprivate func openAnswers(length: UInt64) throws(RunFailure) -> AnswerSink {
        try answerFolder.make()
        var limits = Answers.Limits()
        limits.keepSeconds = UInt32(clamping: options.answersKeepSeconds)
        limits.most = options.answersMost
        let opened = try Answers(AnswerLog(answerFolder, length: length), journal: journalFolder, limits)
        present = opened
        var rejects: RejectFile?
        if let path = options.rejects { rejects = try RejectFile(path) }
        return AnswerSink(
            opened, path: answerFolder.path, rejects: rejects, review: { [self] in review($0, $1) },
            replayed: { [self] in replayedBatches.wrappingAdd(1, ordering: .releasing) })
    }

    fileprivate func openJournal(_ recorded: CheckpointRecord.Output?) throws(RunFailure) -> Journal {
        try journalFolder.make()
        let start = try JournalStart(journalFolder, recorded)
        self.start = start
        return try Journal(
            journalFolder, start: start, isDurable: options.isDurable,
            keepSeconds: max(options.journalKeepSeconds, options.answersKeepSeconds), figures)
    }

    func write(into page: inout MetricsPage) {
        present?.write(into: &page)
        figures.write(into: &page)
    }

    /// The run has ended: whoever still waits is told so.
    package func end() {
        intake.end()
        source?.abandon()
        present?.abandon()
    }
}

/// Requests as an input.
private struct Requests: SourceDefinition {
    let service: ScoringService

    var path: String { "http" }
    var format: InputFormat { .jsonl }
    var isEndless: Bool { true }
    var file: String? { nil }

    func find(
        _ recorded: CheckpointRecord.Input?, _ opening: SourceOpening
    ) throws(RunFailure) -> any FoundSource {
        FoundRequests(service, recorded)
    }
}

private final class FoundRequests: FoundSource {
    private let service: ScoringService
    let finding: InputFinding
    let position: SourcePosition
    let csvHeader: [UInt8] = []
    let isFinished = false
    let wasInterrupted = false
    let totalBytes: UInt64? = nil

    init(_ service: ScoringService, _ recorded: CheckpointRecord.Input?) {
        self.service = service
        finding = recorded == nil ? .first : .same
        position = SourcePosition(offset: recorded?.offset ?? 0, line: recorded?.line ?? 0)
    }

    var place: String { "its journal" }

    func open(_ reading: SourceReading) -> any Source {
        service.openSource(position, service.recordedConfiguration, reading)
    }
}

/// Those who wait as an output.
private struct AnswerOutput: OutputDefinition {
    let service: ScoringService

    var form: RowForm { .json }
    var title: String { "answers" }
    func name(of stream: String) -> String { AnswerLog.name }
    func claim(in folder: String) -> OutputClaim? { nil }

    func check(
        _ columns: [StreamColumn]?, of stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError) {}

    func plan(_ situation: OutputSituation) throws(RunFailure) -> any PlannedOutput {
        PlannedAnswers(
            service: service,
            length: situation.isFresh || situation.finding == .first ? 0 : situation.recorded?.length ?? 0)
    }
}

private struct PlannedAnswers: PlannedOutput {
    let service: ScoringService
    let length: UInt64

    var isStream: Bool { false }
    var notice: String? { nil }

    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink {
        try service.openAnswers(length: length)
    }
}

/// The journal as a ledger.
private struct JournalLedger: LedgerDefinition {
    let service: ScoringService

    var name: String { Journal.name }

    func open(_ recorded: CheckpointRecord.Output?) throws(RunFailure) -> any Ledger {
        try service.openJournal(recorded)
    }
}
