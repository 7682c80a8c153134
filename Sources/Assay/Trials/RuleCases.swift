import Arguments
import AssayCore
import CivilTime

/// Transactions with the expected results of rules, which people keep beside their rules.
package struct RuleCases {
    package struct Outcome: Sendable {
        package let name: String
        /// What differs from the expectation, one per line.
        package let differences: [String]
    }

    private struct Case {
        let name: String
        let position: TextPosition
        var given: [YAMLNode] = []
        var transaction: YAMLNode?
        var expectations: [(key: String, position: TextPosition, value: YAMLNode)] = []
    }

    private let path: String
    private let cases: [Case]

    private static let largestFile = 16 << 20
    private static let mostGiven = 100_000
    private static let firstSecond: Int64 = 1_735_732_800
    private static let stepMilliseconds: Int64 = 60_000
    private static let longestStep: Int64 = 365 * 86_400_000

    package init(path: String) throws(ConfigurationError) {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try readFile(path, atMost: Self.largestFile)
        } catch {
            throw ConfigurationError(path: path, position: nil, message: error.description)
        }
        self.path = path
        guard let root = try YAMLReader.read(bytes, path: path), case .list(let elements) = root.content else {
            throw ConfigurationError(path: path, position: nil, message: "cases must be a list")
        }
        var cases: [Case] = []
        for element in elements { cases.append(try Self.read(element, path)) }
        self.cases = cases
    }

    private static func read(_ node: YAMLNode, _ path: String) throws(ConfigurationError) -> Case {
        func fault(_ message: String, _ position: TextPosition) -> ConfigurationError {
            ConfigurationError(path: path, position: position, message: message)
        }
        guard case .map(let members) = node.content else {
            throw fault("a case must be a map, not \(node.kindName)", node.position)
        }
        guard case .scalar(let name, _)? = members.first(where: { $0.key == "name" })?.value.content, !name.isEmpty
        else { throw fault("the case has no 'name'", node.position) }
        var result = Case(name: name, position: node.position)
        for (key, position, value) in members {
            switch key {
            case "name": continue
            case "given":
                guard case .list(let elements) = value.content else {
                    throw fault("'given' must be a list of transactions, not \(value.kindName)", value.position)
                }
                result.given = elements
            case "transaction": result.transaction = value
            case "expect":
                guard case .map(let expectations) = value.content else {
                    throw fault("'expect' must be a map, not \(value.kindName)", value.position)
                }
                for expectation in expectations where !Expectation.names.contains(expectation.key) {
                    let near = NearestName.of(expectation.key, among: Expectation.names)
                    throw fault(
                        "nothing is called '\(expectation.key)' here" + (near.map { "; did you mean '\($0)'?" } ?? ""),
                        expectation.position)
                }
                result.expectations = expectations
            default:
                let near = NearestName.of(key, among: ["name", "given", "transaction", "expect"])
                throw fault("a case has no '\(key)'" + (near.map { "; did you mean '\($0)'?" } ?? ""), position)
            }
        }
        guard result.transaction != nil else { throw fault("the case has no 'transaction'", node.position) }
        guard !result.expectations.isEmpty else { throw fault("the case expects nothing", node.position) }
        return result
    }

    private func fault(_ message: String, _ position: TextPosition) -> ConfigurationError {
        ConfigurationError(path: path, position: position, message: message)
    }

    // MARK: Running

    package func run(_ resolved: Configuration.Resolved) throws(ConfigurationError) -> [Outcome] {
        var outcomes: [Outcome] = []
        for one in cases { outcomes.append(try run(one, resolved)) }
        return outcomes
    }

    private func run(_ one: Case, _ resolved: Configuration.Resolved) throws(ConfigurationError) -> Outcome {
        var lane = TrialLane(resolved, format: .jsonl)
        var maker = TransactionMaker(fields: resolved.fields, zone: resolved.zone)
        for node in one.given {
            for line in try maker.lines(node, fault: fault) {
                guard lane.score(lines: line, firstLine: 1).count == 1 else {
                    throw fault("this is not a transaction: \(rejection(lane))", node.position)
                }
            }
        }
        guard let node = one.transaction else { preconditionFailure("every case has one") }
        guard let line = try maker.lines(node, fault: fault).last else { preconditionFailure("there is at least one") }
        _ = lane.takeFailures()
        let failedBefore = lane.failedCounts
        guard let verdict = lane.score(lines: line, firstLine: 1).first else {
            throw fault("this is not a transaction: \(rejection(lane))", node.position)
        }
        let failed = lane.failedCounts.filter { $0.value > failedBefore[$0.key, default: 0] }.map(\.key)
        let result = Expectation.Result(verdict, lane, failed: Set(failed))
        var differences: [String] = []
        for (key, position, value) in one.expectations {
            if let difference = try Expectation.difference(key, value, result, { fault($0, position) }) {
                differences.append(difference)
            }
        }
        return Outcome(name: one.name, differences: differences)
    }

    private func rejection(_ lane: borrowing TrialLane) -> String {
        guard let reject = lane.batch.decoded.rejects.first else { return "nothing" }
        return RejectedLine(reject, text: lane.batch.text).message
    }

    // MARK: Transactions

    /// Makes lines of transactions from the members in a case, and supplies the rest.
    private struct TransactionMaker {
        let fields: TransactionFields
        let zone: TimeZoneRules
        private var number = 0
        private var milliseconds = RuleCases.firstSecond * 1000 - RuleCases.stepMilliseconds

        init(fields: TransactionFields, zone: TimeZoneRules) {
            self.fields = fields
            self.zone = zone
        }

        /// Returns one line, or as many as `count` says, `every` so long.
        mutating func lines(
            _ node: YAMLNode, fault: (String, TextPosition) -> ConfigurationError
        ) throws(ConfigurationError) -> [[UInt8]] {
            guard case .map(let members) = node.content else {
                throw fault("a transaction must be a map, not \(node.kindName)", node.position)
            }
            var count = 1
            var every = RuleCases.stepMilliseconds
            var own: [(String, JSON)] = []
            for (key, _, value) in members {
                switch (key, value.content) {
                case ("count", .scalar(let text, _)):
                    guard let number = Int(text), (1...RuleCases.mostGiven).contains(number) else {
                        throw fault("'count' must be from 1 to \(RuleCases.mostGiven)", value.position)
                    }
                    count = number
                case ("every", .scalar(let text, _)):
                    guard let milliseconds = Quantity.milliseconds(text), milliseconds <= RuleCases.longestStep else {
                        throw fault("'every' must be a duration such as 10s, of up to 365d", value.position)
                    }
                    every = milliseconds
                default: own.append((key, JSON(value)))
                }
            }
            return (0..<count).map { _ in line(own, every) }
        }

        private mutating func line(_ own: [(String, JSON)], _ every: Int64) -> [UInt8] {
            number += 1
            milliseconds += every
            let time = theirName("timestamp")
            let supplied: [(String, JSON)] = [
                (theirName("transaction_id"), .string("t\(number)")), (theirName("user_id"), .string("u")),
                (theirName("amount"), .integer(1)), (time, .real(Double(milliseconds) / 1000)),
            ]
            let given = Set(own.map(\.0))
            if let own = own.last(where: { $0.0 == time })?.1 { note(own) }
            return Array(JSON.object(supplied.filter { !given.contains($0.0) } + own).text.utf8)
        }

        /// The input's name for one of our fields.
        private func theirName(_ field: String) -> String { fields.mapped.first { $0.value == field }?.key ?? field }

        /// The following transactions continue from this time.
        private mutating func note(_ time: JSON) {
            let text = time.string ?? time.text
            let bytes = Array(text.utf8) + [UInt8](repeating: 0, count: InputText.padding)
            let parsed = bytes.withUnsafeBufferPointer { bytes in
                time.string == nil
                    ? ScannedNumber(at: bytes.baseAddress!).flatMap { EventTime($0) }
                    : EventTime(text: UnsafeBufferPointer(rebasing: bytes.dropLast(InputText.padding)), zone: zone)
            }
            // What is not a time is refused with its transaction.
            if let parsed { milliseconds = parsed.milliseconds }
        }
    }
}

