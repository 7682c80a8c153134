import AssayCore
import Glibc
import StateStore

/// A file of lines, or standard output, as an output.
package struct FileOutput: OutputDefinition {
    let target: OutputTarget
    package let form: RowForm
    /// Its name in checkpoints, if it comes from the command line.
    private let fixedName: String?
    /// What a reader that has gone did not take, for a run that only wants a checkpoint.
    private let unread: [UInt8]?

    package init(_ target: OutputTarget, form: RowForm, name: String? = nil, unread: [UInt8]? = nil) {
        self.target = target
        self.form = form
        self.unread = unread
        fixedName = name
    }

    package func name(of stream: String) -> String {
        fixedName ?? target.path.map { "file:\(stream):\($0)" } ?? "stdout"
    }

    package var title: String { target.path ?? "standard output" }

    package func claim(in folder: String) -> OutputClaim? {
        path(in: folder).map { .file($0) }
    }

    /// The folder is for the names of files of definitions.
    private func path(in folder: String) -> String? {
        target.path.map { OutputSituation.path($0, in: fixedName == nil ? folder : "") }
    }

    package func check(
        _ columns: [StreamColumn]?, of stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError) {
        switch form {
        case .csv where columns == nil: throw TableColumns.unknown("CSV", stream, fault)
        case .tagged where columns?.contains(where: { $0.name == "stream" }) == true:
            throw fault(
                "standard output names the stream of each line as 'stream', and '\(stream)' has a column of that name; "
                    + "give the column another one", nil)
        case .csv, .tagged, .json, .values, .record: return
        }
    }

    package func plan(_ situation: OutputSituation) throws(RunFailure) -> any PlannedOutput {
        let target = OutputTarget(path: path(in: situation.folder))
        // A file that the checkpoint does not have begins here.
        let recorded = situation.recorded.flatMap { FileResume($0.resume) }
        let plan = try FilePlan.of(
            target.situation(), recorded: recorded, checkpoint: situation.checkpoint,
            input: recorded == nil && (fixedName == nil || situation.isOptional) ? .first : situation.finding,
            mayOverwrite: situation.mayOverwrite, isForgotten: situation.isFresh)
        return PlannedFile(
            target: target, plan: plan, name: situation.name, isSaved: situation.isSaved,
            repeated: plan == .stream && !situation.isFresh ? recorded?.unread ?? [] : [], unread: unread,
            header: form.isCSV ? RowWriting.header(situation.columns ?? []) : [])
    }
}

/// What a run does with a file of lines.
private struct PlannedFile: PlannedOutput {
    let target: OutputTarget
    let plan: FilePlan
    let name: String
    let isSaved: Bool
    /// What the reader of an earlier run did not take.
    let repeated: [UInt8]
    let unread: [UInt8]?
    let header: [UInt8]

    var isStream: Bool { plan == .stream }

    var notice: String? {
        let situation = target.situation()
        guard case .file(let length) = plan, situation.length > length else { return nil }
        return "\(situation.name) is cut back from \(situation.length) to \(length) bytes"
    }

    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink {
        FileSink(
            try target.open(plan), name: name, label: target.path.map { "'\($0)'" } ?? "standard output",
            header: header, isSaved: isSaved, repeated: unread == nil ? repeated : [], unread: unread)
    }

    var hasUnread: Bool { unread == nil && !repeated.isEmpty }
}

/// Writes lines into a file or to standard output.
final class FileSink: RowSink {
    let name: String
    private let file: OpenedFile
    private var sink: OutputSink
    private let label: String
    /// The first line of a file, until it is written: a file must be empty until the first checkpoint has it.
    private var header: [UInt8]
    /// What the reader of an earlier run did not take, until it is written.
    private var repeated: [UInt8]
    private let givenUnread: [UInt8]?
    private let isPipe: Bool
    /// After the last rows that were written whole.
    private var wholeLength: UInt64
    /// When what is held back is to be written.
    private(set) var due = Double.infinity

