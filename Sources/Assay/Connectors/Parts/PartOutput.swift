import AssayCore
import Glibc
import StateStore

/// A folder of files, of which a new one begins now and then.
struct PartSettings: Sendable {
    enum Format: String, CaseIterable, Sendable {
        case jsonl, csv
    }

    var folder: String
    var format = Format.jsonl
    /// Of CSV: whether texts that look like formulas are marked.
    var isSafe = false
    var bytes: Int64 = 64 << 20
    var milliseconds: Int64?
    var rows: UInt64?
}

/// What a checkpoint holds of a folder of parts: the current part, and how much of it there is.
struct PartResume: Equatable {
    let number: Int
    let length: Int64

    private static let version: UInt8 = 1

    init(number: Int, length: Int64) {
        self.number = number
        self.length = length
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count == 17, bytes[0] == Self.version,
            let length = Int64(exactly: UInt64(littleEndianBytes: bytes[1...])),
            let number = Int(exactly: UInt64(littleEndianBytes: bytes[9...]))
        else { return nil }
        self.init(number: number, length: length)
    }

    var bytes: [UInt8] { [Self.version] + UInt64(length).littleEndianBytes + UInt64(number).littleEndianBytes }
}

/// Parts as an output.
struct PartOutput: OutputDefinition {
    let settings: PartSettings

    var form: RowForm { settings.format == .csv ? .csv(isSafe: settings.isSafe) : .json }

    func name(of stream: String) -> String { "parts:\(stream):\(settings.folder)" }

    var title: String { "parts in \(settings.folder)" }

    func claim(in folder: String) -> OutputClaim? { .folder(OutputSituation.path(settings.folder, in: folder)) }

    func check(
        _ columns: [StreamColumn]?, of stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError) {
        if form.isCSV, columns == nil { throw TableColumns.unknown("CSV", stream, fault) }
    }

    func plan(_ situation: OutputSituation) throws(RunFailure) -> any PlannedOutput {
        let folder = situation.path(settings.folder)
        let names = PartSink.Names(folder: folder, format: settings.format)
        let present = PlannedParts.files(in: folder).compactMap(names.number)
        func planned(_ resume: PartResume, clears: Bool) -> PlannedParts {
            PlannedParts(
                settings: settings, folder: folder, name: situation.name, resume: resume, clears: clears,
                header: form.isCSV ? RowWriting.header(situation.columns ?? []) : [], isSaved: situation.isSaved)
        }
        let beginning = PartResume(number: 0, length: 0)
        guard let recorded = situation.recorded, let resume = PartResume(recorded.resume) else {
            guard present.isEmpty || situation.mayOverwrite else {
                throw RunFailure(
                    .cannotCreate,
                    "'\(folder)' has parts of another run; remove them, or start them over with --overwrite")
            }
            return planned(beginning, clears: true)
        }
        if situation.isFresh { return planned(beginning, clears: true) }
        if let later = present.first(where: { $0.isFinished && $0.number >= resume.number }) {
            throw RunFailure(
                .badData,
                "'\(names.finished(later.number))' exists, but is unknown to checkpoint "
                    + "\(situation.checkpoint); remove it, or start over with --fresh")
        }
        return planned(resume, clears: false)
    }
}

/// What a run does with a folder of parts.
private struct PlannedParts: PlannedOutput {
    let settings: PartSettings
    let folder: String
    let name: String
    let resume: PartResume
    let clears: Bool
    let header: [UInt8]
    let isSaved: Bool

    var isStream: Bool { false }
    var notice: String? { nil }

    static func files(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names.sorted()
    }

    /// Renames complete parts, and removes those after the checkpoint.
    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink {
        let label = "the parts in '\(folder)'"
        func failure() -> RunFailure { RunFailure(.inputOutput, "cannot write \(label)", errorNumber: errno) }
        if mkdir(folder, 0o755) != 0, errno != EEXIST {
            throw RunFailure(.cannotCreate, "cannot create the folder '\(folder)'", errorNumber: errno)
        }
        let names = PartSink.Names(folder: folder, format: settings.format)
        for file in Self.files(in: folder) {
            guard let part = names.number(file) else { continue }
            let isAfter = !part.isFinished && part.number > resume.number
            if clears || isAfter || (part.number == resume.number && resume.length == 0) {
                guard unlink("\(folder)/\(file)") == 0 else { throw failure() }
            } else if !part.isFinished, part.number < resume.number {
                guard rename("\(folder)/\(file)", names.finished(part.number)) == 0 else { throw failure() }
            }
        }
        let sink = PartSink(
            settings, folder: folder, name: name, label: label, header: header, number: resume.number,
            isSaved: isSaved)
        do throws(SinkFault) {
            try sink.resume(length: resume.length)
        } catch {
            throw RunFailure(.badData, "\(error.message); restore that part, or start over with --fresh")
        }
        return sink
    }
}

/// Folders of parts.
package struct PartOutputKind: OutputKind {
    package init() {}

    package var form: String { "{parts: FOLDER}" }

    package func read(
        _ node: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> (any OutputDefinition)? {
        guard case .map = node.content else { return nil }
        var members = try YAMLMembers(node, name, path: path)
        guard let folder = members.take("parts") else { return nil }
        var parts = PartSettings(folder: try members.text(folder, "parts").text)
        if let format = members.take("format") { parts.format = try members.choice(format, "format") }
        if let safe = members.take("safe") { parts.isSafe = try members.truth(safe, "safe") }
        if let roll = members.take("roll") {
            var rolling = try YAMLMembers(roll, "'roll'", path: path)
            if let size = rolling.take("size") { parts.bytes = try rolling.bytes(size, "size") }
            if let time = rolling.take("every") { parts.milliseconds = try rolling.milliseconds(time, "every") }
            if let rows = rolling.take("count") { parts.rows = try rolling.count(rows, "count") }
            try rolling.finish()
        }
        try members.finish()
        return PartOutput(settings: parts)
    }
}
