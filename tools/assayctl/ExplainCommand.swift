import Arguments
import Assay
import AssayCore
import Glibc
import StateStore

/// `assayctl explain`.
enum ExplainCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let state = try StateFolder(arguments).open()
        let users = try state.users()
        let resolved = try configuration(arguments, state)
        let changes = try arguments.texts("set").map { text throws(Failure) in try Change(text) }
        var explainer = Explainer(
            settings: resolved.scoring, zone: resolved.zone, fields: resolved.fields, rules: resolved.rules,
            stage: state.view.checkpoint?.stage ?? StageRecord(),
            model: { () throws(StoreError) in
                try LearnedState.model(of: state.view, resolved.scoring.learning)
            })
        let path = arguments.operands.first ?? "-"
        var number: UInt64 = 0
        var documents: [JSON] = []
        if !arguments.flag("json") { Page.line(Page.dim(Self.moment(state))) }
        for line in try lines(of: path) {
            number += 1
            let changed = Change.apply(changes, to: line, resolved.fields)
            let outcome = try state.reading { () throws(StoreError) in
                try explainer.explain(changed, number: number) { id throws(StoreError) in try users.state(of: id) }
            }
            switch outcome {
            case .blank: continue
            case .rejected(let reject):
                if arguments.flag("json") {
                    documents.append(
                        .object([
                            ("line", .unsigned(number)),
                            (
                                "rejected",
                                .object([
                                    ("reason", .string("\(reject.reason.code)")), ("message", .string(reject.message)),
                                ])
                            ),
                        ]))
                } else {
                    Page.line(
                        Page.alarming("line \(number) would be rejected")
                            + ", \(reject.reason.code): \(Page.shown(reject.message))\n")
                }
            case .explained(let explanation):
                if arguments.flag("json") {
                    documents.append(explanation.json(line: number))
                } else {
                    for line in ExplanationText(Page.style, resolved.scoring).lines(explanation) { Page.line(line) }
                }
            }
        }
        if arguments.flag("json") {
            let record = state.view.checkpoint
            Page.line(
                JSON.object([
                    ("as_of_checkpoint", record.map { .integer($0.id) } ?? .null),
                    ("as_of_sequence", .unsigned(record?.stage.sequence ?? 0)),
                    ("explanations", .array(documents)),
                ]).text)
        }
    }

    /// The settings and rules of the last checkpoint, or of a file.
    private static func configuration(
        _ arguments: ParsedArguments, _ state: OpenState
    ) throws(Failure) -> Configuration.Resolved {
        do throws(ConfigurationError) {
            if let path = arguments.text("config") { return try Configuration.load(path).resolve(path: path) }
            return try state.resolvedWithRules()
        } catch {
            throw Failure(error)
        }
    }

    private static let longestInput = 256 << 20

    private static func lines(of path: String) throws(Failure) -> [[UInt8]] {
        do throws(FileError) {
            let bytes = try readFile(path == "-" ? "/dev/stdin" : path, atMost: longestInput)
            return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
        } catch {
            throw Failure(code: .noInput, message: "cannot read '\(path)': \(error.description)")
        }
    }

    /// As of when users are known.
    private static func moment(_ state: OpenState) -> String {
        guard let record = state.view.checkpoint, record.stage.sequence > 0 else { return "nothing was scored yet" }
        return "as if they came next, after transaction \(Figures.grouped(record.stage.sequence)) "
            + "(checkpoint \(record.id), event time \(state.clock.text(record.stage.eventTime)))"
    }

    // MARK: Changed transactions

    /// `--set FIELD=VALUE`.
    private struct Change {
        let field: String
        /// As JSON.
        let value: String

        init(_ text: String) throws(Failure) {
            guard let sign = text.firstIndex(of: "="), sign > text.startIndex else {
                throw Failure(code: .usage, message: "--set takes FIELD=VALUE, such as --set amount=50")
            }
            field = String(text[..<sign])
            try Self.check(field)
            let given = String(text[text.index(after: sign)...])
            // JSON is taken as such; everything else is a text.
            do throws(JSONError) {
                if case .string = try JSON(parsing: given.utf8) {
                    value = JSON.string(given).text
                } else {
                    value = given
                }
            } catch {
                value = JSON.string(given).text
            }
        }

        /// The name must be one that a transaction has, or a member of 'location' or 'metadata'.
        private static func check(_ field: String) throws(Failure) {
            if ["location.", "metadata."].contains(where: { field.hasPrefix($0) && field.count > $0.count }) {
                guard !field.hasPrefix("location.") || TransactionFields.targets.contains(field) else {
                    throw unknown(field)
                }
                return
            }
            guard TransactionFields.targets.contains(field) else { throw unknown(field) }
        }

        private static func unknown(_ field: String) -> Failure {
            let near = NearestName.of(field, among: TransactionFields.targets).map { "; did you mean '\($0)'?" } ?? ""
            return Failure(
                code: .usage, message: "--set knows no field '\(field)'\(near); 'metadata.NAME' sets a member")
        }

        /// The line with the changed members. What cannot be read stays as it is, and is rejected as it is.
        static func apply(_ changes: [Change], to line: [UInt8], _ fields: TransactionFields) -> [UInt8] {
            guard !changes.isEmpty else { return line }
            let parsed: JSON
            do throws(JSONError) {
                parsed = try JSON(parsing: line)
            } catch {
                return line
            }
            guard var members = parsed.members else { return line }
            for change in changes {
                let parts = change.field.split(separator: ".", maxSplits: 1).map(String.init)
                let value = JSON.raw(change.value)
                // What the input calls it.
                let name = fields.mapped.first { $0.value == change.field }?.key
                if parts.count == 1 || name != nil {
                    members = Self.setting(name ?? change.field, to: value, in: members)
                } else {
                    let outer = fields.mapped.first { $0.value == parts[0] }?.key ?? parts[0]
                    let inner = members.last { $0.0 == outer }?.1.members ?? []
                    members = Self.setting(
                        outer, to: .object(Self.setting(parts[1], to: value, in: inner)), in: members)
                }
            }
            return Array(JSON.object(members).text.utf8)
        }

        private static func setting(
            _ name: String, to value: JSON, in members: [(String, JSON)]
        ) -> [(String, JSON)] {
            members.filter { $0.0 != name } + [(name, value)]
        }
    }
}
