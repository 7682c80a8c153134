import Arguments
import Assay
import AssayCore
import Glibc
import StateStore

/// `assayctl export` and `assayctl import`.
enum TransferCommands {
    private static let columns = [
        "user_id", "transactions", "last_ms", "hours", "weekend", "amounts", "places", "types", "recent", "sequences",
        "learned", "checkpoint",
    ]
    /// Those that earlier exports lack.
    private static let later = ["sequences", "learned"]

    static func export(_ arguments: ParsedArguments) throws(Failure) {
        let state = try StateFolder(arguments).openAny()
        if state.isPipeline { return try PipelineCommands.export(state, arguments) }
        let users = try state.users()
        guard let checkpoint = state.view.checkpoint else {
            throw Failure(code: .no, message: "there is no checkpoint yet to export")
        }
        let isCSV = arguments.text("format") == "csv"
        let first = StateTransfer.json(checkpoint)
        if isCSV {
            Page.line(columns.joined(separator: ","))
            Page.line(columns.dropLast().map { _ in "" }.joined(separator: ",") + "," + CSV.cell(first.text))
        } else {
            Page.line(first.text)
        }
        try state.reading { () throws(StoreError) in
            try users.forEach { entry throws(StoreError) in
                let document = StateTransfer.json(try entry.record())
                if isCSV {
                    let cells = columns.dropLast().map { CSV.cell(document[$0].map(cellText) ?? "") }
                    Page.line(cells.joined(separator: ",") + ",")
                } else {
                    Page.line(document.text)
                }
            }
            try LearnedState.model(of: state.view, state.settings.learning)?.forEachDocument { document in
                guard isCSV else { return Page.line(document.text) }
                Page.line(columns.dropLast().map { _ in "" }.joined(separator: ",") + "," + CSV.cell(document.text))
            }
        }
    }

    /// Texts as they are, everything else as JSON.
    private static func cellText(_ json: JSON) -> String { json.string ?? json.text }

    static func `import`(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        if mkdir(folder.path, 0o755) != 0, errno != EEXIST {
            throw Failure(code: .cannotCreate, message: "cannot create '\(folder.path)': \(Diagnostics.explain(errno))")
        }
        let lock = try folder.lock()
        let isThere = access(folder.database, F_OK) == 0
        guard !isThere || arguments.flag("overwrite") else {
            throw Failure(
                code: .cannotCreate,
                message: "there is state in '\(folder.path)' already; name another folder, or use --overwrite")
        }
        let path = arguments.operands.first ?? "-"
        var documents = try Documents(path: path, isCSV: arguments.text("format") == "csv")
        let record = try documents.checkpoint()
        var count: Int64 = 0
        do throws(StoreError) {
            let rewriting = try StateRewriting(
                of: folder.database, functions: [StoredFunction.scoring, StoredFunction.learning])
            var seen: Set<[UInt8]> = []
            var learned: [JSON] = []
            while let next = try documents.next() {
                guard case .user(let user) = next else {
                    if case .learned(let document) = next { learned.append(document) }
                    continue
                }
                guard seen.insert(user.id).inserted else { throw documents.failure("user '\(user.name)' comes twice") }
                try storedBytes(user).withUnsafeBufferPointer { state throws(StoreError) in
                    try user.id.withUnsafeBufferPointer { id throws(StoreError) in
                        try rewriting.add(key: UnsafeRawBufferPointer(id), value: UnsafeRawBufferPointer(state))
                    }
                }
                count += 1
            }
            guard count == record.stage.keys else {
                throw documents.failure("there are \(count) users, the first line says \(record.stage.keys)")
            }
            if !learned.isEmpty { try rewriting.add(try documents.model(learned, of: record)) }
            try rewriting.finish(
                record, older: [], audits: [], action: .import, users: count, at: Now.milliseconds,
                keepingOld: isThere)
        } catch {
            throw error.kind == .damaged
                ? Failure(code: .badData, message: error.message) : Failure(error, file: folder.path)
        }
        extendLifetime(lock)
        if arguments.flag("json") {
            return Page.line(
                JSON.object([("imported", .integer(count)), ("checkpoint", .integer(record.id))]).text)
        }
        Page.line("\(Figures.grouped(count)) users imported; the next 'assay score' resumes from there")
    }

    private static func storedBytes(_ user: UserRecord) -> [UInt8] {
        do throws(StateDecodingError) {
            return try user.stateBytes()
        } catch {
            preconditionFailure("a user that was read has a stored form: \(error.problem)")
        }
    }

    /// Exported documents one after another.
    private struct Documents {
        private let path: String
        private let isCSV: Bool
        private let bytes: [UInt8]
        /// The header of CSV.
        private var header: [String] = []
        private var position = 0
        private var line = 0

        private static let longestExport = 64 << 30

