import Arguments
import Assay
import AssayCore

/// The summary at the end of a run.
struct Summary {
    let lines: [String]
    /// What is wrong with most of the input.
    let warning: String?

    init(_ result: RunResult, seconds: Double) {
        lines = result.counts.streams.isEmpty ? Self.scoring(result, seconds) : Self.streams(result, seconds)
        let counts = result.counts.since(result.earlier)
        warning =
            counts.backwards > counts.accepted / 2
            ? "times run backwards: sort by time first, 'assay sort'" : nil
    }

    private static func scoring(_ result: RunResult, _ seconds: Double) -> [String] {
        let counts = result.counts.since(result.earlier)
        let reasons = RejectReason.allCases.filter { counts.rejects[Int($0.rawValue)] > 0 }
            .map { "\($0.code) \(Figures.grouped(counts.rejects[Int($0.rawValue)]))" }
        let levels = RiskLevel.allCases.reversed()
            .map { "\($0.label) \(Figures.grouped(counts.levels[Int($0.rawValue)]))" }
        let rules = result.rules.map { "\($0.name) \(Figures.grouped($0.count))" }
        let rate = seconds > 0 ? Double(counts.accepted) / seconds : 0
        var lines = [
            "accepted \(Figures.grouped(counts.accepted)), rejected \(Figures.grouped(counts.rejected))"
                + (reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))"),
            levels.joined(separator: ", "),
        ]
        if counts.backwards > 0 { lines.append(Self.backwards(counts.backwards)) }
        if let learning = result.counts.learning {
            lines += Self.learning(learning, toCome: result.counts.labelsToCome)
        }
        if !rules.isEmpty { lines.append("rules fired: " + rules.joined(separator: ", ")) }
        lines.append(
            "\(Figures.decimal(seconds, digits: 3)) s, \(Figures.decimal(rate, digits: 0)) transactions/s, "
                + "\(Figures.grouped(result.keys)) users, \(Figures.grouped(result.checkpoints)) checkpoints")
        return lines
    }

    /// Over all runs, since that is what the model has learned from.
    private static func learning(_ learning: LearningCounts, toCome: Int) -> [String] {
        let all = learning.labels + learning.changed
        let share = all > 0 ? Double(learning.fraudLabels) / Double(all) : 0
        var outcomes = [
            ("repeated", learning.repeated), ("changed", learning.changed), ("unknown", learning.unknown),
            ("to come", UInt64(toCome)),
        ].filter { $0.1 > 0 }.map { "\($0.0) \(Figures.grouped($0.1))" }
        if all > 0 {
            outcomes.append("\(Figures.decimal(share * 100, digits: 1)) % fraud")
            outcomes.append(
                "longest wait \(Figures.decimal(Double(learning.longestWaitMilliseconds) / 86_400_000, digits: 1)) d")
        }
        var line = "labels \(Figures.grouped(learning.labels))"
        if !outcomes.isEmpty { line += " (\(outcomes.joined(separator: ", ")))" }
        line += "; learned \(Figures.grouped(learning.examples)), \(Figures.grouped(learning.frauds)) fraud"
        if learning.dropped > 0 { line += ", dropped \(Figures.grouped(learning.dropped))" }
        return [line + (learning.isReady ? ", the model is ready" : ", the model is not ready")]
    }

    private static func backwards(_ count: UInt64) -> String {
        "\(Figures.grouped(count)) more than a minute older than the clock"
    }

    private static func streams(_ result: RunResult, _ seconds: Double) -> [String] {
        let counts = result.counts
        let reasons = RejectReason.allCases.filter { counts.rejects[Int($0.rawValue)] > 0 }
            .map { "\($0.code) \(Figures.grouped(counts.rejects[Int($0.rawValue)]))" }
        var lines = [
            "\(Figures.grouped(counts.lines)) lines: accepted \(Figures.grouped(counts.accepted)), "
                + "late \(Figures.grouped(counts.late)), rejected \(Figures.grouped(counts.rejected))"
                + (reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))")
        ]
        if counts.backwards > 0 { lines.append("scored: " + backwards(counts.backwards)) }
        for stream in counts.streams {
            lines.append(
                "\(stream.name): \(Figures.grouped(stream.taken)) in, \(Figures.grouped(stream.made)) out"
                    + (stream.late > 0 ? ", \(Figures.grouped(stream.late)) late" : "")
                    + (stream.timedOut > 0 ? ", \(Figures.grouped(stream.timedOut)) timed out" : "")
                    + (stream.dropped > 0 ? ", \(Figures.grouped(stream.dropped)) sequences dropped" : "")
                    + (stream.ended > 0 ? ", \(Figures.grouped(stream.ended)) ended by changed patterns" : "")
                    + (stream.failed > 0 ? ", \(Figures.grouped(stream.failed)) failed expressions" : ""))
        }
        let done = counts.lines - result.earlier.lines
        let rate = seconds > 0 ? Double(done) / seconds : 0
        lines.append(
            "\(Figures.decimal(seconds, digits: 3)) s, \(Figures.decimal(rate, digits: 0)) lines/s, "
                + "\(Figures.grouped(result.keys)) keys, \(Figures.grouped(result.checkpoints)) checkpoints")
        return lines
    }
}
