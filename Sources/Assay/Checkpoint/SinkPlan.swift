import CivilTime
import Glibc
import StateStore

/// What a run of a pipeline does with one of its outputs, decided before anything is touched.
struct SinkPlan {
    private enum Action {
        case file(OutputTarget, OutputPlan, header: [UInt8])
        /// The first part to write, and how much of it there is.
        case parts(PipelineDefinition.PartSettings, folder: String, number: Int, length: Int64, clears: Bool)
        case table(PipelineDefinition.TableSettings, path: String, TableDelivery)
    }

    /// What is known of a table before rows are put into it.
    private struct TableDelivery {
        let id: String
        /// Rows that the state has made for it, and how many of them it has.
        let made: Int64
        let delivered: Int64
        let clears: Bool
    }

    /// Among the outputs of checkpoints.
    let name: String
    private let output: StreamOutput
    private let action: Action
    /// Something for people to know.
    let notice: String?

    /// What is written there can't be taken back.
    var isStream: Bool { if case .file(_, .stream, _) = action { true } else { false } }

    /// What a plan is made from.
    struct Situation {
        /// The last checkpoint, also one that is to be forgotten.
        let known: CheckpointRecord?
        let input: OutputPlan.InputFinding
        let mayOverwrite: Bool
        let isFresh: Bool
        /// In front of names that are not absolute.
        let folder: String

        func path(_ name: String) -> String {
            name.hasPrefix("/") || folder.isEmpty ? name : "\(folder)/\(name)"
        }

        func recorded(_ name: String) -> CheckpointRecord.Output? { known?.outputs.first { $0.name == name } }
    }

    /// The file or folder that it goes to, nil for standard output.
    static func path(_ output: StreamOutput, _ situation: Situation) -> String? {
        switch output.target {
        case .standardOutput: nil
        case .file(let path, _): situation.path(path)
        case .parts(let parts): situation.path(parts.folder)
        case .table(let table): situation.path(table.path)
        }
    }

    static let standardOutputName = "stdout"

    init(_ output: StreamOutput, _ situation: Situation) throws(RunFailure) {
        self.output = output
        switch output.target {
        case .standardOutput:
            name = Self.standardOutputName
            let target = OutputTarget(path: nil)
            let plan = try Self.plan(target, name, situation)
            action = .file(target, plan, header: [])
            notice = Preparation.cutNotice(target, plan)
        case .file(let path, _):
            name = "file:\(output.stream):\(path)"
            let target = OutputTarget(path: situation.path(path))
            let plan = try Self.plan(target, name, situation)
            action = .file(target, plan, header: RowWriting.header(output))
            notice = Preparation.cutNotice(target, plan)
        case .parts(let settings):
            name = "parts:\(output.stream):\(settings.folder)"
            action = try Self.plan(settings, name, situation)
            notice = nil
        case .table(let settings):
            name = "table:\(settings.path):\(settings.table)"
            action = try Self.plan(settings, name, output, situation)
            notice = nil
        }
    }

    // MARK: Files

    private static func plan(
        _ target: OutputTarget, _ name: String, _ situation: Situation
    ) throws(RunFailure) -> OutputPlan {
        // One that the checkpoint does not know begins here.
        let recorded = situation.recorded(name)
        return try OutputPlan.of(
            target.situation(), recorded: recorded, checkpoint: situation.known?.id ?? 0,
            input: recorded == nil ? .first : situation.input, mayOverwrite: situation.mayOverwrite,
            isForgotten: situation.isFresh)
    }

    // MARK: Parts

    private static func plan(
        _ settings: PipelineDefinition.PartSettings, _ name: String, _ situation: Situation
    ) throws(RunFailure) -> Action {
        let folder = situation.path(settings.folder)
        let names = PartSink.Names(folder: folder, format: settings.format)
        let present = files(in: folder).compactMap(names.number)
        guard let recorded = situation.recorded(name), !recorded.path.isEmpty,
            let file = recorded.path.split(separator: "/").last, let number = names.number(String(file))?.number
        else {
            guard present.isEmpty || situation.mayOverwrite else {
                throw RunFailure(
                    .cannotCreate,
                    "'\(folder)' has parts of another run; remove them, or start them over with --overwrite")
            }
            return .parts(settings, folder: folder, number: 0, length: 0, clears: true)
        }
        if situation.isFresh { return .parts(settings, folder: folder, number: 0, length: 0, clears: true) }
        if let later = present.first(where: { $0.isFinished && $0.number >= number }) {
            throw RunFailure(
                .badData,
                "'\(names.finished(later.number))' is there, which checkpoint \(situation.known?.id ?? 0) does not "
                    + "know; remove it, or start over with --fresh")
        }
        return .parts(settings, folder: folder, number: number, length: Int64(recorded.length), clears: false)
    }

