import Arguments
import Assay
import AssayCore
import StateStore

/// `assayctl verify`.
enum VerifyCommand {
    /// The problems found, and who is affected.
    private struct Findings {
        var problems: [String] = []
        var affected: Set<String> = []
        /// Whether some of them cannot even be named.
        var hasUnnamed = false
        /// Users, or a pipeline's keys.
        var kind = "users"
        var users = 0
        var pages = 0
    }

    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let folder = StateFolder(arguments)
        var findings = Findings()
        var checkpoint: Int64?
        let file = arguments.operands.first ?? folder.database
        do throws(Failure) {
            let state = try folder.openAny(file)
            checkpoint = state.view.checkpoint?.id
            if state.isPipeline { findings.kind = "keys" }
            examine(state, isDeep: arguments.flag("deep"), &findings)
        } catch {
            guard error.code == .badData else { throw error }
            findings.problems.append(error.message)
            findings.hasUnnamed = true
        }
        report(findings, checkpoint: checkpoint, file: file, isJSON: arguments.flag("json"))
        if !findings.problems.isEmpty {
            throw Failure(
                code: .badData,
                message: "'\(file)' is damaged; 'assayctl snapshot list' shows what could be restored")
        }
    }

    private static func examine(_ state: OpenState, isDeep: Bool, _ findings: inout Findings) {
        do throws(StoreError) {
            findings.problems += try state.view.integrityProblems().map { "SQLite finds: \($0)" }
            findings.problems += try state.view.foreignObjects().map { "\($0) does not belong there" }
            _ = try state.view.checkpoints()
        } catch {
            findings.problems.append(error.description)
        }
        var good: Set<[UInt8]> = []
        // An entry without a value says that the key is gone.
        var forgotten: Set<[UInt8]> = []
        var suspects: Set<[UInt8]> = []
        let problems = state.view.examinePages { page in
            findings.pages += 1
            if page.function == ScoringStage.learningFunctionNumber {
                if let problem = page.problem {
                    findings.problems.append("page \(page.id) of what was learned: \(problem)")
                }
                return
            }
            var reader = StateEntryReader(page.entries)
            var seen: Int64 = 0
            while let entry = reader.next() {
                seen += 1
                let id = Array(entry.key)
                // The newest entry of a user counts.
                if good.contains(id) || suspects.contains(id) || forgotten.contains(id) { continue }
                if page.problem == nil, entry.value.isEmpty {
                    forgotten.insert(id)
                    continue
                }
                var isGood = page.problem == nil
                if isGood, isDeep, !state.isPipeline {
                    do throws(StateDecodingError) {
                        _ = try UserRecord(id: id, state: entry.value)
                    } catch {
                        isGood = false
                        findings.problems.append(
                            "page \(page.id): the state of '\(String(decoding: id, as: UTF8.self))' is \(error.problem)"
                        )
                    }
                }
                if isGood { good.insert(id) } else { suspects.insert(id) }
            }
            if let problem = page.problem {
                findings.problems.append("page \(page.id): \(problem)")
                findings.hasUnnamed = findings.hasUnnamed || seen != page.entryCount
            } else if !reader.isAtEnd || seen != page.entryCount {
                findings.problems.append("page \(page.id): its entries don't fit")
                findings.hasUnnamed = true
            }
        }
        findings.problems += problems
        if isDeep, !state.isPipeline { findings.problems += learnedProblems(state) }
        let expected = state.view.checkpoint?.stage.keys ?? 0
        if problems.isEmpty, suspects.isEmpty, good.count != expected {
            findings.problems.append("\(good.count) \(findings.kind) are there, \(expected) should be")
        }
        if !problems.isEmpty { findings.hasUnnamed = true }
        findings.users = good.count
        findings.affected = Set(suspects.map { String(decoding: $0, as: UTF8.self) })
    }

    private static func learnedProblems(_ state: OpenState) -> [String] {
        do throws(StoreError) {
            _ = try LearnedState.model(of: state.view, state.settings.learning)
            return []
        } catch {
            return [error.description]
        }
    }

    private static let mostNamed = 20

    private static func report(_ findings: Findings, checkpoint: Int64?, file: String, isJSON: Bool) {
        let affected = findings.affected.sorted()
        if isJSON {
            return Page.line(
                JSON.object([
                    ("state", .string(file)), ("whole", .bool(findings.problems.isEmpty)),
                    ("checkpoint", checkpoint.map { .integer($0) } ?? .null),
                    ("users", .integer(Int64(findings.users))), ("pages", .integer(Int64(findings.pages))),
                    ("problems", .array(findings.problems.map { .string($0) })),
                    ("affected_users", .array(affected.map { .string($0) })),
                    ("more_users_affected", .bool(findings.hasUnnamed)),
                ]).text)
        }
        Page.line(
            "\(Page.shown(file)): \(Figures.grouped(findings.users)) \(findings.kind) in "
                + "\(Figures.grouped(findings.pages)) pages"
                + (checkpoint.map { ", checkpoint \($0)" } ?? "")
                + (findings.problems.isEmpty ? ", all whole" : ""))
        for problem in findings.problems { Page.line(Page.alarming("  " + Page.shown(problem))) }
        if !affected.isEmpty {
            let named = affected.prefix(mostNamed).map { Page.shown($0) }.joined(separator: ", ")
            let rest = affected.count > mostNamed ? " and \(Figures.grouped(affected.count - mostNamed)) more" : ""
            Page.line("\(findings.kind) affected: \(named)\(rest)")
        }
        if findings.hasUnnamed {
            Page.line("more \(findings.kind) may be affected; their names cannot be read")
        }
    }
}
