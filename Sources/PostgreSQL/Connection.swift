import CPostgreSQL
import Glibc

/// Why a command was not carried out.
struct DatabaseFault: Error {
    let message: String
    /// Five characters; empty where no server answered.
    let state: String
    /// The same may succeed later, over another connection.
    let isPassing: Bool

    /// Of a server that goes or comes, or has no room: everything of the classes 08, 40 and 53, and these.
    private static let passing: Set<String> = ["57P01", "57P02", "57P03", "25006"]

    init(message: String, state: String, isBroken: Bool) {
        self.message = message
        self.state = state
        isPassing = isBroken || Self.passing.contains(state) || ["08", "40", "53"].contains(state.prefix(2))
    }
}

/// One connection to a server. It belongs to one thread at a time.
final class Connection {
    private let library: UnsafePointer<assay_pg>
    private let handle: OpaquePointer

    /// `settings`: a URI or libpq's words; what they lack comes from the environment and the user's password file.
    init(_ settings: String) throws(DatabaseFault) {
        var fault: UnsafePointer<CChar>?
        guard let library = assay_pg_load(&fault) else {
            let reason = fault.map { String(cString: $0) } ?? "it cannot be loaded"
            throw DatabaseFault(
                message: "PostgreSQL's library is missing (\(reason)); install libpq5", state: "", isBroken: false)
        }
        self.library = library
        guard let handle = library.pointee.connect(settings) else {
            throw DatabaseFault(message: "out of memory", state: "", isBroken: false)
        }
        self.handle = handle
        assay_pg_silence(library, handle)
        // Everything is set from here on, so that a connection that failed is given up as any other.
        guard library.pointee.status(handle) == 0 else { throw Self.refusal(Self.text(library.pointee.error(handle))) }
    }

    deinit { library.pointee.finish(handle) }

    /// libpq tells no code of a refused connection. A server that answers at all says FATAL.
    private static func refusal(_ text: String) -> DatabaseFault {
        let isAnswer = text.contains("FATAL") || text.contains("invalid") || text.contains("missing \"=\"")
        let passing = [
            "starting up", "shutting down", "recovery mode", "too many", "connection slots", "not yet accepting",
        ]
        return DatabaseFault(
            message: oneLine(text), state: "", isBroken: !isAnswer || passing.contains { text.contains($0) })
    }

    /// libpq's texts are there as long as what they belong to.
    private static func text(_ text: UnsafeMutablePointer<CChar>?) -> String { text.map { String(cString: $0) } ?? "" }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingPrefix { $0.isWhitespace } }.joined(separator: "; ")
    }

    // MARK: Commands

    /// Runs one command with bound values. Returns its rows.
    @discardableResult
    func run(_ sql: String, _ values: [String?] = []) throws(DatabaseFault) -> [[String?]] {
        let copies = values.map { $0.map { strdup($0) } ?? nil }
        defer { for copy in copies { free(copy) } }
        let pointers = copies.map { UnsafePointer($0) }
        let result = library.pointee.execute_with(handle, sql, Int32(values.count), nil, pointers, nil, nil, 0)
        return try take(result)
    }

    /// How many rows the last command has changed comes with it.
    func change(_ sql: String, _ values: [String?]) throws(DatabaseFault) -> Int {
        try run("WITH changed AS (\(sql) RETURNING 1) SELECT count(*) FROM changed", values)
            .first?.first.flatMap { $0 }.flatMap { Int($0) } ?? 0
    }

    private func take(_ result: OpaquePointer?) throws(DatabaseFault) -> [[String?]] {
        defer { library.pointee.clear(result) }
        let status = Int(library.pointee.result_status(result))
        guard status == ASSAY_PG_COMMAND_OK || status == ASSAY_PG_TUPLES_OK else {
            throw fault(result)
        }
        var rows: [[String?]] = []
        for row in 0..<library.pointee.rows(result) {
            var cells: [String?] = []
            for column in 0..<Int32(columnCount(result)) {
                let isNull = library.pointee.is_null(result, row, column) != 0
                cells.append(isNull ? nil : Self.text(library.pointee.value(result, row, column)))
            }
            rows.append(cells)
        }
        return rows
    }

    private func columnCount(_ result: OpaquePointer?) -> Int32 { library.pointee.columns(result) }

    private func fault(_ result: OpaquePointer?) -> DatabaseFault {
        func field(_ code: Unicode.Scalar) -> String {
            library.pointee.result_field(result, Int32(code.value)).map { String(cString: $0) } ?? ""
        }
        let isBroken = library.pointee.status(handle) != 0
        // The primary message alone: the details may quote values.
        let message = field("M")
        let text = message.isEmpty ? Self.oneLine(Self.text(library.pointee.error(handle))) : message
        return DatabaseFault(message: text, state: field("C"), isBroken: isBroken)
    }

    /// Copies rows, as text, into a table.
    func copy(_ rows: [UInt8], _ sql: String) throws(DatabaseFault) {
        let begun = library.pointee.execute(handle, sql)
        let isReady = Int(library.pointee.result_status(begun)) == ASSAY_PG_COPY_IN
        guard isReady else {
            defer { library.pointee.clear(begun) }
            throw fault(begun)
        }
        library.pointee.clear(begun)
        var rest = rows[...]
        while !rest.isEmpty {
            let part = rest.prefix(Self.copiedAtOnce)
            let code = part.withUnsafeBytes { bytes in
                library.pointee.put_copy(handle, bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count))
            }
            guard code == 1 else { throw fault(nil) }
            rest = rest.dropFirst(Self.copiedAtOnce)
        }
        guard library.pointee.end_copy(handle, nil) == 1 else { throw fault(nil) }
        var failure: DatabaseFault?
        while let result = library.pointee.next_result(handle) {
            if Int(library.pointee.result_status(result)) != ASSAY_PG_COMMAND_OK {
                failure = failure ?? fault(result)
            }
            library.pointee.clear(result)
        }
        if let failure { throw failure }
    }

    private static let copiedAtOnce = 1 << 20

    /// Runs `body` in a transaction.
    func transaction(_ body: () throws(DatabaseFault) -> Void) throws(DatabaseFault) {
        try run("BEGIN")
        do throws(DatabaseFault) {
            try body()
        } catch {
            // What failed is told; a connection that is lost has rolled back by itself.
            do throws(DatabaseFault) { try run("ROLLBACK") } catch {}
            throw error
        }
        try run("COMMIT")
    }
}

/// Names as SQL has them.
enum Name {
    static func quoted(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }
}
