import AssayCore
import CEL
import StateStore

/// Makes alerts of the rows of a rule.
struct AlertMaking {
    let rule: AlertRule
    let layout: AlertLayout
    let values: ValueEncoder

    /// Longer texts are cut.
    static let longestMessage = 4096
    static let longestMatter = 1024

    /// `number`: its place among the results of the rule, which counts where results have no numbers of their own.
    func alert(_ row: [Value], number: Int64, now: Int64) -> Alert {
        var sequence = number
        if let column = layout.sequence, case .int(let int) = row[column] { sequence = int }
        var time = now
        if case .timestamp(let timestamp) = row[layout.time] {
            time = timestamp.seconds * 1000 + Int64(timestamp.nanoseconds) / 1_000_000
        }
        let keys = layout.keys.map { ($0.name, row[$0.column]) }
        let matter = Self.matter(keys.map { ($0.0, values.text($0.1)) })
        var alert = Alert(
            id: Self.id(rule.name, matter, sequence, time), rule: rule.name, severity: severity(row), matter: matter,
            message: message(row), time: time, made: now)
        alert.keys = Self.object(keys, values)
        alert.details = Self.object(
            layout.details.map { ($0.name, row[$0.column]) }.filter { if case .null = $0.1 { false } else { true } },
            values)
        if let column = layout.user, case .string(let text) = row[column] { alert.user = text.string }
        return alert
    }

    /// A severity that is none of ours is a warning: it is better told than lost.
    private func severity(_ row: [Value]) -> AlertSeverity {
        switch layout.severity {
        case .fixed(let severity): return severity
        case .column(let column):
            guard case .string(let text) = row[column] else { return .warning }
            return AlertSeverity(label: text.string) ?? .warning
        }
    }

    private func message(_ row: [Value]) -> String {
        var text = ""
        for piece in layout.message {
            switch piece {
            case .text(let part): text += part
            case .column(let column): text += values.text(row[column])
            }
        }
        return AlertText.cut(text, Self.longestMessage)
    }

    // MARK: Parts of every alert

    /// The same for the same result, however often it is made.
    static func id(_ rule: String, _ matter: String, _ sequence: Int64, _ time: Int64) -> String {
        "\(rule)-\(digest("\(rule)\n\(sequence)\n\(time)\n\(matter)"))"
    }

    /// A matter that is too long ends with a digest, so that two of them stay two.
    static func matter(_ keys: [(String, String)]) -> String {
        let text = keys.map { "\($0)=\($1)" }.joined(separator: ", ")
        guard text.utf8.count > longestMatter else { return text }
        return "\(AlertText.cut(text, longestMatter)) #\(digest(text))"
    }

    private static func digest(_ text: String) -> String {
        let digits = Array("0123456789abcdef")
        return String(
            SHA256.digest(of: Array(text.utf8))[..<12].flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// Members that would make it too long are left out.
    private static func object(_ members: [(String, Value)], _ values: ValueEncoder) -> String {
        var rest = longestObject
        var kept: [(String, JSON)] = []
        for (name, value) in members {
            let text = values.json(value)
            guard text.utf8.count + name.utf8.count <= rest else { continue }
            rest -= text.utf8.count + name.utf8.count
            kept.append((name, .raw(text)))
        }
        return JSON.object(kept).text
    }

    /// Of what is shown of a result: an outbox of any length has a bound.
    static let longestObject = 16_384

    /// What is shown of an alert among others.
    static func summary(_ alert: Alert) -> String {
        JSON.object([
            ("id", .string(alert.id)), ("severity", .string(alert.severity.label)), ("time_ms", .integer(alert.time)),
            ("message", .string(AlertText.cut(alert.message, longestInSummary))),
        ]).text
    }

    private static let longestInSummary = 512
}

/// Texts of a bounded length.
package enum AlertText {
    /// At most so many bytes, cut between two characters.
    package static func cut(_ text: String, _ most: Int) -> String {
        guard text.utf8.count > most else { return text }
        let mark = "…"
        var end = text.utf8.index(text.startIndex, offsetBy: most - mark.utf8.count)
        while end > text.startIndex, end.samePosition(in: text) == nil { end = text.utf8.index(before: end) }
        return text[..<end] + mark
    }
}
