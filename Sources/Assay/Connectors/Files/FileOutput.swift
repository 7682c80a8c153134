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
