import Foundation
import Testing

/// A pattern with a stream of events, and what Apache Flink makes of it.
package struct PatternCase: Decodable, CustomTestStringConvertible, Sendable {
    package struct Where: Decodable, Sendable {
        /// Letters, any of which fits.
        package let type: String
        package let value_gt: Int64?
        package let value_gt_sum_of: String?
    }

    package struct Quantifier: Decodable, Sendable {
        package let times: [Int]?
        package let timesOrMore: Int?
        package let oneOrMore: Bool?

        package var least: Int { times?[0] ?? timesOrMore ?? 1 }
        package var most: Int? { times?[1] }
    }

    package struct Stage: Decodable, Sendable {
        package let name: String?
        package let contiguity: String
        package let `where`: Where?
        package let stages: [Stage]?
        package let quantifier: Quantifier?
        package let optional: Bool?
        package let greedy: Bool?
        package let inner: String?
        package let until: String?

        package var names: [String] { (name.map { [$0] } ?? []) + (stages ?? []).flatMap(\.names) }
    }

    package struct Definition: Decodable, Sendable {
        package let within_ms: Int64?
        package let skip: String
        package let stages: [Stage]

        package var names: [String] { stages.flatMap(\.names) }
    }

    package struct Event: Codable, Sendable {
        package let id: String
        package let key: String
        package let time: Int64
        package let type: String
        package let value: Int64
    }

    /// A match or a timeout.
    package struct Result: Decodable, Equatable, Sendable {
        package var match: [String: [String]]?
        package var timeout: [String: [String]]?
        package var at: Int64

        package init(match: [String: [String]]?, timeout: [String: [String]]?, at: Int64) {
            (self.match, self.timeout, self.at) = (match, timeout, at)
        }
    }

    package struct Answer: Decodable, Sendable {
        package let refused: String?
        package let out: [String: [Result]]?
        package let late: [String]?
    }

    package let `case`: Int
    package let why: String?
    package let pattern: Definition
    package let bound: Int64
    package let events: [Event]
    package let features: [String]
    package let expected: Answer

    package var testDescription: String { "\(`case`), \(why ?? features.joined(separator: " "))" }

    package static let all: [PatternCase] = {
        let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Golden/patterns.jsonl")
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [] }  // noticed by the count
        // What is no case is missed by the count.
        return text.split(separator: "\n").compactMap {
            try? JSONDecoder().decode(PatternCase.self, from: Data($0.utf8))  // missed by the count
        }
    }()

    // MARK: As a pipeline file says it

    /// The value of `pattern`, in flow style.
    package var yaml: String {
        var parts: [String] = []
        if let within = pattern.within_ms { parts.append("within: \(within)ms") }
        let skip = pattern.skip.split(separator: ":")
        switch skip[0] {
        case "skip_to_next": parts.append("skip: next")
        case "skip_past_last": parts.append("skip: past_last")
        case "skip_to_first": parts.append("skip: first \(skip[1])")
        case "skip_to_last": parts.append("skip: last \(skip[1])")
        default: parts.append("skip: none")
        }
        parts.append("timeouts: unfinished")
        parts.append("stages: [\(pattern.stages.map(yaml).joined(separator: ", "))]")
        return "{\(parts.joined(separator: ", "))}"
    }

    private func yaml(_ stage: Stage) -> String {
        var parts = stage.name.map { ["name: \($0)"] } ?? []
        let key = stage.contiguity == "begin" ? "where" : stage.contiguity
        if let condition = stage.where {
            parts.append("\(key): '\(expression(condition))'")
        } else if stage.contiguity != "begin" {
            parts.append("\(key): true")
        }
        if let quantifier = stage.quantifier {
            let most = quantifier.most.map { ", \($0)]" }
            parts.append("times: " + (most.map { "[\(quantifier.least)\($0)" } ?? "\(quantifier.least)+"))
        }
        if stage.optional == true { parts.append("optional: true") }
        if stage.greedy == true { parts.append("greedy: true") }
        if let inner = stage.inner { parts.append("inner: \(inner)") }
        if let until = stage.until { parts.append("until: '\(Self.types(until))'") }
        guard let members = stage.stages else { return "{\(parts.joined(separator: ", "))}" }
        parts.append("stages: [\(members.map(yaml).joined(separator: ", "))]")
        return "{group: {\(parts.joined(separator: ", "))}}"
    }

    private func expression(_ condition: Where) -> String {
        var terms = [Self.types(condition.type)]
        if let least = condition.value_gt { terms.append("value > \(least)") }
        if let stage = condition.value_gt_sum_of {
            // Of no stage nothing was taken.
            let isStage = pattern.names.contains(stage)
            terms.append(isStage ? "value > \(stage).map(e, e.value).sum()" : "value > 0")
        }
        return terms.joined(separator: " && ")
    }

    private static func types(_ letters: String) -> String {
        "event.type in [\(letters.map { "\"\($0)\"" }.joined(separator: ", "))]"
    }
}