/// The expectations that a case may have.
private enum Expectation {
    static let names = ["fired", "shadow", "failed", "decision", "decided_by", "level", "score"]
    private static let scoreTolerance = 1e-6

    struct Result {
        let fired: Set<String>
        let shadow: Set<String>
        let failed: Set<String>
        let decision: String
        let decidedBy: String
        let level: String
        let score: Double

        init(_ verdict: TrialLane.Verdict, _ lane: borrowing TrialLane, failed: Set<String>) {
            var (fired, shadow): (Set<String>, Set<String>) = ([], [])
            for number in verdict.fired {
                guard let rule = lane.rules?.rules[Int(number)] else { continue }
                if rule.isShadow { shadow.insert(rule.name) } else { fired.insert(rule.name) }
            }
            let decidedBy = verdict.assessment.decidedBy
            self.fired = fired
            self.shadow = shadow
            self.failed = failed
            decision = verdict.assessment.decision.label
            self.decidedBy = decidedBy == RiskAssessment.byLevel ? "level" : lane.name(decidedBy)
            level = verdict.assessment.level.label
            score = verdict.assessment.score
        }
    }

    /// Describes the difference, nil if there is none.
    static func difference(
        _ key: String, _ node: YAMLNode, _ result: Result, _ fault: (String) -> ConfigurationError
    ) throws(ConfigurationError) -> String? {
        switch key {
        case "fired": return try compare(key, try names(key, node, fault), result.fired)
        case "shadow": return try compare(key, try names(key, node, fault), result.shadow)
        case "failed": return try compare(key, try names(key, node, fault), result.failed)
        case "score":
            guard case .scalar(let text, _) = node.content, let score = Double(text) else {
                throw fault("'score' must be a number")
            }
            return abs(score - result.score) <= scoreTolerance ? nil : "score is \(result.score), not \(text)"
        default:
            guard case .scalar(let text, _) = node.content else { throw fault("'\(key)' must be a text") }
            let found =
                key == "decision" ? result.decision : key == "decided_by" ? result.decidedBy : result.level
            return found == text ? nil : "\(key) is \(found), not \(text)"
        }
    }

