import Arguments
import Assay
import AssayCore
import Glibc
import StateStore

/// `assayctl query`.
enum QueryCommand {
    private static let defaultPatience: Int64 = 60_000

    static func run(_ arguments: ParsedArguments) throws(Failure) {
        if arguments.flag("json"), arguments.flag("csv") {
            throw Failure(code: .usage, message: "--json and --csv exclude each other; leave one out")
        }
        let state = try StateFolder(arguments).openAny()
        let users = try state.isPipeline ? state.scoredUsers() : state.users()
        var tables = UserTables(users, settings: state.settings, clock: state.clock).tables()
        if !state.isPipeline {
            tables += LearnedTables(clock: state.clock) { () throws(StoreError) in
                try LearnedState.model(of: state.view, state.settings.learning)
            }.tables()
        }
        if state.isPipeline {
            // Its thresholds are in the configuration of its stream, which the state does not have.
            tables.removeAll { $0.name == "velocity" }
            tables.append(try PipelineCommands.table(state))
        }
        Patience.begin(milliseconds: arguments.integer("patience") ?? defaultPatience)
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
        Patience.end()
        result.end()
    }
}

/// Ends a query that lasts, since the state's log grows while anybody reads an old checkpoint.
private enum Patience {
    /// Only what a signal handler may call, and the message is a constant.
    static func begin(milliseconds: Int64) {
        signal(SIGALRM) { _ in
            let message: StaticString = "\nassayctl: error: the query took longer than --patience, and was ended\n"
            _ = write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
            _exit(ExitCode.inputOutput.rawValue)
        }
        // Whoever started this process may have blocked it.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGALRM)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        var timer = itimerval()
        timer.it_value = timeval(
            tv_sec: time_t(milliseconds / 1000), tv_usec: suseconds_t(milliseconds % 1000 * 1000))
        setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
    }

    static func end() {
        var timer = itimerval()
        setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
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
