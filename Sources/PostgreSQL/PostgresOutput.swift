import Arguments
import Assay
import AssayCore
import StateStore

/// A table of PostgreSQL, as an output names it.
struct PostgresSettings: Sendable {
    /// A URI or libpq's words; empty for what the environment says.
    var uri = ""
    var table: String
    var indexes: [SourceText] = []
    /// Empty for rows that are only added.
    var key: [SourceText] = []
    /// Whether rows from elsewhere stay.
    var appends = false
    var channel: String?

    /// The server and the database, for people: no password, and none of the other settings.
    var label: String {
        guard let scheme = uri.firstRange(of: "://") else {
            let words = uri.split(separator: " ").map(String.init)
            func value(_ name: String) -> String? {
                words.first { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.count + 1)) }
            }
            let place = [value("host"), value("port")].compactMap(\.self).joined(separator: ":")
            let parts = [place, value("dbname") ?? ""].filter { !$0.isEmpty }
            return parts.isEmpty ? "the default server" : parts.joined(separator: "/")
        }
        let rest = uri[scheme.upperBound...].prefix { $0 != "?" }
        return String(rest.lastIndex(of: "@").map { rest[rest.index(after: $0)...] } ?? rest)
    }
}

/// A table as an output.
struct PostgresOutput: OutputDefinition {
    let settings: PostgresSettings

    var form: RowForm { .values }

    func name(of stream: String) -> String { "postgres:\(settings.label):\(settings.table)" }

    var title: String { "table \(settings.table) of PostgreSQL at \(settings.label)" }

    func claim(in folder: String) -> OutputClaim? { .table(settings.table, database: "postgres:\(settings.label)") }

    func check(
        _ columns: [StreamColumn]?, of stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError) {
        try TableColumns.check(columns, naming: settings.indexes + settings.key, of: stream, fault)
    }

    private func table(_ columns: [StreamColumn]?, of stream: String) -> Table {
        Table(
            name: settings.table, columns: columns ?? [], isAssessments: stream == "assessments",
            key: settings.key.map(\.text), indexes: settings.indexes.map(\.text), channel: settings.channel)
    }

    func probe(_ columns: [StreamColumn]?, of stream: String, seconds: Double) throws(RunFailure) -> Bool {
        let server = Server(
            settings.uri, label: settings.label, interruption: -1, deadline: MonotonicClock.seconds + seconds)
        let table = table(columns, of: stream)
        do throws(Server.Failure) {
            try server.attempt { connection throws(DatabaseFault) in
                let found = try table.find(nil, connection)
                try table.checkRights(found, connection)
            }
        } catch {
            throw Self.failure(error, title)
        }
        return true
    }

    func plan(_ situation: OutputSituation) throws(RunFailure) -> any PlannedOutput {
        let table = table(situation.columns, of: situation.stream)
        let resume = situation.recorded.flatMap { DeliveryResume($0.resume) }
        let server = Server(settings.uri, label: settings.label, interruption: situation.interruption)
        let found: Table.Finding
        do throws(Server.Failure) {
            found = try server.attempt { connection throws(DatabaseFault) in
                try table.find(resume?.delivery, connection)
            }
        } catch {
            throw Self.failure(error, title)
        }
        let delivery = try DeliveryPlan.of(
            situation, resume: resume, delivered: found.delivered, isEmpty: found.isEmpty, appends: settings.appends,
            title: title)
        return PlannedPostgres(
            server: server, table: table, name: situation.name, delivery: delivery,
            values: ValueEncoder(situation.zone), title: title)
    }

    static func failure(_ failure: Server.Failure, _ title: String) -> RunFailure {
        switch failure {
        case .fault(let fault): RunFailure(.cannotCreate, "\(title) cannot be used: \(fault.message)")
        case .interrupted: RunFailure(.stopped, "\(title): stopped while waiting for the server")
        }
    }
}

/// What a run does with a table.
private struct PlannedPostgres: PlannedOutput {
    let server: Server
    let table: Table
    let name: String
    let delivery: DeliveryPlan
    let values: ValueEncoder
    let title: String

    var isStream: Bool { false }
    var notice: String? { nil }

    /// Tables of one server share a connection.
    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink {
        let key = "postgres:\(server.settings)"
        let server = shared[key] as? Server ?? server
        shared[key] = server
        do throws(Server.Failure) {
            try server.attempt { connection throws(DatabaseFault) in
                try table.prepare(delivery.resume.delivery, clears: delivery.clears, connection)
            }
        } catch {
            throw PostgresOutput.failure(error, title)
        }
        return PostgresSink(
            server, table, values: values, name: name, resume: delivery.resume, delivered: delivery.delivered)
    }
}

/// Tables of PostgreSQL.
package struct PostgresOutputKind: OutputKind {
    package init() {}

    package var form: String { "{postgres: {uri: URI, table: NAME}}" }

    package var key: String? { "postgres" }

    private enum Mode: String, CaseIterable {
        case append, upsert
    }

    package func read(
        _ node: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> (any OutputDefinition)? {
        guard case .map = node.content else { return nil }
        var outer = try YAMLMembers(node, name, path: path)
        guard let inner = outer.take("postgres") else { return nil }
        try outer.finish()
        var members = try YAMLMembers(inner, "'postgres'", path: path)
        let table = try members.text(try members.require("table"), "table")
        guard Self.isName(table.text) else {
            throw members.fault(
                "a table's name has only letters, digits and _, with a schema and a point before it if need be, unlike "
                    + "'\(table.text)'", table.position)
        }
        var settings = PostgresSettings(table: table.text)
        if let uri = members.take("uri") { settings.uri = try members.text(uri, "uri").text }
        if let node = members.take("indexes") { settings.indexes = try texts(node, "indexes", members) }
        if let node = members.take("primary_key") { settings.key = try texts(node, "primary_key", members) }
        var mode = Mode.append
        if let node = members.take("mode") { mode = try members.choice(node, "mode") }
        guard (mode == .upsert) == !settings.key.isEmpty else {
            throw members.fault("'mode: upsert' and 'primary_key' belong together", inner.position)
        }
        if let appends = members.take("append") { settings.appends = try members.truth(appends, "append") }
        if let channel = members.take("notify") { settings.channel = try members.text(channel, "notify").text }
        try members.finish()
        return PostgresOutput(settings: settings)
    }

    private func texts(
        _ node: YAMLNode, _ key: String, _ members: YAMLMembers
    ) throws(ConfigurationError) -> [SourceText] {
        guard case .list = node.content else { return [try members.text(node, key)] }
        var texts: [SourceText] = []
        for element in try members.elements(node, key) { texts.append(try members.text(element, key)) }
        return texts
    }

    private static func isName(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return (1...2).contains(parts.count) && text != Table.deliveries
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.count <= 63
                    && part.utf8.allSatisfy { byte in
                        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
                            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    }
            }
    }
}
