import Arguments
import Assay
import AssayCore
import StateStore

/// `assayctl query`.
enum QueryCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        if arguments.flag("json"), arguments.flag("csv") {
            throw Failure(code: .usage, message: "--json and --csv exclude each other; leave one out")
        }
        let state = try StateFolder(arguments).open()
        let users = try state.users()
        let tables = UserTables(users, settings: state.settings, clock: state.clock).tables()
        let database = try state.reading { () throws(StoreError) in try QueryDatabase(tables) }
        var result: any QueryResult = TableResult()
        if arguments.flag("json") { result = JSONResult() } else if arguments.flag("csv") { result = CSVResult() }
        do {
            try database.run(arguments.operands[0]) {
                result.begin($0)
            } row: {
                result.add($0)
            }
        } catch let error as StoreError {
            throw Failure(error, file: state.view.path)
        } catch let error as QueryDatabase.QueryError {
            throw Failure(code: .usage, message: "the query is no good: \(error.message)")
        } catch {
            preconditionFailure("rows are only printed: \(error)")
        }
        result.end()
    }
}

/// How rows are printed.
private protocol QueryResult {
    mutating func begin(_ columns: [String])
    mutating func add(_ row: [QueryValue])
    func end()
}

/// For people: in columns as wide as the first rows need; later rows are printed with these widths as they are found.
private struct TableResult: QueryResult {
    private var header: [String] = []
    private var rows: [[String]] = []
    private var numeric: Set<Int> = []
    private var widths: [Int]?

    private static let measuredRows = 10_000

    mutating func begin(_ columns: [String]) {
        header = columns.map { Page.shown($0) }
        numeric = Set(columns.indices)
    }

    mutating func add(_ row: [QueryValue]) {
        let cells = row.map { $0.cell { Page.shown($0) } }
        if let widths { return Page.line(Page.laidOut(cells, widths, rightAligned: numeric)) }
        for (column, value) in row.enumerated() { if case .text = value { numeric.remove(column) } }
        rows.append(cells)
        if rows.count == Self.measuredRows {
            widths = Page.table(header, rows, rightAligned: numeric)
            rows = []
        }
    }

    func end() { if widths == nil { Page.table(header, rows, rightAligned: numeric) } }
}

/// One document: the columns' names, and each row as a list.
private struct JSONResult: QueryResult {
    private var isFirst = true

    mutating func begin(_ columns: [String]) {
        Page.write("{\"columns\":" + JSON.array(columns.map { .string($0) }).text + ",\"rows\":[")
    }

    mutating func add(_ row: [QueryValue]) {
        let values = row.map { value -> JSON in
            switch value {
            case .null: .null
            case .integer(let number): .integer(number)
            case .real(let number): .real(number)
            case .text(let text): .string(text)
            }
        }
        Page.write((isFirst ? "\n" : ",\n") + JSON.array(values).text)
        isFirst = false
    }

    func end() { Page.line("]}") }
}

/// RFC 4180.
private struct CSVResult: QueryResult {
    mutating func begin(_ columns: [String]) { Page.line(columns.map { CSV.cell($0) }.joined(separator: ",")) }

    mutating func add(_ row: [QueryValue]) {
        Page.line(row.map { $0.cell { CSV.cell($0) } }.joined(separator: ","))
    }

    func end() {}
}

extension QueryValue {
    /// The value as a cell; texts are written by `shown`, missing values are empty.
    fileprivate func cell(_ shown: (String) -> String) -> String {
        switch self {
        case .null: ""
        case .integer(let number): "\(number)"
        case .real(let number): "\(number)"
        case .text(let text): shown(text)
        }
    }
}

/// Texts as cells.
enum CSV {
    static func cell(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return text }
        // By scalars: a quote with an accent after it is one character and still a quote.
        var quoted = "\"".unicodeScalars
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted.append(scalar) }
            quoted.append(scalar)
        }
        return String(quoted) + "\""
    }
}