    private static func names(
        _ key: String, _ node: YAMLNode, _ fault: (String) -> ConfigurationError
    ) throws(ConfigurationError) -> Set<String> {
        var names: Set<String> = []
        guard case .list(let elements) = node.content else { throw fault("'\(key)' must be a list of rules") }
        for element in elements {
            guard case .scalar(let name, _) = element.content else { throw fault("'\(key)' must be a list of rules") }
            names.insert(name)
        }
        return names
    }

    private static func compare(
        _ key: String, _ expected: Set<String>, _ found: Set<String>
    ) throws(ConfigurationError) -> String? {
        if expected == found { return nil }
        let missing = expected.subtracting(found).sorted().map { "\($0) has not \(key)" }
        let more = found.subtracting(expected).sorted().map { "\($0) has \(key)" }
        return (missing + more).joined(separator: ", ")
    }
}

extension JSON {
    /// Plain scalars are parsed as JSON, and are texts if that fails.
    fileprivate init(_ node: YAMLNode) {
        switch node.content {
        case .list(let elements): self = .array(elements.map(JSON.init))
        case .map(let members): self = .object(members.map { ($0.key, JSON($0.value)) })
        case .scalar(let text, let isPlain):
            self = .string(text)
            guard isPlain else { return }
            if text.isEmpty { self = .null }
            do throws(JSONError) {
                self = try JSON(parsing: text.utf8)
            } catch {
                // A text without quotes.
                return
            }
        }
    }
}
