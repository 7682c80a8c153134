import Arguments
import AssayCore
import CivilTime
import Glibc
import StateStore

/// A table of a SQLite database.
struct TableSettings: Sendable {
    var path: String
    var table: String
    var indexes: [SourceText] = []
    /// Whether rows from elsewhere stay.
    var appends = false
}

/// A table as an output.
struct TableOutput: OutputDefinition {
    let settings: TableSettings

    var form: RowForm { .values }

    func name(of stream: String) -> String { "table:\(settings.path):\(settings.table)" }

    var title: String { "table \(settings.table) of \(settings.path)" }

    func claim(in folder: String) -> OutputClaim? {
        .table(settings.table, database: OutputSituation.path(settings.path, in: folder))
    }

    func check(
        _ columns: [StreamColumn]?, of stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError) {
        try TableColumns.check(columns, naming: settings.indexes, of: stream, fault)
    }

    func plan(_ situation: OutputSituation) throws(RunFailure) -> any PlannedOutput {
        let path = situation.path(settings.path)
        let columns = situation.columns ?? []
        let resume = situation.recorded.flatMap { DeliveryResume($0.resume) }
        var delivered: Int64?
        var isEmpty = true
        if access(path, F_OK) == 0 {
            do throws(StoreError) {
                let store = try TableStore(path: path)
                try check(store, columns)
                if try !store.columns(of: settings.table).isEmpty {
                    isEmpty = try !store.hasRows(settings.table)
                    if let resume { delivered = try store.delivered(resume.delivery) }
                }
            } catch {
                throw RunFailure(.inputOutput, "the database '\(path)' cannot be used, \(error.description)")
            }
        }
        return PlannedTable(
            settings: settings, path: path, name: situation.name, columns: columns,
            delivery: try DeliveryPlan.of(
                situation, resume: resume, delivered: delivered, isEmpty: isEmpty, appends: settings.appends,
                title: "table '\(settings.table)' of '\(path)'"),
            zone: situation.zone)
    }

    private func check(_ store: TableStore, _ columns: [StreamColumn]) throws(StoreError) {
        let present = try store.columns(of: settings.table)
        guard !present.isEmpty else { return }
        for column in TableSink.columnNames(columns)
        where !present.contains(where: { $0.lowercased() == column.lowercased() }) {
            throw StoreError(
                .inputOutput, "checking table '\(settings.table)'",
                "it has no column '\(column)'; add one, or name another table")
        }
    }
}

/// What a run does with a table.
private struct PlannedTable: PlannedOutput {
    let settings: TableSettings
    let path: String
    let name: String
    let columns: [StreamColumn]
    let delivery: DeliveryPlan
    let zone: TimeZoneRules

    var isStream: Bool { false }
    var notice: String? { nil }

    /// Tables of one database share a connection, and so a transaction.
    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink {
        do throws(StoreError) {
            let key = "sqlite:\(path)"
            let opened = shared[key] as? TableStore
            let store: TableStore
            if let opened { store = opened } else { store = try TableStore(path: path) }
            shared[key] = store
            try store.createTable(
                settings.table, columns: TableSink.declarations(columns), indexes: settings.indexes.map(\.text))
            if delivery.clears { try store.clear(settings.table) }
            return try TableSink(
                store, settings, columns: columns, values: ValueEncoder(zone), name: name,
                path: OutputTarget.realPath(path), delivery: delivery.resume.delivery,
                made: delivery.resume.rows, delivered: delivery.delivered)
        } catch {
            throw RunFailure(.inputOutput, "the database '\(path)' cannot be used, \(error.description)")
        }
    }
}

/// Tables of SQLite.
package struct TableOutputKind: OutputKind {
    package init() {}

    package var form: String { "{sqlite: FILE, table: NAME}" }

    package func read(
        _ node: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> (any OutputDefinition)? {
        guard case .map = node.content else { return nil }
        var members = try YAMLMembers(node, name, path: path)
        guard let file = members.take("sqlite") else { return nil }
        let database = try members.text(file, "sqlite").text
        let table = try members.text(try members.require("table"), "table")
        guard PipelineName.isName(table.text), !table.text.lowercased().hasPrefix("sqlite_"),
            table.text.lowercased() != TableStore.deliveries
        else {
            throw members.fault(
                "a table's name has only letters, digits and _ and is none of SQLite's or our own, unlike "
                    + "'\(table.text)'", table.position)
        }
        var settings = TableSettings(path: database, table: table.text)
        if let indexes = members.take("indexes") {
            for element in try members.elements(indexes, "indexes") {
                settings.indexes.append(try members.text(element, "indexes"))
            }
        }
        if let appends = members.take("append") { settings.appends = try members.truth(appends, "append") }
        try members.finish()
        return TableOutput(settings: settings)
    }
}