    private static func files(in folder: String) -> [String] {
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

    /// Parts that are complete get their names, those behind the checkpoint go.
    private func openParts(
        _ settings: PipelineDefinition.PartSettings, _ folder: String, _ number: Int, _ length: Int64, _ clears: Bool,
        isSaved: Bool
    ) throws(RunFailure) -> PartSink {
        let people = "the parts in '\(folder)'"
        func failure() -> RunFailure {
            RunFailure(.inputOutput, "cannot write \(people): \(String(cString: strerror(errno)))")
        }
        if mkdir(folder, 0o755) != 0, errno != EEXIST {
            throw RunFailure(.cannotCreate, "cannot create the folder '\(folder)': \(String(cString: strerror(errno)))")
        }
        let names = PartSink.Names(folder: folder, format: settings.format)
        for file in Self.files(in: folder) {
            guard let part = names.number(file) else { continue }
            if clears || (!part.isFinished && part.number > number) || (part.number == number && length == 0) {
                guard unlink("\(folder)/\(file)") == 0 else { throw failure() }
            } else if !part.isFinished, part.number < number {
                guard rename("\(folder)/\(file)", names.finished(part.number)) == 0 else { throw failure() }
            }
        }
        let sink = PartSink(
            settings, folder: folder, name: name, people: people, header: RowWriting.header(output), number: number,
            isSaved: isSaved)
        do throws(SinkFault) {
            try sink.resume(length: length)
        } catch {
            throw RunFailure(.badData, "\(error.message); bring that part back, or start over with --fresh")
        }
        return sink
    }

    // MARK: Tables

    private static func plan(
        _ settings: PipelineDefinition.TableSettings, _ name: String, _ output: StreamOutput,
        _ situation: Situation
    ) throws(RunFailure) -> Action {
        let path = situation.path(settings.path)
        let isThere = access(path, F_OK) == 0
        var delivered: Int64?
        var isEmpty = true
        let recorded = situation.recorded(name).flatMap { recorded -> (id: String, rows: Int64)? in
            let parts = recorded.path.split(separator: "?", maxSplits: 1)
            guard parts.count == 2, "?\(parts[1])".hasPrefix(TableSink.deliveryMark) else { return nil }
            let id = String(parts[1].dropFirst(TableSink.deliveryMark.utf8.count - 1))
            return (id, Int64(recorded.length))
        }
        if isThere {
            do throws(StoreError) {
                let store = try TableStore(path: path)
                try check(store, settings, output)
                if try !store.columns(of: settings.table).isEmpty {
                    isEmpty = try !store.hasRows(settings.table)
                    if let recorded { delivered = try store.delivered(recorded.id) }
                }
            } catch {
                throw RunFailure(.inputOutput, "the database '\(path)' cannot be used, \(error.description)")
            }
        }
        if let recorded, !situation.isFresh {
            guard let delivered = delivered ?? (recorded.rows == 0 ? 0 : nil), delivered >= recorded.rows else {
                throw RunFailure(
                    .badData,
                    "table '\(settings.table)' of '\(path)' is not as checkpoint \(situation.known?.id ?? 0) left it; "
                        + "bring that database back, or start over with --fresh")
            }
            return .table(
                settings, path: path,
                TableDelivery(id: recorded.id, made: recorded.rows, delivered: delivered, clears: false))
        }
        let isOwn = situation.isFresh && delivered != nil
        guard isEmpty || settings.appends || isOwn || situation.mayOverwrite else {
            throw RunFailure(
                .cannotCreate,
                "table '\(settings.table)' of '\(path)' has rows; say 'append: true' for it, or start it over with "
                    + "--overwrite")
        }
        return .table(
            settings, path: path,
            TableDelivery(id: newID(), made: 0, delivered: 0, clears: !isEmpty && !settings.appends))
    }

    private static func newID() -> String { String(UInt64.random(in: 1...UInt64.max), radix: 36) }

    private static func check(
        _ store: TableStore, _ settings: PipelineDefinition.TableSettings, _ output: StreamOutput
    ) throws(StoreError) {
        let present = try store.columns(of: settings.table)
        guard !present.isEmpty else { return }
        for column in TableSink.columnNames(output.columns ?? [])
        where !present.contains(where: { $0.lowercased() == column.lowercased() }) {
            throw StoreError(
                .inputOutput, "looking at table '\(settings.table)'",
                "it has no column '\(column)'; add one, or name another table")
        }
    }

    // MARK: Acting

    /// `stores`: databases that are open already, by path.
    func open(
        isSaved: Bool, zone: TimeZoneRules, stores: inout [String: TableStore]
    ) throws(RunFailure) -> any RowSink {
        switch action {
        case .file(let target, let plan, let header):
            return FileSink(
                try target.open(plan), name: name, people: target.path.map { "'\($0)'" } ?? "standard output",
                header: header)
        case .parts(let settings, let folder, let number, let length, let clears):
            return try openParts(settings, folder, number, length, clears, isSaved: isSaved)
        case .table(let settings, let path, let delivery):
            do throws(StoreError) {
                if stores[path] == nil { stores[path] = try TableStore(path: path) }
                guard let store = stores[path] else { preconditionFailure("it was opened") }
                return try openTable(settings, path, delivery, store, zone)
            } catch {
                throw RunFailure(.inputOutput, "the database '\(path)' cannot be used, \(error.description)")
            }
        }
    }

    private func openTable(
        _ settings: PipelineDefinition.TableSettings, _ path: String, _ delivery: TableDelivery, _ store: TableStore,
        _ zone: TimeZoneRules
    ) throws(StoreError) -> TableSink {
        let columns = output.columns ?? []
        try store.createTable(
            settings.table, columns: TableSink.declarations(columns), indexes: settings.indexes.map(\.text))
        if delivery.clears { try store.clear(settings.table) }
        return try TableSink(
            store, settings, columns: columns, values: ValueEncoder(zone), name: name,
            path: OutputTarget.realPath(path), delivery: delivery.id, made: delivery.made,
            delivered: delivery.delivered)
    }
}