    /// Lines that nobody waits for are held back at most this long.
    private static let holdSeconds = 0.25

    init(
        _ file: OpenedFile, name: String, label: String, header: [UInt8] = [], isSaved: Bool, repeated: [UInt8] = [],
        unread: [UInt8]? = nil
    ) {
        self.file = file
        self.name = name
        self.label = label
        let isOwn = file.isRegularFile && file.descriptor != STDOUT_FILENO
        sink = OutputSink(
            descriptor: file.descriptor, length: file.length,
            // Checkpoints need it on the disk.
            pathPastCache: isSaved && isOwn ? file.realPath : nil, remembersTail: isSaved && !file.isRegularFile)
        isPipe = isSaved && !file.isRegularFile
        self.repeated = repeated
        givenUnread = unread
        wholeLength = file.length
        self.header = file.length == 0 ? header : []
    }

    private func guarded(_ body: (inout OutputSink) throws(OutputSink.Fault) -> Void) throws(SinkFault) {
        do throws(OutputSink.Fault) {
            try body(&sink)
        } catch {
            switch error {
            case .closed: throw SinkFault(sink: label, reason: .closed)
            case .failed(let number): throw SinkFault(sink: label, reason: .failed(errorNumber: number))
            }
        }
    }

    /// Writes bytes that are there once, and forgets them.
    private func writeOut(_ once: inout [UInt8]) throws(SinkFault) {
        guard !once.isEmpty else { return }
        let bytes = once
        once = []
        try guarded { sink throws(OutputSink.Fault) in
            try sink.write { buffer in
                buffer.reserve(bytes.count)
                bytes.withUnsafeBufferPointer { buffer.write($0) }
            }
        }
        wholeLength = sink.length
    }

    /// What a reader that has gone did not take of the rows that were written whole.
    var unread: [UInt8] { sink.unread(upTo: wholeLength) }

    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault) {
        if !header.isEmpty { try writeOut(&header) }
        if !repeated.isEmpty { try writeOut(&repeated) }
        var rows: UInt64 = 0
        try guarded { sink throws(OutputSink.Fault) in try sink.write { rows = fill(&$0) } }
        wholeLength = sink.length
        if rows > 0, due == .infinity, sink.holds { due = MonotonicClock.seconds + Self.holdSeconds }
    }

    var isImmediate: Bool { true }

    func flush() throws(SinkFault) {
        due = .infinity
        try guarded { sink throws(OutputSink.Fault) in try sink.flush() }
    }

    func settle(isLast: Bool) throws(SinkFault) -> SettledSink {
        // A file without rows has a header too.
        if isLast { try writeOut(&header) }
        try writeOut(&repeated)
        try flush()
        if isLast, isPipe { sink.drain() }
        let unread = givenUnread ?? (isPipe ? sink.unread(upTo: wholeLength) : [])
        let resume = FileResume(path: file.realPath, length: sink.length, unread: unread)
        return SettledSink(
            CheckpointRecord.Output(name: name, path: file.realPath, length: sink.length, resume: resume.bytes),
            unsynced: file.isRegularFile ? file.descriptor : nil)
    }

    func release() throws(SinkFault) {}
}

/// Files of JSON lines and of CSV.
package struct FileOutputKind: OutputKind {
    private let key: String

    package static let jsonLines = FileOutputKind(key: "jsonl")
    package static let csv = FileOutputKind(key: "csv")

    package var form: String { "{\(key): FILE}" }

    package func read(
        _ node: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> (any OutputDefinition)? {
        guard case .map = node.content else { return nil }
        var members = try YAMLMembers(node, name, path: path)
        guard let file = members.take(key) else { return nil }
        let target = OutputTarget(path: try members.text(file, key).text)
        var form = RowForm.json
        if key == "csv" {
            let safe = members.take("safe")
            form = .csv(
                isSafe: try safe.map { node throws(ConfigurationError) in try members.truth(node, "safe") } ?? false)
        }
        try members.finish()
        return FileOutput(target, form: form)
    }
}