        init(path: String, isCSV: Bool) throws(Failure) {
            self.path = path
            self.isCSV = isCSV
            do throws(FileError) {
                bytes = try readFile(path == "-" ? "/dev/stdin" : path, atMost: Self.longestExport)
            } catch {
                throw Failure(code: .noInput, message: "cannot read '\(path)': \(error.description)")
            }
        }

        /// An error about the document.
        func failure(_ message: String) -> StoreError {
            StoreError(.damaged, "importing", "'\(path)', line \(line): \(message)")
        }

        mutating func checkpoint() throws(Failure) -> CheckpointRecord {
            do throws(StoreError) {
                if isCSV {
                    header = try nextRow() ?? []
                    guard (0...later.count).contains(where: { header == columns.without(later.suffix($0)) }) else {
                        throw failure("the columns are not those of an export")
                    }
                    guard let row = try nextRow(), let cell = row.last else { throw failure("there is no checkpoint") }
                    return try taking { () throws(StateTransfer.Problem) in try StateTransfer.record(parse(cell)) }
                }
                guard let text = nextLine() else { throw failure("there is nothing in it") }
                return try taking { () throws(StateTransfer.Problem) in try StateTransfer.record(parse(text)) }
            } catch {
                throw Failure(code: .badData, message: error.message)
            }
        }

        /// A document after the first.
        enum Document {
            case user(UserRecord)
            case learned(JSON)
        }

        mutating func next() throws(StoreError) -> Document? {
            if isCSV {
                guard let row = try nextRow() else { return nil }
                guard row.count == header.count else { throw failure("it has \(row.count) cells") }
                return try taking { () throws(StateTransfer.Problem) in
                    if row[0].isEmpty, let cell = row.last, !cell.isEmpty { return .learned(try parse(cell)) }
                    var members: [(String, JSON)] = [("user_id", .string(row[0]))]
                    for (name, cell) in zip(header, row).dropFirst().dropLast() {
                        if later.contains(name) {
                            if !cell.isEmpty { members.append((name, .string(cell))) }
                        } else {
                            members.append((name, try parse(cell)))
                        }
                    }
                    return .user(try StateTransfer.user(.object(members)))
                }
            }
            guard let text = nextLine() else { return nil }
            return try taking { () throws(StateTransfer.Problem) in
                let document = try parse(text)
                if document[LearnedModel.kindName] != nil, document["user_id"] == nil { return .learned(document) }
                return .user(try StateTransfer.user(document))
            }
        }

        /// What was learned, from its documents.
        func model(_ documents: [JSON], of record: CheckpointRecord) throws(StoreError) -> LearnedModel {
            do {
                let settings = try Configuration.recorded(record.configuration).scoring.learning
                return try LearnedModel(documents: documents, settings)
            } catch let error as LearnedModel.TransferFault {
                throw failure(error.message)
            } catch {
                throw failure("'configuration' is no good")
            }
        }

        private func taking<Value>(
            _ body: () throws(StateTransfer.Problem) -> Value
        ) throws(StoreError) -> Value {
            do throws(StateTransfer.Problem) {
                return try body()
            } catch {
                throw failure(error.message)
            }
        }

        private func parse(_ text: String) throws(StateTransfer.Problem) -> JSON { try parse(Array(text.utf8)) }

        private func parse(_ text: [UInt8]) throws(StateTransfer.Problem) -> JSON {
            do throws(JSONError) {
                return try JSON(parsing: text)
            } catch {
                throw StateTransfer.Problem(message: "\(error.message) at byte \(error.offset + 1)")
            }
        }

        private mutating func nextLine() -> [UInt8]? {
            while position < bytes.count {
                let end = bytes[position...].firstIndex(of: 0x0A) ?? bytes.count
                defer { position = end + 1 }
                line += 1
                if end > position { return Array(bytes[position..<end]) }
            }
            return nil
        }

        /// The cells of a record of RFC 4180.
        private mutating func nextRow() throws(StoreError) -> [String]? {
            guard position < bytes.count else { return nil }
            line += 1
            var cells: [String] = []
            while true {
                var cell: [UInt8] = []
                if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
                    position += 1
                    while true {
                        guard position < bytes.count else { throw failure("a quote is not closed") }
                        if bytes[position] == UInt8(ascii: "\"") {
                            position += 1
                            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { break }
                        }
                        cell.append(bytes[position])
                        position += 1
                    }
                } else {
                    while position < bytes.count, bytes[position] != UInt8(ascii: ","), bytes[position] != 0x0A {
                        cell.append(bytes[position])
                        position += 1
                    }
                }
                cells.append(String(decoding: cell, as: UTF8.self))
                guard position < bytes.count, bytes[position] == UInt8(ascii: ",") else {
                    position += 1
                    return cells
                }
                position += 1
            }
        }
    }
}

extension [String] {
    fileprivate func without(_ names: some Sequence<String>) -> [String] { filter { !names.contains($0) } }
}
