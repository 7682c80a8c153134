import AssayCore
import StateStore

/// What people read of an alert.
enum AlertWords {
    /// One line.
    static func headline(_ alert: Alert) -> String {
        let mark = alert.kind == .test ? "test" : alert.kind == .resolved ? "over" : alert.severity.label
        let count = alert.count > 1 ? " (\(alert.count) alerts)" : ""
        return "[\(mark)] \(alert.rule)\(count)"
    }

    /// The message, and of several the first ones.
    static func body(_ alert: Alert) -> String {
        guard alert.count > 1 else { return alert.message }
        let shown = messages(alert)
        let rest = alert.count - Int64(shown.count)
        return "\(alert.count) alerts within a minute:\n" + shown.map { "• \($0)" }.joined(separator: "\n")
            + (rest > 0 ? "\n… and \(rest) more" : "")
    }

    /// The messages of the first of several.
    private static func messages(_ alert: Alert) -> [String] {
        alert.first.compactMap { text in
            do throws(JSONError) {
                guard case .object(let members) = try JSON(parsing: text.utf8),
                    case .string(let message)? = members.first(where: { $0.0 == "message" })?.1
                else { return nil }
                return message
            } catch {
                preconditionFailure("it is JSON of our own: \(error.message)")
            }
        }
    }

    /// What it is about, by name; none where it is about the rule alone.
    static func keys(_ alert: Alert) -> [(name: String, value: String)] {
        do throws(JSONError) {
            guard case .object(let members) = try JSON(parsing: alert.keys.utf8) else { return [] }
            return members.map { name, value in
                if case .string(let text) = value { (name, text) } else { (name, value.text) }
            }
        } catch {
            preconditionFailure("it is JSON of our own: \(error.message)")
        }
    }
}
